"""The client's side: one shared clock, retries that wait in virtual time, and plain errors of the control API."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.sandbox.client import VirtualClock

World = Any  # see conftest.py


def test_sleeping_takes_virtual_time_only_and_the_sandbox_follows(world: World) -> None:
    began = world.control.now()
    world.clock.sleep(86400)
    assert world.control.now() == began
    world.ec2.describe_volumes()
    assert world.control.now() >= began + timedelta(days=1)


def test_an_answer_brings_the_clock_up_to_date(world: World) -> None:
    world.control.advance(3600)
    world.ec2.describe_volumes()
    assert world.clock.now() == world.control.now()
    assert world.clock.now().tzinfo is UTC


def test_the_clock_never_runs_backwards(world: World) -> None:
    before = world.clock.now()
    world.clock.sleep(-5)
    world.clock.seen(before - timedelta(hours=1))
    assert world.clock.now() == before


def test_a_new_clock_starts_at_the_time_of_the_sandbox(world: World) -> None:
    world.control.advance(1000)
    assert VirtualClock(world.control.url).now() == world.control.now()


def test_the_waits_between_retries_are_virtual(world: World) -> None:
    world.control.weather(throttle_share=1, latency_s=0)
    world.attempts = 4
    began = world.clock.now()
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        world.ec2.create_snapshot(VolumeId=world.named("archive"))
    assert world.control.faults()["throttled"] == 4
    assert world.clock.now() > began


def test_a_waiter_waits_in_virtual_time(world: World) -> None:
    made = world.truth.create_snapshot(VolumeId=world.named("batch-1/sdf"))["SnapshotId"]
    world.clock.sleep(30)
    waiter = world.ec2.get_waiter("snapshot_completed")
    waiter.wait(SnapshotIds=[made], WaiterConfig={"Delay": 60, "MaxAttempts": 100})
    assert world.look(made)["State"] == "completed"


@pytest.mark.parametrize(
    "changes", [{"cloudiness": 1}, {"throttle_share": 2}, {"events": {"drop": 1}}, {"kill": {"at": 0}}]
)
def test_a_setting_that_makes_no_sense_is_refused_and_changes_nothing(world: World, changes: dict[str, Any]) -> None:
    before = world.control.weather()
    with pytest.raises(ValueError, match="400"):
        world.control.weather(**changes)
    assert world.control.weather() == before


def test_settings_are_merged_key_by_key(world: World) -> None:
    world.control.weather(quotas={"copies_per_destination": 3})
    quotas = world.control.weather(events={"late_s": 5})["quotas"]
    assert (quotas["copies_per_destination"], quotas["pending_per_volume"]["st1"]) == (3, 1)


def test_time_cannot_be_turned_back(world: World) -> None:
    with pytest.raises(ValueError, match="backwards"):
        world.control.advance(-1)
    now = world.control.now()
    assert world.control.advance(to=now - timedelta(days=1)) == now
