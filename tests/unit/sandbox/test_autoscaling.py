"""Groups on the sandbox do what AWS's do: spread, replace, rebalance, and mind what is suspended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.sandbox.client import VirtualClock
from tests.unit.sandbox.conftest import HOME, World

WEB = {"AutoScalingGroupName": "web"}


class Groups(World):
    """The groups `web` and `api`, and looks at them."""

    def group(self, name: str = "web") -> Any:
        [found] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return found

    @property
    def scaling(self) -> Any:
        if ("witness", "autoscaling") not in self._clients:
            self._clients["witness", "autoscaling"] = self.control.witness("autoscaling", HOME)
        return self._clients["witness", "autoscaling"]

    def states(self, name: str = "web") -> Counter[str]:
        return Counter(one["LifecycleState"] for one in self.group(name)["Instances"])

    def zones(self, name: str = "web") -> list[int]:
        serving = [one for one in self.group(name)["Instances"] if one["LifecycleState"] == "InService"]
        return sorted(Counter(one["AvailabilityZoneId"] for one in serving).values())

    def ids(self, name: str = "web") -> set[str]:
        return {one["InstanceId"] for one in self.group(name)["Instances"]}

    def put(self, name: str, **changes: Any) -> None:
        self.scaling.update_auto_scaling_group(AutoScalingGroupName=name, **changes)

    def later(self, seconds: float) -> None:
        self.control.advance(seconds)


@pytest.fixture(scope="session")
def grouped(aws: tuple[Any, dict[str, Any]]) -> Iterator[tuple[Any, dict[str, Any]]]:
    fork = aws[0].fork()
    front = fork.estate("front")
    yield fork, {**fork.estate("groups"), "front": front}
    fork.quit()


@pytest.fixture
def groups(grouped: tuple[Any, dict[str, Any]]) -> Iterator[Groups]:
    fork = grouped[0].fork()
    made = Groups(fork, grouped[1], VirtualClock(fork.url))
    yield made
    made.close()


def test_groups_spread_over_their_zones_and_are_found_by_tag_in_pages(groups: Groups) -> None:
    assert groups.zones("web") == [4, 4, 4]
    assert groups.zones("api") == [2, 2, 2]
    tagged = [{"Name": "tag:app", "Values": ["shop"]}]
    first = groups.scaling.describe_auto_scaling_groups(Filters=tagged, MaxRecords=1)
    second = groups.scaling.describe_auto_scaling_groups(Filters=tagged, MaxRecords=1, NextToken=first["NextToken"])
    named = [one["AutoScalingGroupName"] for page in (first, second) for one in page["AutoScalingGroups"]]
    assert (named, "NextToken" in second) == (["api", "web"], False)
    nothing = groups.scaling.describe_auto_scaling_groups(Filters=[{"Name": "tag:app", "Values": ["lab"]}])
    assert nothing["AutoScalingGroups"] == []
    of_one = groups.scaling.describe_auto_scaling_instances(InstanceIds=[sorted(groups.ids())[0]])
    assert [one["AutoScalingGroupName"] for one in of_one["AutoScalingInstances"]] == ["web"]


def test_a_sick_instance_is_noticed_after_a_while_and_replaced(groups: Groups) -> None:
    sick = groups.estate["groups"]["web"][0]
    groups.control.weather(sick=[sick])
    groups.later(100)
    assert sick in groups.ids()
    groups.later(100)
    assert groups.states() == {"InService": 11, "Pending": 1, "Terminating": 1}
    groups.later(100)
    assert sick not in groups.ids()
    assert groups.states() == {"InService": 12}
    [instance] = groups.truth.describe_instances(InstanceIds=[sick])["Reservations"][0]["Instances"]
    assert instance["State"]["Name"] == "terminated"
    told = groups.scaling.describe_scaling_activities(**WEB, MaxRecords=2)["Activities"]
    assert sick in told[1]["Description"] + told[0]["Description"]


def test_one_that_is_terminated_by_hand_is_replaced(groups: Groups) -> None:
    gone = groups.estate["groups"]["api"][0]
    groups.truth.terminate_instances(InstanceIds=[gone])
    groups.later(400)
    assert gone not in groups.ids("api")
    assert groups.states("api") == {"InService": 6}


def test_a_new_instance_has_its_grace_period(groups: Groups) -> None:
    groups.put("api", HealthCheckGracePeriod=1000)
    before = groups.ids("api")
    groups.scaling.set_desired_capacity(AutoScalingGroupName="api", DesiredCapacity=7)
    groups.later(60)
    [new] = groups.ids("api") - before
    groups.control.weather(sick=[new])
    groups.later(900)
    assert new in groups.ids("api")
    groups.later(200)
    assert new not in {
        one["InstanceId"] for one in groups.group("api")["Instances"] if one["HealthStatus"] == "Healthy"
    }


@pytest.mark.parametrize(
    ("process", "there", "health"),
    [
        ("HealthCheck", {"InService": 12}, "Healthy"),
        ("ReplaceUnhealthy", {"InService": 12}, "Unhealthy"),
        ("Terminate", {"InService": 12}, "Unhealthy"),
        ("Launch", {"InService": 11}, ""),
    ],
)
def test_what_is_suspended_does_not_happen(groups: Groups, process: str, there: dict[str, int], health: str) -> None:
    sick = groups.estate["groups"]["web"][0]
    groups.scaling.suspend_processes(**WEB, ScalingProcesses=[process])
    assert [one["ProcessName"] for one in groups.group()["SuspendedProcesses"]] == [process]
    groups.control.weather(sick=[sick])
    groups.later(600)
    assert groups.states() == there
    shown = [one["HealthStatus"] for one in groups.group()["Instances"] if one["InstanceId"] == sick]
    assert shown == ([health] if health else [])
    groups.scaling.resume_processes(**WEB, ScalingProcesses=[process])
    groups.later(600)
    assert sick not in groups.ids()
    assert groups.states() == {"InService": 12}


def test_a_zone_that_is_taken_out_is_emptied_without_going_below_the_desired_capacity(groups: Groups) -> None:
    subnets = groups.estate["group_subnets"]
    kept = [subnets[zone] for zone in sorted(subnets)[1:]]
    groups.put("web", VPCZoneIdentifier=",".join(kept))
    for _ in range(20):
        assert groups.states()["InService"] >= 12
        groups.later(20)
    assert groups.zones() == [6, 6]
    groups.put("web", VPCZoneIdentifier=",".join(subnets.values()))
    groups.later(900)
    assert groups.zones() == [4, 4, 4]


def test_suspending_az_rebalance_leaves_instances_where_they_are(groups: Groups) -> None:
    subnets = list(groups.estate["group_subnets"].values())
    groups.scaling.suspend_processes(**WEB, ScalingProcesses=["AZRebalance"])
    groups.put("web", VPCZoneIdentifier=",".join(subnets[1:]))
    groups.later(900)
    assert groups.zones() == [4, 4, 4]


def test_one_long_look_sees_what_many_short_ones_do(groups: Groups) -> None:
    other = Groups(groups.control.fork(), groups.estate, groups.clock)
    for each, looks in ((groups, 1), (other, 60)):
        each.control.weather(sick=each.estate["groups"]["web"][:5])
        each.put("web", VPCZoneIdentifier=",".join(list(each.estate["group_subnets"].values())[1:]))
        for _ in range(looks):
            each.later(600 / looks)
            each.group()
    assert groups.zones() == other.zones() == [6, 6]
    assert len(groups.scaling.describe_scaling_activities(**WEB)["Activities"]) == len(
        other.scaling.describe_scaling_activities(**WEB)["Activities"]
    )
    other.close()


def test_sizes_are_bounds(groups: Groups, refused: Callable[..., str]) -> None:
    api = {"AutoScalingGroupName": "api"}
    for wanted in (2, 10):
        assert refused(groups.scaling.set_desired_capacity, **api, DesiredCapacity=wanted) == "ValidationError"
    assert refused(groups.put, name="api", MinSize=10) == "ValidationError"
    groups.put("api", MinSize=6)
    one = groups.estate["groups"]["api"][0]
    terminate = groups.scaling.terminate_instance_in_auto_scaling_group
    assert refused(terminate, InstanceId=one, ShouldDecrementDesiredCapacity=True) == "ValidationError"
    standby = groups.scaling.enter_standby
    assert refused(standby, **api, InstanceIds=[one], ShouldDecrementDesiredCapacity=True) == "ValidationError"
    assert terminate(InstanceId=one, ShouldDecrementDesiredCapacity=False)["Activity"]["StatusCode"] == "InProgress"
    assert refused(terminate, InstanceId=one, ShouldDecrementDesiredCapacity=False) == "ValidationError"
    groups.later(200)
    assert groups.states("api") == {"InService": 6}


def test_standby_is_out_of_service_and_not_replaced(groups: Groups) -> None:
    one = groups.estate["groups"]["web"][0]
    groups.scaling.enter_standby(**WEB, InstanceIds=[one], ShouldDecrementDesiredCapacity=True)
    groups.control.weather(sick=[one])
    groups.later(900)
    assert groups.states() == {"InService": 11, "Standby": 1}
    groups.control.weather(sick=[])
    groups.scaling.exit_standby(**WEB, InstanceIds=[one])
    groups.later(60)
    assert (groups.states(), groups.group()["DesiredCapacity"]) == ({"InService": 12}, 12)


def test_what_is_protected_is_not_scaled_in(groups: Groups) -> None:
    kept = groups.estate["groups"]["web"][:6]
    groups.scaling.set_instance_protection(**WEB, InstanceIds=kept, ProtectedFromScaleIn=True)
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=6)
    groups.later(200)
    assert groups.ids() == set(kept)


@pytest.mark.parametrize(("result", "state"), [("CONTINUE", "InService"), ("ABANDON", "Terminating")])
def test_a_launch_waits_for_its_hook(groups: Groups, result: str, state: str) -> None:
    hook = {**WEB, "LifecycleHookName": "warm-up"}
    launching = "autoscaling:EC2_INSTANCE_LAUNCHING"
    groups.scaling.put_lifecycle_hook(**hook, LifecycleTransition=launching, HeartbeatTimeout=3600)
    assert groups.scaling.describe_lifecycle_hooks(**WEB)["LifecycleHooks"][0]["DefaultResult"] == "ABANDON"
    before = groups.ids()
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=13)
    groups.later(600)
    assert groups.states() == {"InService": 12, "Pending:Wait": 1}
    [new] = groups.ids() - before
    groups.scaling.complete_lifecycle_action(**hook, InstanceId=new, LifecycleActionResult=result)
    groups.later(10)
    shown = {one["InstanceId"]: one["LifecycleState"] for one in groups.group()["Instances"]}
    assert shown[new] == state


def test_a_termination_waits_for_its_hook_until_the_timeout(groups: Groups) -> None:
    terminating = "autoscaling:EC2_INSTANCE_TERMINATING"
    hook = {**WEB, "LifecycleHookName": "drain", "LifecycleTransition": terminating}
    groups.scaling.put_lifecycle_hook(**hook, HeartbeatTimeout=300, DefaultResult="CONTINUE")
    one = groups.estate["groups"]["web"][0]
    groups.scaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=False)
    groups.later(250)
    assert groups.states() == {"InService": 12, "Terminating:Wait": 1}
    groups.later(100)
    assert groups.states() == {"InService": 12}


def test_a_warm_pool_makes_launches_faster(groups: Groups) -> None:
    groups.scaling.put_warm_pool(**WEB, MinSize=2, MaxGroupPreparedCapacity=14)
    groups.later(100)
    pool = groups.scaling.describe_warm_pool(**WEB)
    assert [one["LifecycleState"] for one in pool["Instances"]] == ["Warmed:Stopped"] * 2
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=13)
    groups.later(10)
    assert groups.states() == {"InService": 13}
    assert groups.group()["WarmPoolConfiguration"]["MinSize"] == 2


def test_health_that_is_set_counts(groups: Groups) -> None:
    one = groups.estate["groups"]["web"][0]
    groups.scaling.set_instance_health(InstanceId=one, HealthStatus="Unhealthy")
    groups.later(200)
    assert one not in groups.ids()


def test_tags_of_groups_are_set_listed_and_removed(groups: Groups, refused: Callable[..., str]) -> None:
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "note", "PropagateAtLaunch": False}
    groups.scaling.create_or_update_tags(Tags=[{**tag, "Value": "x"}])
    listed = groups.scaling.describe_tags(Filters=[{"Name": "key", "Values": ["note"]}])["Tags"]
    assert [(one["ResourceId"], one["Value"]) for one in listed] == [("web", "x")]
    assert refused(groups.scaling.create_or_update_tags, Tags=[{**tag, "Value": "x" * 257}]) == "ValidationError"
    groups.scaling.delete_tags(Tags=[tag])
    assert "note" not in {one["Key"] for one in groups.group()["Tags"]}


def healthy_targets(groups: Groups) -> set[str]:
    arn = groups.estate["front"]["target_groups"]["shop-web"]
    told = groups.control.witness("elbv2", HOME).describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return {one["Target"]["Id"] for one in told if one["TargetHealth"]["State"] == "healthy"}


def test_members_are_targets_as_long_as_they_are_in_service(groups: Groups) -> None:
    first = groups.ids()
    assert first <= healthy_targets(groups)
    gone = sorted(first)[0]
    groups.scaling.terminate_instance_in_auto_scaling_group(InstanceId=gone, ShouldDecrementDesiredCapacity=False)
    assert gone not in healthy_targets(groups)
    groups.later(100)
    [new] = groups.ids() - first
    assert new in healthy_targets(groups)
    api = groups.group("api")["AutoScalingGroupName"]
    other = groups.estate["front"]["target_groups"]["shop-web"]
    groups.scaling.attach_load_balancer_target_groups(AutoScalingGroupName=api, TargetGroupARNs=[other])
    shown = groups.scaling.describe_load_balancer_target_groups(AutoScalingGroupName=api)["LoadBalancerTargetGroups"]
    assert other in [one["LoadBalancerTargetGroupARN"] for one in shown]
    groups.later(60)
    assert groups.ids("api") <= healthy_targets(groups)


def dark_members(groups: Groups) -> list[dict[str, Any]]:
    return [one for one in groups.group()["Instances"] if one["AvailabilityZoneId"] == "use1-az1"]


def test_in_a_dark_zone_instances_are_replaced_elsewhere_and_terminations_wait(groups: Groups) -> None:
    groups.control.disaster("az_dark", zone="use1-az1")
    groups.later(170)
    assert groups.states() == {"InService": 12}
    groups.later(500)
    assert groups.states() == {"InService": 12, "Terminating": 4}
    assert groups.zones() == [6, 6]
    failed = [
        one
        for one in groups.scaling.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
        if one["StatusCode"] == "Failed"
    ]
    assert failed
    groups.control.disaster("heal")
    groups.later(900)
    assert (groups.states(), groups.zones()) == ({"InService": 12}, [4, 4, 4])


def test_a_zone_without_capacity_is_passed_over(groups: Groups) -> None:
    groups.control.weather(no_capacity=["use1-az1/m6i.large"])
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=16)
    groups.later(100)
    assert groups.zones() == [4, 6, 6]
    groups.control.weather(no_capacity=[f"use1-az{number}/*" for number in range(1, 7)])
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=12)
    groups.later(200)
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=13)
    groups.later(100)
    assert groups.states() == {"InService": 12}
    groups.control.weather(no_capacity=[])
    groups.later(100)
    assert groups.states() == {"InService": 13}


def test_what_acts_on_an_instance_in_a_dark_zone_hangs_or_fails(groups: Groups, refused: Callable[..., str]) -> None:
    there = dark_members(groups)[0]["InstanceId"]
    groups.control.disaster("az_dark", zone="use1-az1")
    groups.control.weather(dark={"hang_share": 0})
    terminate = groups.client("autoscaling").terminate_instance_in_auto_scaling_group
    assert refused(terminate, InstanceId=there, ShouldDecrementDesiredCapacity=False) == "InternalError"
    assert groups.states() == {"InService": 12}


def test_a_group_that_ignores_a_shifted_zone_leaves_its_instances_alone(
    groups: Groups, refused: Callable[..., str]
) -> None:
    enabled: dict[str, Any] = {"ZonalShiftEnabled": True}
    assert refused(groups.put, name="web", AvailabilityZoneImpairmentPolicy=enabled) == "ValidationError"
    enabled["ImpairedZoneHealthCheckBehavior"] = "IgnoreUnhealthy"
    groups.put("web", AvailabilityZoneImpairmentPolicy=enabled)
    assert groups.group()["AvailabilityZoneImpairmentPolicy"] == enabled
    arn, arc = groups.group()["AutoScalingGroupARN"], groups.control.witness("arc-zonal-shift", HOME)
    arc.start_zonal_shift(resourceIdentifier=arn, awayFrom="use1-az1", expiresIn="4h", comment="dark")
    groups.control.disaster("az_dark", zone="use1-az1")
    groups.later(900)
    assert [one["LifecycleState"] for one in dark_members(groups)] == ["InService"] * 4
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=15)
    groups.later(100)
    assert (groups.zones(), len(dark_members(groups))) == ([4, 5, 6], 4)


def test_what_does_not_exist_is_refused_and_what_is_not_played_too(groups: Groups, refused: Callable[..., str]) -> None:
    assert refused(groups.put, name="none") == "ValidationError"
    nobody = {"InstanceId": "i-0", "ShouldDecrementDesiredCapacity": False}
    assert refused(groups.scaling.terminate_instance_in_auto_scaling_group, **nobody) == "ValidationError"
    assert refused(groups.put, name="web", VPCZoneIdentifier="subnet-0") == "ValidationError"
    assert refused(groups.scaling.suspend_processes, **WEB, ScalingProcesses=["All"]) == "ValidationError"
    assert refused(groups.scaling.start_instance_refresh, **WEB) == "InvalidAction"
