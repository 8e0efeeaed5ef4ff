"""The demo's disaster: everything is brought back by the alarm alone, and what is not so would be noticed."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from chalicelib.aws.tags import RESTORED
from chalicelib.cli.disaster import EVENING, RUNBOOK, Disaster
from chalicelib.cli.rescue import Rescue
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox


@pytest.fixture(scope="module", name="struck")
def _struck() -> Iterator[tuple[Disaster, io.StringIO]]:
    page = io.StringIO()
    with Sandbox.start(seed=7, start=EVENING.isoformat()) as box:
        disaster = Disaster(Console(file=page, width=160, highlight=False), box.control)
        disaster.prepare()
        disaster.strike()
        box.control.advance(60)
        yield disaster, page


def seen_after(disaster: Disaster, control: Control) -> list[str]:
    return Rescue.read(control, disaster.estate, disaster.zone_id).wrong


def test_the_alarm_alone_brings_everything_back_although_the_engine_is_killed(
    struck: tuple[Disaster, io.StringIO],
) -> None:
    disaster, page = struck
    record = disaster.record(RUNBOOK)
    assert record.state.value == "succeeded"
    assert record.cause.kind == "alarm"
    assert (disaster.kills, record.generation) == (1, 2)
    assert seen_after(disaster, disaster.control) == []
    assert record.objectives.rto.met is record.objectives.rpo.met is True
    assert record.times.troubled_since < record.times.caused_at
    assert "the engine is killed (SIGKILL)" in page.getvalue()


def test_what_is_missing_or_there_twice_is_noticed(struck: tuple[Disaster, io.StringIO]) -> None:
    disaster, _ = struck
    control = disaster.control.fork()
    try:
        ec2 = control.witness("ec2")
        found = ec2.describe_instances(Filters=[{"Name": "tag-key", "Values": [RESTORED]}])["Reservations"]
        first = found[0]["Instances"][0]["InstanceId"]
        lost = next(t["Value"] for t in found[1]["Instances"][0]["Tags"] if t["Key"] == RESTORED)
        ec2.terminate_instances(InstanceIds=[first])
        ec2.create_tags(Resources=[disaster.estate["names"]["web-2"]], Tags=[{"Key": RESTORED, "Value": lost}])
        control.witness("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
        control.witness("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=14)
        control.weather(sick=[one["Instances"][0]["InstanceId"] for one in found])
        control.advance(600)
        wrong = "; ".join(seen_after(disaster, control))
    finally:
        control.quit()
    assert "has no running replacement in another zone" in wrong
    assert f"{lost} was replaced 2 times" in wrong
    assert "of shop-" in wrong
    assert "group web has 12 of 14 in service" in wrong


def test_the_zone_comes_back_fenced_first_and_groups_and_traffic_return(
    struck: tuple[Disaster, io.StringIO],
) -> None:
    disaster, page = struck
    assert disaster.prove(disaster.record(RUNBOOK))
    assert "all is back, nothing twice" in page.getvalue()
    assert "3 of 3 old instances are fenced" in page.getvalue()
    assert "groups and traffic are as they were" in page.getvalue()
    assert disaster.record(RUNBOOK).state.value == "undone"
