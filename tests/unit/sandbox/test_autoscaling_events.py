"""What groups post to EventBridge, and what they say when EC2 has no capacity."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.unit.sandbox import test_autoscaling
from tests.unit.sandbox.test_autoscaling import WEB, Groups

grouped, groups = test_autoscaling.grouped, test_autoscaling.groups
HOOK = {**WEB, "LifecycleHookName": "drain", "NotificationMetadata": "more"}


def posted(groups: Groups, what: str = "") -> list[dict[str, Any]]:
    every = [one["event"] for one in groups.control.events() if one["event"]["source"] == "aws.autoscaling"]
    return [one for one in every if what in one["detail-type"]]


def test_a_replacement_is_told_when_the_old_one_is_gone_and_the_new_one_serves(groups: Groups) -> None:
    assert posted(groups) == []  # those that the estate begins with have been there for long
    before, gone = groups.ids(), groups.estate["groups"]["web"][0]
    groups.scaling.terminate_instance_in_auto_scaling_group(InstanceId=gone, ShouldDecrementDesiredCapacity=False)
    assert posted(groups) == []
    groups.later(300)
    [new] = groups.ids() - before
    [launched], [terminated] = posted(groups, "Launch Successful"), posted(groups, "Terminate Successful")
    arn = groups.group("web")["AutoScalingGroupARN"]
    for event, instance, way in ((launched, new, ("EC2", "AutoScalingGroup")), (terminated, gone, way_back())):
        detail = event["detail"]
        assert event["resources"] == [arn, f"arn:aws:ec2:us-east-1:{event['account']}:instance/{instance}"]
        assert (detail["EC2InstanceId"], detail["StatusCode"], detail["AutoScalingGroupName"]) == (
            instance,
            "InProgress",
            "web",
        )
        assert (detail["Origin"], detail["Destination"]) == way
        assert set(detail["Details"]) == {"Availability Zone", "Subnet ID"}
        assert detail["StartTime"] <= detail["EndTime"] == event["time"]
    activities = groups.scaling.describe_scaling_activities(**WEB)["Activities"]
    assert launched["detail"]["ActivityId"] in {one["ActivityId"] for one in activities}


def way_back() -> tuple[str, str]:
    return "AutoScalingGroup", "EC2"


def test_hooks_are_told_with_the_token_that_completes_them(groups: Groups) -> None:
    transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    groups.scaling.put_lifecycle_hook(**HOOK, LifecycleTransition=transition)
    gone = groups.estate["groups"]["web"][0]
    groups.scaling.terminate_instance_in_auto_scaling_group(InstanceId=gone, ShouldDecrementDesiredCapacity=False)
    [event] = posted(groups, "Lifecycle Action")
    detail = event["detail"]
    assert event["detail-type"] == "EC2 Instance-terminate Lifecycle Action"
    assert (detail["LifecycleTransition"], detail["NotificationMetadata"]) == (transition, "more")
    groups.scaling.complete_lifecycle_action(
        **WEB,
        LifecycleHookName="drain",
        LifecycleActionToken=detail["LifecycleActionToken"],
        LifecycleActionResult="CONTINUE",
    )
    groups.later(300)
    assert gone not in groups.ids()
    assert [one["detail"]["EC2InstanceId"] for one in posted(groups, "Terminate Successful")] == [gone]


def test_a_launch_without_capacity_fails_tries_other_zones_and_says_so(groups: Groups) -> None:
    groups.control.weather(no_capacity=["use1-az1/m6i.large"])
    groups.scaling.set_desired_capacity(**WEB, DesiredCapacity=15)
    groups.later(100)
    assert groups.states() == {"InService": 15}
    every = groups.scaling.describe_scaling_activities(**WEB)["Activities"]
    failed = [one for one in every if one["StatusCode"] == "Failed"][-1]
    assert "InsufficientInstanceCapacity - We currently do not have sufficient m6i.large" in failed["StatusMessage"]
    event = posted(groups, "Launch Unsuccessful")[0]
    assert (event["detail"]["StatusMessage"], event["detail"]["StatusCode"]) == (failed["StatusMessage"], "Failed")
    assert (event["detail"]["EC2InstanceId"], len(event["resources"])) == ("", 1)
    assert event["detail"]["Details"]["Availability Zone"].startswith("us-east-1")


def test_a_zone_without_capacity_is_not_filled_by_moving_instances_around_for_ever(groups: Groups) -> None:
    there = [one["InstanceId"] for one in groups.group("web")["Instances"] if one["AvailabilityZoneId"] == "use1-az1"]
    groups.control.weather(no_capacity=["use1-az1/*"])
    for one in there:
        groups.scaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=False)
    groups.later(300)
    assert groups.zones() == [6, 6]
    before = groups.ids()
    groups.later(3600)
    assert groups.ids() == before
    groups.control.weather(no_capacity=[])
    groups.later(1800)
    assert groups.zones() == [4, 4, 4]


def test_a_termination_in_a_dark_zone_is_told_once_and_again_when_it_is_done(groups: Groups) -> None:
    groups.control.disaster("az_dark", zone="use1-az1")
    groups.later(1200)
    told = Counter(one["detail"]["EC2InstanceId"] for one in posted(groups, "Terminate Unsuccessful"))
    assert (len(told), set(told.values())) == (6, {1})  # of both groups
    groups.control.disaster("heal")
    groups.later(900)
    assert {one["detail"]["EC2InstanceId"] for one in posted(groups, "Terminate Successful")} >= set(told)
