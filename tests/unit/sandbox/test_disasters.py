"""A zone goes dark and comes back: what load balancers, alarms, AWS Health and ARC show of it, and when."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

World = Any  # see conftest.py


@pytest.fixture(name="front")
def _front(world: World) -> dict[str, Any]:
    built: dict[str, Any] = world.control.estate("front")
    return built


def dark_zone(world: World) -> tuple[str, str]:
    """Return name and ID of the zone of web-1."""
    told = world.truth.describe_instances(InstanceIds=[world.named("web-1")])["Reservations"][0]["Instances"][0]
    name = told["Placement"]["AvailabilityZone"]
    zones = world.truth.describe_availability_zones()["AvailabilityZones"]
    return name, next(z["ZoneId"] for z in zones if z["ZoneName"] == name)


def states(world: World, front: dict[str, Any]) -> dict[str, str]:
    shown = world.client("elbv2").describe_target_health(TargetGroupArn=front["target_groups"]["shop-web"])
    return {d["Target"]["Id"]: d["TargetHealth"]["State"] for d in shown["TargetHealthDescriptions"]}


def alarm_states(world: World, **asked: Any) -> dict[str, str]:
    shown = world.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], **asked)
    return {a["AlarmName"]: a["StateValue"] for a in [*shown["MetricAlarms"], *shown["CompositeAlarms"]]}


def events(world: World, kind: str) -> list[dict[str, Any]]:
    return [e["event"] for e in world.control.events() if e["event"]["detail-type"] == kind]


def test_the_targets_of_a_dark_zone_fail_their_checks_and_recover(world: World, front: dict[str, Any]) -> None:
    bad, good = world.named("web-1"), world.named("web-2")
    assert states(world, front) == {bad: "healthy", good: "healthy"}
    world.control.disaster("az_dark", zone=dark_zone(world)[1])
    assert states(world, front) == {bad: "healthy", good: "healthy"}
    world.control.advance(21)
    assert states(world, front) == {bad: "unhealthy", good: "healthy"}
    world.control.disaster("heal", zone=dark_zone(world)[0])
    world.control.advance(30)
    assert states(world, front)[bad] == "unhealthy"
    world.control.advance(21)
    assert states(world, front)[bad] == "healthy"


def test_a_sick_instance_is_unhealthy_and_a_stopped_one_unused(world: World, front: dict[str, Any]) -> None:
    world.control.weather(sick=[world.named("web-1")])
    assert states(world, front)[world.named("web-1")] == "unhealthy"
    world.truth.stop_instances(InstanceIds=[world.named("web-2")])
    assert states(world, front)[world.named("web-2")] == "unused"


def test_targets_come_and_go(world: World, front: dict[str, Any], refused: Callable[..., str]) -> None:
    elb, arn = world.client("elbv2"), front["target_groups"]["shop-web"]
    added, gone = {"Id": world.named("db-1")}, {"Id": world.named("web-2")}
    for _ in range(2):
        elb.register_targets(TargetGroupArn=arn, Targets=[added])
        elb.deregister_targets(TargetGroupArn=arn, Targets=[gone])
    assert (states(world, front)[added["Id"]], states(world, front)[gone["Id"]]) == ("initial", "draining")
    world.control.advance(301)
    assert states(world, front) == {world.named("web-1"): "healthy", added["Id"]: "healthy"}
    asked = elb.describe_target_health(TargetGroupArn=arn, Targets=[gone])["TargetHealthDescriptions"]
    assert asked[0]["TargetHealth"]["Reason"] == "Target.NotRegistered"
    world.truth.terminate_instances(InstanceIds=[added["Id"]])
    world.control.advance(60)
    assert set(states(world, front)) == {world.named("web-1")}
    assert refused(elb.register_targets, TargetGroupArn=arn, Targets=[added]) == "InvalidTarget"
    assert refused(elb.register_targets, TargetGroupArn=arn, Targets=[{"Id": "i-0"}]) == "InvalidTarget"
    assert refused(elb.describe_target_health, TargetGroupArn="arn:x") == "TargetGroupNotFound"
    assert refused(elb.describe_rules, ListenerArn="arn:x") == "InvalidAction"


def test_groups_and_balancers_are_listed_by_name_arn_and_tag(world: World, front: dict[str, Any]) -> None:
    elb = world.client("elbv2")
    named = elb.describe_target_groups(Names=["shop-api"])["TargetGroups"]
    assert [g["TargetGroupArn"] for g in named] == [front["target_groups"]["shop-api"]]
    pages = elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 1})
    assert [g["TargetGroupName"] for page in pages for g in page["TargetGroups"]] == ["shop-web", "shop-api"]
    [balancer] = elb.describe_load_balancers(LoadBalancerArns=[front["load_balancer"]])["LoadBalancers"]
    assert len(balancer["AvailabilityZones"]) == len(front["zone_ids"])
    assert elb.describe_load_balancers(Names=["shop"])["LoadBalancers"] == [balancer]
    of_it = elb.describe_target_groups(LoadBalancerArn=front["load_balancer"])["TargetGroups"]
    by_arn = elb.describe_target_groups(TargetGroupArns=[g["TargetGroupArn"] for g in of_it])["TargetGroups"]
    assert by_arn == of_it
    [tags] = elb.describe_tags(ResourceArns=[front["target_groups"]["shop-web"]])["TagDescriptions"]
    assert tags["Tags"] == [{"Key": "app", "Value": "shop"}, {"Key": "tier", "Value": "web"}]


@pytest.mark.usefixtures("front")
def test_an_alarm_of_a_dark_zone_fires_after_three_bad_minutes_and_says_since_when(world: World) -> None:
    _, zone_id = dark_zone(world)
    name = f"az-{zone_id}-impaired"
    since = datetime.fromisoformat(world.control.disaster("az_dark", zone=zone_id, health_after_s=None)["since"])
    world.control.advance(150)
    assert (alarm_states(world)[name], events(world, "CloudWatch Alarm State Change")) == ("OK", [])
    world.control.advance(60)
    assert alarm_states(world)[name] == alarm_states(world)["any-az-impaired"] == "ALARM"
    metric, composite = events(world, "CloudWatch Alarm State Change")
    assert metric["detail"]["alarmName"] == name
    assert metric["detail"]["previousState"]["value"] == "OK"
    data = json.loads(metric["detail"]["state"]["reasonData"])
    first = datetime.strptime(data["startDate"], "%Y-%m-%dT%H:%M:%S.%f%z") + timedelta(
        seconds=data["period"] * data["recentDatapoints"].index(0.0)
    )
    assert timedelta() <= since - first < timedelta(minutes=1)
    assert composite["detail"]["alarmName"] == "any-az-impaired"
    triggers = json.loads(composite["detail"]["state"]["reasonData"])["triggeringAlarms"]
    assert [t["arn"] for t in triggers] == metric["resources"]
    assert alarm_states(world, StateValue="ALARM", AlarmNamePrefix="az-") == {name: "ALARM"}


@pytest.mark.usefixtures("front")
def test_an_alarm_goes_back_when_the_zone_does_and_one_not_yet_red_never_turns(world: World) -> None:
    _, zone_id = dark_zone(world)
    name = f"az-{zone_id}-impaired"
    world.control.disaster("az_dark", zone=zone_id)
    world.control.advance(60)
    world.control.disaster("heal")
    world.control.advance(900)
    assert (alarm_states(world)[name], events(world, "CloudWatch Alarm State Change")) == ("OK", [])
    world.control.disaster("az_dark", zone=zone_id)
    world.control.advance(300)
    world.control.disaster("heal")
    world.control.advance(300)
    told = [e["detail"]["state"]["value"] for e in events(world, "CloudWatch Alarm State Change")]
    assert told == ["ALARM", "ALARM", "OK", "OK"]
    assert set(alarm_states(world).values()) == {"OK"}


@pytest.mark.usefixtures("front")
def test_an_alarm_flaps_and_no_event_of_it_is_dropped(world: World) -> None:
    world.control.weather(events={"drop_share": 1.0})
    world.control.disaster("flapping_alarm", name="shop-latency", times=20, within_s=600)
    world.control.advance(600)
    told = Counter(e["detail"]["state"]["value"] for e in events(world, "CloudWatch Alarm State Change"))
    assert told == {"ALARM": 20, "OK": 20}
    world.control.disaster("alarm", name="shop-latency")
    assert alarm_states(world, AlarmNames=["shop-latency"]) == {"shop-latency": "ALARM"}


@pytest.mark.usefixtures("front")
def test_health_speaks_late_in_pages_and_once_more_from_the_backup_region(world: World) -> None:
    name, zone_id = dark_zone(world)
    world.control.disaster("az_dark", zone=name, health_after_s=1200, health_pages=2)
    world.control.advance(1199)
    assert events(world, "AWS Health Event") == []
    world.control.advance(2)
    told = events(world, "AWS Health Event")
    assert [(e["region"], e["detail"]["page"], e["detail"]["backupEvent"]) for e in told] == [
        ("us-east-1", "1", "false"),
        ("us-east-1", "2", "false"),
        ("us-west-2", "1", "true"),
        ("us-west-2", "2", "true"),
    ]
    assert {e["detail"]["communicationId"].rsplit("-", 1)[0] for e in told} == {
        told[0]["detail"]["communicationId"][:-2]
    }
    assert {(e["detail"]["eventRegion"], e["detail"]["availabilityZone"]) for e in told} == {("us-east-1", name)}
    world.control.disaster("heal", zone=zone_id)
    world.control.advance(601)
    assert events(world, "AWS Health Event")[-1]["detail"]["statusCode"] == "closed"


def test_a_shift_moves_traffic_until_it_is_cancelled_or_expires(
    world: World, front: dict[str, Any], refused: Callable[..., str]
) -> None:
    arc, (_, zone_id) = world.client("arc-zonal-shift"), dark_zone(world)
    asked = {"resourceIdentifier": front["load_balancer"], "awayFrom": zone_id, "expiresIn": "1h", "comment": "x"}
    made = arc.start_zonal_shift(**asked)
    assert (made["status"], made["awayFrom"]) == ("ACTIVE", zone_id)
    assert made["expiryTime"] - made["startTime"] == timedelta(hours=1)
    assert refused(arc.start_zonal_shift, **asked) == "ConflictException"
    shown = arc.get_managed_resource(resourceIdentifier=front["load_balancer"])
    assert (shown["appliedWeights"][zone_id], shown["zonalShifts"][0]["zonalShiftId"]) == (0.0, made["zonalShiftId"])
    health = world.client("elbv2").describe_target_health(TargetGroupArn=front["target_groups"]["shop-web"])
    overridden = {d["Target"]["Id"] for d in health["TargetHealthDescriptions"] if "AdministrativeOverride" in d}
    assert overridden == {world.named("web-1")}
    arc.update_zonal_shift(zonalShiftId=made["zonalShiftId"], expiresIn="2h", comment="longer")
    assert arc.cancel_zonal_shift(zonalShiftId=made["zonalShiftId"])["status"] == "CANCELED"
    assert refused(arc.cancel_zonal_shift, zonalShiftId=made["zonalShiftId"]) == "ConflictException"
    again = arc.start_zonal_shift(**asked)
    world.control.advance(3601)
    pages = arc.get_paginator("list_zonal_shifts").paginate(PaginationConfig={"PageSize": 1})
    assert {s["zonalShiftId"]: s["status"] for page in pages for s in page["items"]} == {
        made["zonalShiftId"]: "CANCELED",
        again["zonalShiftId"]: "EXPIRED",
    }
    assert arc.list_zonal_shifts(status="ACTIVE")["items"] == []


def test_what_arc_refuses(world: World, front: dict[str, Any], refused: Callable[..., str]) -> None:
    arc, (_, zone_id) = world.client("arc-zonal-shift"), dark_zone(world)
    asked = {"resourceIdentifier": front["load_balancer"], "awayFrom": zone_id, "expiresIn": "1h", "comment": "x"}
    assert refused(arc.start_zonal_shift, **{**asked, "awayFrom": "use1-az9"}) == "ValidationException"
    assert refused(arc.start_zonal_shift, **{**asked, "expiresIn": "73h"}) == "ValidationException"
    assert refused(arc.start_zonal_shift, **{**asked, "resourceIdentifier": "arn:nothing:here"}) == (
        "ResourceNotFoundException"
    )
    assert refused(arc.cancel_zonal_shift, zonalShiftId="0" * 36) == "ResourceNotFoundException"
    assert refused(arc.get_autoshift_observer_notification_status) == "UnknownOperationException"


@pytest.mark.usefixtures("front")
def test_aws_shifts_traffic_away_by_itself_and_says_so(world: World) -> None:
    _, zone_id = dark_zone(world)
    world.control.disaster("az_dark", zone=zone_id, autoshift=True)
    [event] = events(world, "Autoshift In Progress")
    assert (event["source"], event["detail"]["metadata"]["awayFrom"]) == ("aws.arc-zonal-shift", zone_id)
    arc = world.client("arc-zonal-shift")
    assert [s["awayFrom"] for s in arc.list_autoshifts(status="ACTIVE")["items"]] == [zone_id]
    [managed] = arc.list_managed_resources()["items"]
    assert managed["autoshifts"][0]["appliedStatus"] == "NOT_APPLIED"
    assert managed["appliedWeights"][zone_id] == 1.0
    world.control.disaster("heal", zone=zone_id)
    assert len(events(world, "Autoshift Completed")) == 1
    assert arc.list_autoshifts(status="ACTIVE")["items"] == []


@pytest.mark.usefixtures("front")
def test_a_disaster_that_makes_no_sense_is_refused(world: World) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("flood", {}, "no disaster 'flood'"),
        ("az_dark", {"zone": "use9-az9"}, "no zone"),
        ("heal", {"zone": "use9-az9"}, "no zone"),
        ("az_dark", {"zone": dark_zone(world)[0], "mild": True}, "not known here: mild"),
        ("alarm", {"name": "unheard-of"}, "unheard-of"),
    ]
    for kind, what, said in wrong:
        with pytest.raises(ValueError, match=said):
            world.control.disaster(kind, **what)


@pytest.mark.usefixtures("front")
def test_everything_survives_a_fork_and_throttling_speaks_each_services_language(
    world: World, refused: Callable[..., str]
) -> None:
    _, zone_id = dark_zone(world)
    world.control.disaster("az_dark", zone=zone_id)
    copy = world.control.fork()
    try:
        copy.advance(300)
        told = copy.witness("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
        assert [a["AlarmName"] for a in told] == [f"az-{zone_id}-impaired"]
    finally:
        copy.quit()
    world.control.weather(throttle_reads_share=1.0)
    assert refused(world.client("elbv2").describe_target_groups) == "Throttling"
    assert refused(world.client("arc-zonal-shift").list_zonal_shifts) == "ThrottlingException"


def test_what_reaches_for_something_in_a_dark_zone_is_written_down(
    world: World, front: dict[str, Any], refused: Callable[..., str]
) -> None:
    del front
    instance = world.named("web-1")
    world.control.disaster("az_dark", zone=dark_zone(world)[1])
    world.control.weather(dark={"hang_share": 0})
    assert refused(world.client("ec2").stop_instances, InstanceIds=[instance]) == "InternalError"
    [reached] = world.control.reached()
    assert reached["what"] == ["StopInstances", instance]
    world.control.disaster("heal")
    assert len(world.control.reached()) == 1
