"""Three manners of clients: those that cannot write, those that may retry, those that never do."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.clients import RETRIES, Aws
from chalicelib.errors import RefusedError
from chalicelib.settings import Settings

REGION = "us-east-1"


def test_a_reading_client_reads(aws: Aws) -> None:
    assert aws.ec2(REGION).describe_volumes()["Volumes"] == []


def test_a_reading_client_refuses_to_write_before_anything_is_sent(aws: Aws) -> None:
    with pytest.raises(RefusedError) as caught:
        aws.ec2(REGION).create_volume(AvailabilityZone="us-east-1a", Size=1)
    assert caught.value.code == "aws.read_only"
    assert "CreateVolume" in caught.value.message
    assert aws.calls.take() == {}


def test_a_reading_client_may_ask_whether_it_could(aws: Aws) -> None:
    with pytest.raises(ClientError, match="DryRunOperation"):
        aws.ec2(REGION).create_volume(AvailabilityZone="us-east-1a", Size=1, DryRun=True)


@pytest.mark.parametrize("manner", ["write", "once"])
def test_the_other_manners_write(aws: Aws, manner: str) -> None:
    made = aws.ec2(REGION, manner).create_volume(AvailabilityZone="us-east-1a", Size=1)
    assert made["VolumeId"].startswith("vol-")


def test_a_client_is_made_once_per_service_region_and_manner(aws: Aws) -> None:
    assert aws.ec2(REGION) is aws.ec2(REGION)
    assert aws.ec2(REGION) is not aws.ec2("us-west-2")
    assert aws.ec2(REGION) is not aws.ec2(REGION, "write")
    assert aws.sns(REGION) is not aws.sns(REGION, "once")


@pytest.mark.parametrize(("manner", "sent"), [("once", 1), ("write", RETRIES), ("read", RETRIES)])
def test_what_has_no_token_is_sent_once_and_the_rest_is_tried_again(aws: Aws, manner: str, sent: int) -> None:
    client: Any = aws.ec2(REGION, manner)
    assert client.meta.config.retries["total_max_attempts"] == sent


def test_the_timeout_is_shorter_than_the_longest_wait_for_an_answer(aws: Aws) -> None:
    client: Any = aws.ec2(REGION)
    assert client.meta.config.read_timeout < Settings(region=REGION).pace.call_timeout_s


def test_the_session_is_prepared_once_before_any_client(aws: Aws) -> None:
    prepared: list[Any] = []
    other = Aws(aws.settings, prepare=prepared.append)
    assert prepared == []
    other.ec2(REGION)
    other.ec2("us-west-2")
    assert len(prepared) == 1
