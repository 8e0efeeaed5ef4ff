"""Reading EC2: in batches that a request can hold, by filter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws import listing
from chalicelib.aws.clients import Aws


@settings(deadline=None)
@given(st.lists(st.integers(), max_size=50), st.integers(min_value=1, max_value=12))
def test_batches_hold_everything_in_order_and_none_is_too_large(items: list[int], size: int) -> None:
    batches = list(listing.batches(items, size))
    assert [one for batch in batches for one in batch] == items
    assert all(0 < len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(items) // size)


@pytest.mark.parametrize(("count", "others", "calls"), [(0, 0, 0), (200, 0, 1), (201, 0, 2), (200, 1, 2), (199, 1, 1)])
def test_a_request_never_holds_more_than_200_filter_values(aws: Aws, count: int, others: int, calls: int) -> None:
    filters = {"status": ["completed"] * others} if others else {}
    ids = [f"snap-{number:08x}" for number in range(count)]
    assert listing.snapshots_by(aws, "us-east-1", "snapshot-id", ids, filters) == []
    assert sum(aws.calls.take().values()) == calls


def test_a_volume_on_two_instances_of_different_batches_is_listed_once(aws: Aws) -> None:
    ec2 = aws.ec2("us-east-1", "write")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    found = listing.volumes_by(aws, "us-east-1", "volume-id", [volume] * 201, {})
    assert [one["VolumeId"] for one in found] == [volume]


def test_instances_that_aws_does_not_show_are_left_out(aws: Aws) -> None:
    assert listing.instances_by_id(aws, "us-east-1", ["i-00000000"]) == {}
