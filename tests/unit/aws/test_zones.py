"""Zone names at the edge, zone IDs inside."""

from __future__ import annotations

import pytest

from chalicelib.aws.clients import Aws
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.errors import InputError

ZONES = Zones("us-east-1", {"us-east-1a": "use1-az6", "us-east-1b": "use1-az1"})


def test_a_name_becomes_an_id_and_back() -> None:
    assert ZONES.id_of("us-east-1a") == "use1-az6"
    assert ZONES.name_of("use1-az6") == "us-east-1a"
    assert ZONES.name_of("us-east-1b") == "us-east-1b"


def test_a_zone_that_aws_does_not_list_keeps_its_name() -> None:
    assert ZONES.id_of("us-west-2-lax-1a") == "us-west-2-lax-1a"


def test_an_unknown_zone_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"us-east-1a \(use1-az6\), us-east-1b \(use1-az1\)"):
        ZONES.name_of("use1-az9")


def test_zones_are_read_in_one_call(aws: Aws) -> None:
    zones = read_zones(aws, "us-east-1")
    assert zones.name_of(zones.id_of("us-east-1a")) == "us-east-1a"
    assert aws.calls.take() == {("ec2", "DescribeAvailabilityZones", "us-east-1"): 1}
