"""Faults on the way in and out: throttles, empty buckets, refusals, lost answers; and what is written down of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

World = Any  # see conftest.py
Refused = Callable[..., str]


def outcomes(world: World, count: int) -> list[bool]:
    """Try to tag a volume so many times; True where it worked."""
    worked = []
    for n in range(count):
        try:
            world.ec2.create_tags(Resources=[world.named("archive")], Tags=[{"Key": "n", "Value": str(n)}])
            worked.append(True)
        except ClientError as error:
            said = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
            if said != ("RequestLimitExceeded", 503):
                raise
            worked.append(False)
    return worked


def test_a_share_of_writes_is_throttled_and_reads_are_not(world: World) -> None:
    world.control.weather(throttle_share=0.5)
    assert 5 <= sum(outcomes(world, 30)) <= 25
    for _ in range(30):
        world.ec2.describe_volumes(MaxResults=5)
    assert world.control.faults()["throttled"] >= 5


def test_reads_have_a_share_of_their_own(world: World, refused: Refused) -> None:
    world.control.weather(throttle_reads_share=1)
    assert refused(world.ec2.describe_volumes) == "RequestLimitExceeded"
    assert outcomes(world, 1) == [True]


def test_the_same_seed_makes_the_same_chance_and_another_seed_another(world: World) -> None:
    def replay(seed: int) -> list[bool]:
        fork = world.control.fork()
        fork.weather(throttle_share=0.5, seed=seed)
        other = type(world)(fork, world.estate, world.clock)
        found = outcomes(other, 20)
        other.close()
        return found

    first = replay(7)
    assert replay(7) == first
    assert replay(8) != first


def test_a_bucket_empties_and_is_refilled_by_virtual_time(world: World) -> None:
    world.control.weather(latency_s=0, buckets={"per_action": {"CreateTags": [3, 0.5]}})
    assert outcomes(world, 5) == [True, True, True, False, False]
    world.clock.sleep(4)
    assert outcomes(world, 3) == [True, True, False]
    assert world.control.faults() == {"bucket_empty": 3}
    world.control.weather(buckets={"on": False})
    assert all(outcomes(world, 10))


def test_every_call_takes_virtual_time(world: World) -> None:
    before = world.control.now()
    outcomes(world, 10)
    assert (world.control.now() - before).total_seconds() == pytest.approx(1.0)


def test_a_lost_answer_comes_after_the_effect(world: World) -> None:
    world.control.weather(lost_answer_share=1)
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        world.ec2.create_snapshot(VolumeId=world.named("archive"))
    assert len(world.truth.describe_snapshots()["Snapshots"]) == 1
    world.ec2.describe_volumes()
    assert world.control.faults()["answer_lost"] == 1


def test_refused_writes_change_nothing_and_reads_go_on(world: World, refused: Refused) -> None:
    world.control.weather(refuse_writes=True)
    assert refused(world.ec2.create_snapshot, VolumeId=world.named("archive")) == "UnauthorizedOperation"
    topic = world.estate["topic"]
    assert refused(world.client("sns").publish, TopicArn=topic, Message="m") == "AuthorizationError"
    key = world.estate["keys"]["alias/shop"]
    assert refused(world.client("kms").disable_key, KeyId=key) == "AccessDeniedException"
    assert world.truth.describe_snapshots()["Snapshots"] == []
    assert world.control.published() == []
    assert len(world.ec2.describe_volumes()["Volumes"]) == 12
    assert world.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_calls_are_counted_by_what_they_are_and_how_they_ended(world: World, refused: Refused) -> None:
    world.control.reset_calls()
    world.ec2.describe_volumes()
    refused(world.west.copy_snapshot, SourceRegion="us-east-1", SourceSnapshotId="snap-00000000")
    refused(world.client("kms").describe_key, KeyId="alias/none")
    found = {(c["service"], c["operation"], c["region"], c["outcome"]): c["count"] for c in world.control.calls()["by"]}
    assert found == {
        ("ec2", "DescribeVolumes", "us-east-1", "ok"): 1,
        ("ec2", "CopySnapshot", "us-west-2", "InvalidSnapshot.NotFound"): 1,
        ("kms", "DescribeKey", "us-east-1", "NotFoundException"): 1,
    }
    assert [c["operation"] for c in world.control.call_log(after=1)] == ["CopySnapshot", "DescribeKey"]


def test_a_witness_is_not_counted_takes_no_time_and_meets_no_faults(world: World) -> None:
    world.control.reset_calls()
    world.control.weather(throttle_share=1, throttle_reads_share=1, lost_answer_share=1)
    before = world.control.now()
    world.truth.create_snapshot(VolumeId=world.named("archive"))
    assert len(world.truth.describe_snapshots()["Snapshots"]) == 1
    assert world.control.calls()["total"] == 0
    assert world.control.now() == before


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda kms, key: kms.disable_key(KeyId=key), "Disabled"),
        (lambda kms, key: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7), "PendingDeletion"),
    ],
)
def test_the_state_of_a_key_is_visible(world: World, change: Callable[..., Any], state: str) -> None:
    kms = world.client("kms", "us-west-2")
    change(kms, world.estate["keys"]["alias/recovery"])
    assert kms.describe_key(KeyId="alias/recovery")["KeyMetadata"]["KeyState"] == state
