"""Fast snapshot restore of the sandbox: states, credits, quota, and who is refused within an answer of 200."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sandbox.conftest import World

ZONE = "us-east-1b"
HOUR_S = 3600


def enable(world: World, *snapshots: str, zone: str = ZONE) -> Any:
    return world.truth.enable_fast_snapshot_restores(AvailabilityZones=[zone], SourceSnapshotIds=[*snapshots])


def disable(world: World, snapshot: str, zone: str = ZONE) -> Any:
    return world.truth.disable_fast_snapshot_restores(AvailabilityZones=[zone], SourceSnapshotIds=[snapshot])


def shown(world: World, snapshot: str) -> list[Any]:
    asked = [{"Name": "snapshot-id", "Values": [snapshot]}]
    return list(world.truth.describe_fast_snapshot_restores(Filters=asked)["FastSnapshotRestores"])


def state(world: World, snapshot: str) -> str:
    return str(shown(world, snapshot)[0]["State"])


def is_fast(world: World, snapshot: str, zone: str = ZONE, **more: Any) -> bool:
    asked = {"SnapshotId": snapshot, "AvailabilityZone": zone, "VolumeType": "gp3", **more}
    made = world.truth.create_volume(**asked)
    assert "FastRestored" not in made
    [found] = world.truth.describe_volumes(VolumeIds=[made["VolumeId"]])["Volumes"]
    [health] = world.truth.describe_volume_status(VolumeIds=[made["VolumeId"]])["VolumeStatuses"]
    assert (health["InitializationStatusDetails"]["Progress"] == 100) is found["FastRestored"]
    return bool(found["FastRestored"])


@pytest.fixture(name="big")
def _big(world: World) -> str:
    """A snapshot of 2 TiB: two hours until it is enabled, one credit at most, one every two hours."""
    volume = world.truth.create_volume(AvailabilityZone=ZONE, Size=2048, VolumeType="gp3")["VolumeId"]
    world.control.settle()
    snapshot = str(world.truth.create_snapshot(VolumeId=volume)["SnapshotId"])
    world.control.settle()
    return snapshot


def test_it_is_enabled_an_hour_per_tib_later_and_disabled_by_and_by(world: World, big: str) -> None:
    assert enable(world, big)["Successful"][0]["State"] == "enabling"
    world.control.advance(60)
    assert state(world, big) == "optimizing"
    world.control.advance(2 * HOUR_S)
    [found] = shown(world, big)
    assert found["State"] == "enabled"
    assert found["EnablingTime"] < found["OptimizingTime"] < found["EnabledTime"]
    assert enable(world, big)["Successful"][0]["State"] == "enabled"  # what is on stays as it is
    assert disable(world, big)["Successful"][0]["State"] == "disabling"
    world.control.advance(60)
    assert state(world, big) == "disabled"
    [refused] = disable(world, big)["Unsuccessful"]
    assert refused["FastSnapshotRestoreStateErrors"][0]["Error"]["Code"] == "InvalidParameterValue"
    world.control.advance(2 * HOUR_S)
    assert shown(world, big) == []


def test_a_volume_takes_a_credit_and_the_bucket_starts_empty(world: World, big: str) -> None:
    enable(world, big)
    world.control.advance(2 * HOUR_S + 60)
    assert not is_fast(world, big)  # enabled, and not a credit yet
    world.control.advance(2 * HOUR_S)
    assert not is_fast(world, big, zone="us-east-1c")
    assert not is_fast(world, big, VolumeInitializationRate=300)  # a rate is used instead
    assert is_fast(world, big)
    assert not is_fast(world, big)
    world.control.advance(24 * HOUR_S)
    assert (is_fast(world, big), is_fast(world, big)) == (True, False)  # it holds one at most


def test_small_snapshots_hold_ten_credits(world: World) -> None:
    snapshot = world.snapshot()
    enable(world, snapshot)
    world.control.advance(24 * HOUR_S)
    assert [is_fast(world, snapshot) for _ in range(11)] == [True] * 10 + [False]


def test_a_quota_of_five_snapshots_whatever_the_zones(world: World) -> None:
    first, *others = (
        world.snapshot(name) for name in ("web-1/xvda", "web-1/sdf", "web-2/xvda", "db-1/xvda", "db-1/sdf")
    )
    last = world.snapshot("db-2/xvda")
    enable(world, first, *others)
    assert enable(world, first, zone="us-east-1c")["Unsuccessful"] == []
    answer = enable(world, last)
    assert (answer["Successful"], answer["Unsuccessful"][0]["SnapshotId"]) == ([], last)
    world.truth.delete_snapshot(SnapshotId=first)  # which ends it
    assert shown(world, first) == []
    assert enable(world, last)["Unsuccessful"] == []


def test_what_is_too_large_or_not_completed_is_refused_by_itself(world: World, big: str) -> None:
    volume = world.truth.create_volume(AvailabilityZone=ZONE, Size=17 * 1024, VolumeType="gp3")["VolumeId"]
    world.control.settle()
    huge = world.truth.create_snapshot(VolumeId=volume)["SnapshotId"]
    codes = []
    for _ in range(2):
        answer = enable(world, huge, big)
        assert [one["SnapshotId"] for one in answer["Successful"]] == [big]
        codes.append(answer["Unsuccessful"][0]["FastSnapshotRestoreStateErrors"][0]["Error"]["Code"])
        world.control.settle()
    assert codes == ["IncorrectState", "InvalidParameterValue"]
