"""What RDS tells of databases that failed over, by itself or by a person.

Facts: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html (events of the last 14 days, no
event IDs in the answer) and https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html ("Multi-AZ
instance failover completed", "Completed failover to DB instance").
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated

KEPT = timedelta(days=13, hours=23)  # a little less than AWS keeps events
SOURCES = {"db": "db-instance", "cluster": "db-cluster"}


def failovers(aws: Aws, region: str, kind: str, since: datetime, now: datetime) -> dict[str, datetime]:
    """Return when each database of a kind (`db` or `cluster`) last completed a failover since a time, by its name.

    Args:
        aws: The way to AWS: DescribeEvents per 100 failover events.
        region: The Region.
        kind: Of instances, or of clusters.
        since: From when on (UTC). What is older than two weeks is no longer known.
        now: The time.

    Raises:
        ActionError: AWS refused the read.
    """
    found: dict[str, datetime] = {}
    with translated(f"events of databases in {region}", service="rds"):
        pages = aws.client("rds", region).get_paginator("describe_events")
        asked = {"SourceType": SOURCES[kind], "EventCategories": ["failover"], "StartTime": max(since, now - KEPT)}
        for page in pages.paginate(**asked, EndTime=now):
            for event in page["Events"]:
                if "completed" in event.get("Message", "").lower():
                    name = event["SourceIdentifier"]
                    found[name] = max(event["Date"], found.get(name, event["Date"]))
    return found
