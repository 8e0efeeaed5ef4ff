"""What AWS itself says of an impaired zone: AWS Health's events, which come late, and ARC's autoshift.

Shapes: https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html (every event is also sent
to a backup Region; what does not fit is sent in pages) and
https://docs.aws.amazon.com/r53recovery/latest/dg/eventbridge-zonal-autoshift.html
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.ec2.notices import uuid_of
from chalicelib.sandbox.shifts.things import arc
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.darkness import Dark
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

BACKUP_REGION, BACKUP_OF_BACKUP = "us-west-2", "us-east-1"
Json = dict[str, Any]


def health(sky: Sky, dark: Dark, after_s: float, *, pages: int = 1, status: str = "open") -> None:
    """Let AWS Health speak of a dark zone after so many seconds: each page, and again by the backup Region."""
    due_s = sky.now_s + after_s
    backup = BACKUP_OF_BACKUP if dark.region == BACKUP_REGION else BACKUP_REGION
    for region in (dark.region, backup):
        for page in range(1, pages + 1):
            text = _health_event(dark, due_s, region, page, pages, status)
            sky.mail.post(due_s, "event", lambda text=text: text, settles=False, drops=False)  # type: ignore[misc]


def _health_event(dark: Dark, at_s: float, region: str, page: int, pages: int, status: str) -> Json:
    event = hashlib.sha256(f"{dark.zone_id}{dark.since_s}".encode()).hexdigest()
    said = hashlib.sha256(f"{event}{status}".encode()).hexdigest()[:40]
    told = f"We are investigating connectivity issues affecting a single Availability Zone ({dark.zone_id}) in the "
    arn = f"arn:aws:health:{dark.region}::event/EC2/AWS_EC2_OPERATIONAL_ISSUE/AWS_EC2_OPERATIONAL_ISSUE_{event[:20]}"
    return {
        "version": "0",
        "id": uuid_of("health", said, region, page),
        "detail-type": "AWS Health Event",
        "source": "aws.health",
        "account": ACCOUNT,
        "time": iso(at_s, timespec="seconds"),
        "region": region,
        "resources": [],
        "detail": {
            "eventArn": arn,
            "service": "EC2",
            "eventTypeCode": "AWS_EC2_OPERATIONAL_ISSUE",
            "eventTypeCategory": "issue",
            "eventScopeCode": "PUBLIC",
            "communicationId": f"{said}-{page}",
            "startTime": _spoken(dark.since_s),
            "lastUpdatedTime": _spoken(at_s),
            "statusCode": status,
            "eventRegion": dark.region,
            "availabilityZone": dark.zone_name,
            "eventDescription": [{"language": "en_US", "latestDescription": f"{told}{dark.region} Region."}],
            "affectedAccount": ACCOUNT,
            "affectedEntities": [],
            "page": str(page),
            "totalPages": str(pages),
            "backupEvent": str(region != dark.region).lower(),
        },
    }


def _spoken(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def autoshift(sky: Sky, dark: Dark, *, begins: bool) -> None:
    """Let AWS shift traffic away from a zone by itself, or end it, and say so."""
    where = arc(sky, dark.region)
    if begins:
        where.autoshifts[dark.zone_id] = sky.now_s
    elif where.autoshifts.pop(dark.zone_id, None) is None:
        return
    what = "Autoshift In Progress" if begins else "Autoshift Completed"
    event = {
        "version": "0",
        "id": uuid_of("autoshift", dark.zone_id, sky.now_s, what),
        "detail-type": what,
        "source": "aws.arc-zonal-shift",
        "account": ACCOUNT,
        "time": iso(sky.now_s, timespec="seconds"),
        "region": dark.region,
        "resources": [],
        "detail": {"version": "0.0.1", "data": "", "metadata": {"awayFrom": dark.zone_id, "notes": ""}},
    }
    sky.mail.post(sky.now_s, "event", lambda: event, settles=False)
