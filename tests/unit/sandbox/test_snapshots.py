"""CreateSnapshot, CreateSnapshots and DeleteSnapshot under weather: time, sets, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

World = Any  # see conftest.py
Refused = Callable[..., str]


def test_a_snapshot_is_pending_and_grows_with_time_until_it_is_completed(world: World) -> None:
    made = world.ec2.create_snapshot(VolumeId=world.named("web-1/sdf"))
    assert made["State"] == "pending"
    progress = []
    while world.look(made["SnapshotId"])["State"] == "pending":
        progress.append(int(world.look(made["SnapshotId"])["Progress"].rstrip("%")))
        world.control.advance(10)
    assert progress == sorted(progress)
    assert 5 <= len(progress) <= 40
    assert progress[0] < 20
    assert progress[-1] > 60
    done = world.look(made["SnapshotId"])
    assert done["Progress"] == "100%"
    assert done["StartTime"] < done["CompletionTime"] <= world.control.now()
    assert 0 < done["FullSnapshotSizeInBytes"] < 20 * 2**30


def test_time_stands_still_when_nobody_moves_it(world: World) -> None:
    before = world.control.now()
    world.truth.describe_volumes()
    assert world.control.now() == before


def test_the_second_snapshot_of_a_volume_is_faster(world: World) -> None:
    world.control.weather(snapshots={"jitter": 0})
    first = world.look(world.truth.create_snapshot(VolumeId=world.named("db-1/sdf"))["SnapshotId"])
    world.control.advance(3600)
    second = world.look(world.truth.create_snapshot(VolumeId=world.named("db-1/sdf"))["SnapshotId"])
    world.control.advance(3600)

    def took(snapshot: Any) -> float:
        done = world.look(snapshot["SnapshotId"])
        return float((done["CompletionTime"] - done["StartTime"]).total_seconds())

    assert took(second) < took(first) / 2


def test_one_volume_takes_no_second_snapshot_within_fifteen_seconds(world: World, refused: Refused) -> None:
    volume = world.named("web-1/sdf")
    world.ec2.create_snapshot(VolumeId=volume)
    world.clock.sleep(14)
    assert refused(world.ec2.create_snapshot, VolumeId=volume) == "SnapshotCreationPerVolumeRateExceeded"
    world.clock.sleep(1)
    world.ec2.create_snapshot(VolumeId=volume)
    assert world.control.faults()["quota:SnapshotCreationPerVolumeRateExceeded"] == 1


@pytest.mark.parametrize(("name", "most"), [("web-1/sdf", 5), ("batch-1/sdf", 1)])
def test_a_volume_has_a_limited_number_of_pending_snapshots(
    world: World, refused: Refused, name: str, most: int
) -> None:
    world.control.weather(snapshots={"base_s": 3600})
    for _ in range(most):
        world.ec2.create_snapshot(VolumeId=world.named(name))
        world.clock.sleep(15)
    assert refused(world.ec2.create_snapshot, VolumeId=world.named(name)) == "ConcurrentSnapshotLimitExceeded"
    world.clock.sleep(7200)
    world.ec2.create_snapshot(VolumeId=world.named(name))


def test_a_witness_has_no_limits(world: World) -> None:
    for _ in range(6):
        world.truth.create_snapshot(VolumeId=world.named("batch-1/sdf"))


def test_a_snapshot_deleted_while_pending_still_counts(world: World, refused: Refused) -> None:
    world.control.weather(snapshots={"base_s": 3600})
    volume = world.named("batch-1/sdf")
    made = world.ec2.create_snapshot(VolumeId=volume)
    world.ec2.delete_snapshot(SnapshotId=made["SnapshotId"])
    assert refused(world.truth.describe_snapshots, SnapshotIds=[made["SnapshotId"]]) == "InvalidSnapshot.NotFound"
    world.clock.sleep(60)
    assert refused(world.ec2.create_snapshot, VolumeId=volume) == "ConcurrentSnapshotLimitExceeded"
    world.control.advance(36000)
    assert world.control.events() == []


def test_the_account_has_a_limited_number_of_pending_snapshots(world: World, refused: Refused) -> None:
    world.control.weather(quotas={"pending_per_account": 2})
    world.ec2.create_snapshot(VolumeId=world.named("web-1/sdf"))
    world.ec2.create_snapshot(VolumeId=world.named("web-2/sdf"))
    code = refused(world.ec2.create_snapshot, VolumeId=world.named("archive"))
    assert code == "PendingSnapshotLimitExceeded"


def test_a_set_beyond_a_limit_makes_nothing(world: World, refused: Refused) -> None:
    world.control.weather(quotas={"pending_per_account": 2})
    spec = {"InstanceId": world.named("db-1")}
    assert refused(world.ec2.create_snapshots, InstanceSpecification=spec) == "PendingSnapshotLimitExceeded"
    assert world.truth.describe_snapshots()["Snapshots"] == []


def test_a_set_has_one_snapshot_per_attached_volume_with_its_state(world: World) -> None:
    made = world.ec2.create_snapshots(InstanceSpecification={"InstanceId": world.named("db-1")})["Snapshots"]
    assert {s["VolumeId"] for s in made} == {world.named(n) for n in ("db-1/xvda", "db-1/sdf", "shared")}
    assert {s["State"] for s in made} == {"pending"}


def test_when_one_member_fails_the_whole_set_fails(world: World) -> None:
    world.control.weather(fail_snapshots=[world.named("db-1/sdf")])
    made = world.ec2.create_snapshots(InstanceSpecification={"InstanceId": world.named("db-1")})["Snapshots"]
    world.clock.sleep(7200)
    world.ec2.describe_snapshots()
    found = [world.look(s["SnapshotId"]) for s in made]
    assert [s["State"] for s in found] == ["error"] * 3
    assert all(s["StateMessage"] for s in found)
    [event] = [delivery["event"] for delivery in world.control.events()]
    assert (event["detail"]["event"], event["detail"]["result"]) == ("createSnapshots", "failed")
    assert {s["status"] for s in event["detail"]["snapshots"]} == {"error"}


def test_the_root_volume_cannot_be_excluded_as_a_data_volume(world: World, refused: Refused) -> None:
    spec = {"InstanceId": world.named("web-1"), "ExcludeDataVolumeIds": [world.named("web-1/xvda")]}
    assert refused(world.ec2.create_snapshots, InstanceSpecification=spec) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("excluded", "left"),
    [({"ExcludeBootVolume": True}, "web-1/sdf"), ({"ExcludeDataVolumeIds": ["web-1/sdf"]}, "web-1/xvda")],
)
def test_excluded_volumes_are_left_out(world: World, excluded: dict[str, Any], left: str) -> None:
    if "ExcludeDataVolumeIds" in excluded:
        excluded = {"ExcludeDataVolumeIds": [world.named("web-1/sdf")]}
    spec = {"InstanceId": world.named("web-1"), **excluded}
    [made] = world.ec2.create_snapshots(InstanceSpecification=spec)["Snapshots"]
    assert made["VolumeId"] == world.named(left)


def test_tags_are_copied_from_the_volume_and_own_tags_win(world: World) -> None:
    own = [{"ResourceType": "snapshot", "Tags": [{"Key": "app", "Value": "mine"}]}]
    spec = {"InstanceId": world.named("web-1"), "ExcludeBootVolume": True}
    [made] = world.ec2.create_snapshots(InstanceSpecification=spec, CopyTagsFromSource="volume", TagSpecifications=own)[
        "Snapshots"
    ]
    tags = {tag["Key"]: tag["Value"] for tag in made["Tags"]}
    assert tags == {"Name": "web-1/sdf", "backup": "nightly", "app": "mine"}


def test_a_set_has_a_largest_size(world: World, refused: Refused) -> None:
    world.control.weather(quotas={"set_members": 2})
    spec = {"InstanceId": world.named("db-1")}
    assert refused(world.ec2.create_snapshots, InstanceSpecification=spec) == "InvalidParameterValue"


def test_a_snapshot_of_an_encrypted_volume_carries_its_key(world: World) -> None:
    made = world.ec2.create_snapshot(VolumeId=world.named("db-1/sdf"))
    assert (made["Encrypted"], made["KmsKeyId"]) == (True, world.estate["keys"]["alias/shop"])


def test_a_dry_run_says_so_and_makes_nothing(world: World, refused: Refused) -> None:
    code = refused(world.ec2.create_snapshot, VolumeId=world.named("web-1/sdf"), DryRun=True)
    assert code == "DryRunOperation"
    assert world.truth.describe_snapshots()["Snapshots"] == []


def test_a_missing_volume_is_named_as_missing(world: World, refused: Refused) -> None:
    assert refused(world.ec2.create_snapshot, VolumeId="vol-00000000") == "InvalidVolume.NotFound"


def test_settling_finishes_what_is_pending_and_delivers_its_event(world: World) -> None:
    made = world.ec2.create_snapshot(VolumeId=world.named("web-1/sdf"))["SnapshotId"]
    world.control.settle()
    assert world.ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"] == "completed"
    assert len(world.control.events()) == 1
