"""Calls are counted as they go over the wire."""

from __future__ import annotations

from chalicelib.aws.calls import CallCounter
from chalicelib.aws.clients import Aws


def test_each_request_is_counted_by_service_operation_and_region(aws: Aws) -> None:
    aws.ec2("us-east-1").describe_volumes()
    aws.ec2("us-east-1").describe_volumes()
    aws.ec2("us-west-2").describe_volumes()
    assert aws.calls.take() == {("ec2", "DescribeVolumes", "us-east-1"): 2, ("ec2", "DescribeVolumes", "us-west-2"): 1}


def test_taking_the_counts_starts_again_at_zero() -> None:
    counter = CallCounter()
    counter.note("ec2", "DescribeVolumes", "us-east-1")
    assert sum(counter.take().values()) == 1
    assert counter.take() == {}
