"""Covers what AWS Health, autoshift, Auto Scaling and EC2 tell of when and where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.aws_news import News, read_news

NOW = datetime(2031, 1, 6, 1, tzinfo=UTC)


def health(**detail: Any) -> News:
    known = {
        "communicationId": "01b0993207d81a09dcd552ebd1e633e36cf1f09a-1",
        "eventRegion": "us-east-1",
        "availabilityZone": "us-east-1a",
        "service": "EC2",
        "startTime": "Thu, 15 Jan 2026 09:58:00 GMT",
    }
    return read_news({"source": "aws.health", "detail": {**known, **detail}}, NOW)


def test_pages_and_copies_of_one_message_of_health_have_one_key() -> None:
    first = health()
    assert first.key == "health/01b0993207d81a09dcd552ebd1e633e36cf1f09a"
    assert health(communicationId="01b0993207d81a09dcd552ebd1e633e36cf1f09a-12", backupEvent="true") == first
    assert health(communicationId="another-1").key != first.key


def test_health_tells_the_region_that_is_meant_since_when_and_the_zones_name() -> None:
    found = health()
    assert (found.region, found.since) == ("us-east-1", datetime(2026, 1, 15, 9, 58, tzinfo=UTC))
    assert found.about == {"health": True, "zone": "us-east-1a", "service": "EC2"}


@pytest.mark.parametrize(
    "odd", [{"communicationId": "", "startTime": "soon", "eventRegion": 5}, {"communicationId": 5, "startTime": 7}]
)
def test_what_health_does_not_say_is_not_made_up(odd: dict[str, Any]) -> None:
    found = health(**odd)
    assert (found.key, found.since) == ("", None)


def test_without_a_zone_the_words_of_health_may_tell_it() -> None:
    said = [{"language": "en_US", "latestDescription": "Errors in use1-az4. Traffic leaves use1-az4."}, "odd"]
    assert health(availabilityZone=None, eventDescription=said).about["zones_told"] == ["use1-az4"]
    assert health(availabilityZone=None, eventDescription="odd").about["zones_told"] == []
    assert "zones_told" not in health(eventDescription=said).about


def test_a_time_without_a_zone_is_no_time() -> None:
    assert health(startTime="Thu, 15 Jan 2026 09:58:00 -0000").since is None


@pytest.mark.parametrize(("what", "begins"), [("Autoshift In Progress", True), ("Autoshift Completed", False)])
def test_an_autoshift_names_the_zone(what: str, begins: bool) -> None:  # noqa: FBT001
    detail = {"version": "0.0.1", "metadata": {"awayFrom": "use1-az1", "notes": ""}}
    found = read_news({"source": "aws.arc-zonal-shift", "detail-type": what, "detail": detail}, NOW)
    assert found.about == {"autoshift": begins, "away_from": "use1-az1"}
    assert found.since == (NOW if begins else None)
    bare = read_news({"source": "aws.arc-zonal-shift", "detail-type": what, "detail": {"metadata": "odd"}}, NOW)
    assert bare.about == {"autoshift": begins}


def test_auto_scaling_names_the_group_and_the_zone() -> None:
    detail = {"AutoScalingGroupName": "web", "EC2InstanceId": "i-1", "Details": {"Availability Zone": "us-east-1a"}}
    found = read_news({"source": "aws.autoscaling", "detail": detail}, NOW)
    assert found.about == {"group": "web", "instance": "i-1", "zone": "us-east-1a"}
    assert read_news({"source": "aws.autoscaling", "detail": {"Details": 1}}, NOW) == News()


def test_ec2_names_the_instance() -> None:
    found = read_news({"source": "aws.ec2", "detail": {"instance-id": "i-1", "state": "stopped"}}, NOW)
    assert found.about == {"instance": "i-1", "state": "stopped"}


def test_an_event_without_detail_tells_nothing() -> None:
    assert read_news({"source": "aws.health", "detail": "text"}, NOW) == News()
