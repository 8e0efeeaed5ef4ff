"""What other events than alarms say of when trouble began and where: AWS Health, autoshift, Auto Scaling, EC2.

Shapes: https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html,
https://docs.aws.amazon.com/r53recovery/latest/dg/eventbridge-zonal-autoshift.html and
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import Field, JsonValue

from chalicelib.domain.types import Strict

AWS_HEALTH, ZONAL_SHIFT, AUTO_SCALING = "aws.health", "aws.arc-zonal-shift", "aws.autoscaling"
GLOBAL = "global"  # the Region of what concerns no single one
_PAGE = re.compile(r"-\d+$")
_ZONE_ID = re.compile(r"\b[a-z]{2,5}\d-az\d+\b")


class News(Strict):
    """What an event tells.

    Attributes:
        key: Names the cause, the same for all pages and copies of one message; empty = the event's own id.
        region: The Region that it is about; empty = the one that the event names.
        since: When the trouble began (UTC); None when it does not say.
        about: What else later steps may want to know: a zone's name or ID as AWS gave it, a service, a group.
    """

    key: str = ""
    region: str = ""
    since: datetime | None = None
    about: dict[str, JsonValue] = Field(default_factory=dict)


def read_news(raw: Mapping[str, Any], occurred_at: datetime) -> News:
    """Return what an event tells besides its envelope; of unknown events that is nothing."""
    detail = raw.get("detail")
    if not isinstance(detail, Mapping):
        return News()
    source = raw.get("source")
    if source == AWS_HEALTH:
        return _health(detail)
    if source == ZONAL_SHIFT:
        return _shift(raw, detail, occurred_at)
    if source == AUTO_SCALING:
        return _scaling(detail)
    return News(about=_texts(detail, instance="instance-id", state="state"))


def _health(detail: Mapping[str, Any]) -> News:
    """AWS Health sends pages, and all of them again to a backup Region: one communication is one cause.

    A communication's id ends with the number of the page, also when there is only one.
    """
    named = detail.get("communicationId")
    key = f"health/{_PAGE.sub('', named)}" if isinstance(named, str) and named else ""
    about = _texts(detail, zone="availabilityZone", service="service", status="statusCode", event="eventArn")
    if "zone" not in about:  # then its words may tell, e.g. "a single Availability Zone (use1-az4)"
        about["zones_told"] = list(dict.fromkeys(_ZONE_ID.findall(_words(detail.get("eventDescription")))))
    region = detail.get("eventRegion")
    return News(
        key=key,
        region=region if isinstance(region, str) else "",
        since=_spoken(detail.get("startTime")),
        about={"health": True, **about},
    )


def _words(described: Any) -> str:
    texts = (
        [each.get("latestDescription") for each in described if isinstance(each, Mapping)]
        if isinstance(described, list)
        else []
    )
    return " ".join(text for text in texts if isinstance(text, str))


def _shift(raw: Mapping[str, Any], detail: Mapping[str, Any], occurred_at: datetime) -> News:
    metadata = detail.get("metadata")
    about = _texts(metadata, away_from="awayFrom") if isinstance(metadata, Mapping) else {}
    begins = "Autoshift In Progress" in str(raw.get("detail-type"))
    return News(since=occurred_at if begins else None, about={"autoshift": begins, **about})


def _scaling(detail: Mapping[str, Any]) -> News:
    details = detail.get("Details")
    zone = _texts(details, zone="Availability Zone") if isinstance(details, Mapping) else {}
    return News(about={**_texts(detail, group="AutoScalingGroupName", instance="EC2InstanceId"), **zone})


def _texts(detail: Mapping[str, Any], **fields: str) -> dict[str, JsonValue]:
    return {name: detail[field] for name, field in fields.items() if isinstance(detail.get(field), str)}


def _spoken(text: Any) -> datetime | None:
    """Read a time as AWS Health writes it: `Thu, 15 Jan 2026 09:58:00 GMT`."""
    try:
        found = parsedate_to_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found and found.tzinfo else None
