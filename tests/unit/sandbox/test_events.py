"""Events in AWS's shapes, and what the weather does to them; schedules; published messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

World = Any  # see conftest.py


def snapshots(world: World, count: int) -> None:
    """Make so many snapshots, all completed; each has one event."""
    for n in range(count):
        world.truth.create_snapshot(VolumeId=world.estate["volumes"][n])
    world.control.advance(7200)


def test_the_event_of_a_snapshot_has_aws_shape_with_the_region_in_the_account_field(world: World) -> None:
    began = world.control.now()
    made = world.truth.create_snapshot(VolumeId=world.named("web-1/sdf"))["SnapshotId"]
    world.control.advance(7200)
    [delivery] = world.control.events()
    event, detail = delivery["event"], delivery["event"]["detail"]
    arn = f"arn:aws:ec2::us-east-1:snapshot/{made}"
    assert (delivery["n"], delivery["target"]) == (1, "event")
    assert {k: event[k] for k in ("version", "detail-type", "source", "account", "region", "resources")} == {
        "version": "0",
        "detail-type": "EBS Snapshot Notification",
        "source": "aws.ec2",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": [arn],
    }
    assert (detail["event"], detail["result"], detail["cause"]) == ("createSnapshot", "succeeded", "")
    assert detail["snapshot_id"] == arn
    assert detail["source"] == f"arn:aws:ec2::us-east-1:volume/{world.named('web-1/sdf')}"
    assert detail["startTime"] == began.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert detail["endTime"] == event["time"] > detail["startTime"]


def test_the_event_of_a_copy_comes_from_the_destination_and_names_its_source(world: World) -> None:
    source = world.snapshot()
    seen = len(world.control.events())
    world.western_truth.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=source)
    world.control.advance(7200)
    [delivery] = world.control.events(after=seen)
    event = delivery["event"]
    assert (event["region"], event["detail"]["event"]) == ("us-west-2", "copySnapshot")
    assert event["detail"]["source"] == f"arn:aws:ec2::us-east-1:snapshot/{source}"
    assert event["detail"]["Incremental"] == "false"


def test_a_set_has_one_event_for_all_its_members(world: World) -> None:
    made = world.truth.create_snapshots(InstanceSpecification={"InstanceId": world.named("db-1")})["Snapshots"]
    world.control.advance(7200)
    [delivery] = world.control.events()
    assert delivery["event"]["detail-type"] == "EBS Multi-Volume Snapshots Completion Status"
    members = delivery["event"]["detail"]["snapshots"]
    assert {m["snapshot_id"].rsplit("/", 1)[1] for m in members} == {s["SnapshotId"] for s in made}
    assert {m["status"] for m in members} == {"completed"}


def test_no_event_comes_before_its_time(world: World) -> None:
    world.truth.create_snapshot(VolumeId=world.named("web-1/sdf"))
    world.control.advance(30)
    assert world.control.events() == []
    world.control.advance(600)
    assert len(world.control.events()) == 1


def test_asking_again_delivers_nothing_twice(world: World) -> None:
    snapshots(world, 3)
    assert world.control.events() == world.control.events()
    assert [e["n"] for e in world.control.events(after=1)] == [2, 3]


@pytest.mark.parametrize(("share", "count"), [("drop_share", 0), ("double_share", 6)])
def test_events_are_dropped_and_doubled(world: World, share: str, count: int) -> None:
    world.control.weather(events={share: 1})
    snapshots(world, 3)
    found = world.control.events()
    assert len(found) == count
    assert len({e["event"]["id"] for e in found}) == count // 2
    assert world.control.faults() == {"event_dropped" if share == "drop_share" else "event_doubled": 3}


def test_events_are_late_and_then_out_of_order(world: World) -> None:
    world.control.weather(events={"late_s": 86400})
    snapshots(world, 6)
    early = len(world.control.events())
    world.control.advance(86400)
    found = world.control.events()
    assert early < 6 == len(found)
    times = [e["event"]["time"] for e in found]
    assert times != sorted(times)
    assert [e["at"] for e in found] == sorted(e["at"] for e in found)


def schedule(world: World, **more: Any) -> Any:
    given = {"name": "nightly", "expression": "cron(0 3 * * ? *)", "timezone": "Europe/Paris", **more}
    [added] = world.control.schedules([given])
    return added


def test_a_schedule_fires_each_time_that_time_passes_it_and_fills_in_its_input(world: World) -> None:
    text = {"runbook": "nightly", "time": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}
    assert schedule(world, input=text)["next"] == "2031-01-06T02:00:00.000Z"
    assert world.control.events() == []
    world.control.advance(to=world.control.now() + timedelta(days=2, hours=12))
    found = world.control.events()
    assert [e["event"]["time"] for e in found] == [f"2031-01-0{d}T02:00:00Z" for d in (6, 7, 8)]
    assert {e["target"] for e in found} == {"schedule"}
    assert len({e["event"]["id"] for e in found}) == 3


def test_schedules_are_doubled_but_never_dropped_and_settling_leaves_them_alone(world: World) -> None:
    world.control.weather(events={"drop_share": 1, "double_share": 1})
    schedule(world, input={})
    world.control.settle()
    assert world.control.events() == []
    world.control.advance(86400)
    assert len(world.control.events()) == 2


def test_a_schedule_that_is_none_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="400"):
        schedule(world, expression="every now and then")


def test_a_published_message_is_kept_with_its_topic_subject_and_attributes(world: World) -> None:
    attributes = {"run": {"DataType": "String", "StringValue": "r1"}}
    world.client("sns").publish(
        TopicArn=world.estate["topic"], Subject="failed", Message="look", MessageAttributes=attributes
    )
    [found] = world.control.published()
    at = found.pop("at")
    assert found == {
        "n": 1,
        "topic": world.estate["topic"],
        "subject": "failed",
        "message": "look",
        "attributes": {"run": "r1"},
    }
    assert at.startswith("2031-01-06T01:00:0")
