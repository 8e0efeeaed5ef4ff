"""CopySnapshot under weather: keys checked late, limits, what is copied and what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

World = Any  # see conftest.py
Refused = Callable[..., str]


def copy(world: World, source: str, **more: Any) -> str:
    made = world.west.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=source, **more)
    return str(made["SnapshotId"])


def test_a_pending_snapshot_cannot_be_copied(world: World, refused: Refused) -> None:
    source = world.ec2.create_snapshot(VolumeId=world.named("web-1/sdf"))["SnapshotId"]
    assert refused(copy, world=world, source=source) == "IncorrectState"
    world.clock.sleep(3600)
    copy(world, source)


def test_a_missing_source_is_named_as_missing(world: World, refused: Refused) -> None:
    assert refused(copy, world=world, source="snap-00000000") == "InvalidSnapshot.NotFound"


def test_a_copy_takes_time_and_does_not_name_its_volume_or_carry_its_tags(world: World) -> None:
    source = world.snapshot()
    world.truth.create_tags(Resources=[source], Tags=[{"Key": "kept", "Value": "no"}])
    made = copy(world, source)
    assert world.look(made, west=True)["State"] == "pending"
    world.control.advance(7200)
    done = world.look(made, west=True)
    assert (done["State"], done["VolumeId"], done["TransferType"]) == ("completed", "vol-ffffffff", "standard")
    assert "Tags" not in done
    assert done["FullSnapshotSizeInBytes"] == world.look(source)["FullSnapshotSizeInBytes"]


def test_a_copy_carries_the_tags_it_was_asked_for(world: World) -> None:
    wanted = [{"ResourceType": "snapshot", "Tags": [{"Key": "effect", "Value": "e1"}]}]
    made = copy(world, world.snapshot(), TagSpecifications=wanted)
    assert world.look(made, west=True)["Tags"] == [{"Key": "effect", "Value": "e1"}]


def test_a_key_needs_the_word_encrypted(world: World, refused: Refused) -> None:
    code = refused(copy, world=world, source=world.snapshot(), KmsKeyId="alias/recovery")
    assert code == "InvalidParameterDependency"


def test_encryption_cannot_be_switched_off(world: World, refused: Refused) -> None:
    assert refused(copy, world=world, source=world.snapshot(), Encrypted=False) == "InvalidParameterValue"


@pytest.mark.parametrize("key", ["alias/recovery", "arn", "id"])
def test_a_good_key_is_shown_by_its_arn(world: World, key: str) -> None:
    arn = world.estate["keys"]["alias/recovery"]
    named = {"arn": arn, "id": arn.rsplit("/", 1)[1]}.get(key, key)
    made = copy(world, world.snapshot(), Encrypted=True, KmsKeyId=named)
    assert world.look(made, west=True)["KmsKeyId"] == arn


@pytest.mark.parametrize("key", ["alias/nowhere", "home", "disabled", "00000000-0000-4000-8000-000000000000"])
def test_a_bad_key_is_accepted_and_fails_the_copy_afterwards(world: World, key: str) -> None:
    if key == "disabled":
        key = world.estate["keys"]["alias/recovery"]
        world.client("kms", "us-west-2").disable_key(KeyId=key)
    named = world.estate["keys"]["alias/shop"] if key == "home" else key
    made = copy(world, world.snapshot(), Encrypted=True, KmsKeyId=named)
    assert world.look(made, west=True)["State"] == "pending"
    world.control.advance(60)
    failed = world.look(made, west=True)
    assert (failed["State"], failed["StateMessage"]) == ("error", "Given key ID is not accessible")
    assert world.control.events()[-1]["event"]["detail"]["result"] == "failed"


def test_the_arn_of_a_key_in_another_region_is_a_bad_key_even_if_a_replica_is_here(world: World) -> None:
    home = world.client("kms").create_key(MultiRegion=True)["KeyMetadata"]
    replica = world.client("kms").replicate_key(KeyId=home["KeyId"], ReplicaRegion="us-west-2")["ReplicaKeyMetadata"]
    source = world.snapshot()
    states = []
    for arn in (home["Arn"], replica["Arn"]):
        made = copy(world, source, Encrypted=True, KmsKeyId=arn)
        world.control.advance(7200)
        states.append(world.look(made, west=True)["State"])
    assert states == ["error", "completed"]


def test_an_encrypted_source_without_a_key_gets_the_default_key_of_the_destination(world: World) -> None:
    made = copy(world, world.snapshot("db-1/sdf"))
    found = world.look(made, west=True)
    assert found["Encrypted"]
    assert found["KmsKeyId"].startswith("arn:aws:kms:us-west-2:")
    assert found["KmsKeyId"] not in world.estate["keys"].values()


def test_a_destination_takes_a_limited_number_of_copies_at_once(world: World, refused: Refused) -> None:
    source = world.snapshot()
    for _ in range(20):
        copy(world, source)
    assert refused(copy, world=world, source=source) == "ResourceLimitExceeded"
    assert world.control.faults()["quota:ResourceLimitExceeded"] == 1
    world.clock.sleep(7200)
    copy(world, source)


@pytest.mark.parametrize("minutes", [5, 10, 20, 2895])
def test_a_completion_time_comes_in_quarters_of_an_hour(world: World, refused: Refused, minutes: int) -> None:
    code = refused(copy, world=world, source=world.snapshot(), CompletionDurationMinutes=minutes)
    assert code == "InvalidParameterValue"


def test_a_time_based_copy_is_done_within_its_time(world: World) -> None:
    made = copy(world, world.snapshot("batch-1/sdf"), CompletionDurationMinutes=15)
    world.control.advance(16 * 60)
    done = world.look(made, west=True)
    assert (done["State"], done["TransferType"], done["CompletionDurationMinutes"]) == ("completed", "time-based", 15)


@pytest.mark.parametrize("by", ["volume", "snapshot"])
def test_a_copy_can_be_made_to_fail(world: World, by: str) -> None:
    source = world.snapshot()
    world.control.weather(fail_copies=[source if by == "snapshot" else world.named("web-1/sdf")])
    made = copy(world, source)
    world.control.advance(7200)
    assert world.look(made, west=True)["State"] == "error"


def test_a_copy_after_one_with_the_same_key_is_incremental_and_faster(world: World) -> None:
    world.control.weather(copies={"jitter": 0})
    source = world.snapshot("db-1/sdf")
    took, incremental = [], []
    for key in ("alias/recovery", "alias/recovery", None):
        given = {"Encrypted": True, "KmsKeyId": key} if key else {}
        made = copy(world, source, **given)
        world.control.advance(36000)
        done = world.look(made, west=True)
        took.append((done["CompletionTime"] - done["StartTime"]).total_seconds())
        incremental.append(world.control.events()[-1]["event"]["detail"]["Incremental"])
    assert incremental == ["false", "true", "false"]
    assert took[1] < took[0] / 2
    assert took[2] == took[0]
