"""RDS's events in AWS's shapes.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloudwatch-events.sample.html. They are best effort.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.notices import uuid_of
from chalicelib.sandbox.rds.things import Database, DatabaseSnapshot
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, overhead

CREATED = {
    ("snapshot", "manual"): ("RDS-EVENT-0042", "Manual snapshot created"),
    ("snapshot", "automated"): ("RDS-EVENT-0091", "Automated snapshot created"),
    ("cluster-snapshot", "manual"): ("RDS-EVENT-0075", "Manual cluster snapshot created"),
    ("cluster-snapshot", "automated"): ("RDS-EVENT-0169", "Automated cluster snapshot created"),
}
COPIED = ("RDS-EVENT-0060", "Finished copy of the snapshot from another AWS Region")
CANCELLED = ("RDS-EVENT-0061", "Canceled cross-region snapshot copy")


def announce(snapshot: DatabaseSnapshot) -> None:
    """Post the event that a snapshot or copy ends with."""
    overhead().mail.post(snapshot.ready_at_s, "event", lambda: _event(snapshot))


def _event(snapshot: DatabaseSnapshot) -> dict[str, Any] | None:
    if snapshot.deleted or (snapshot.fails and not snapshot.is_copy):
        return None
    event_id, message = CREATED[snapshot.kind, snapshot.type]
    if snapshot.is_copy:
        event_id, message = CANCELLED if snapshot.fails else COPIED
    cluster = snapshot.kind == "cluster-snapshot"
    return {
        "version": "0",
        "id": uuid_of("rds event", snapshot.arn, snapshot.ready_at_s),
        "detail-type": "RDS DB Cluster Snapshot Event" if cluster else "RDS DB Snapshot Event",
        "source": "aws.rds",
        "account": ACCOUNT,
        "time": iso(snapshot.ready_at_s, timespec="seconds"),
        "region": snapshot.region,
        "resources": [snapshot.arn],
        "detail": {
            "EventCategories": ["notification" if snapshot.is_copy else "creation"],
            "SourceType": "CLUSTER_SNAPSHOT" if cluster else "SNAPSHOT",
            "SourceArn": snapshot.arn,
            "Date": iso(snapshot.ready_at_s),
            "SourceIdentifier": snapshot.name,
            "Message": message,
            "EventID": event_id,
        },
    }


def tell(database: Database, at_s: float, event_id: str, category: str, message: str) -> None:
    """Post an event of a DB instance or a cluster; what is deleted by then, or brought forward, is told as it was."""
    cluster = database.kind == "cluster"
    name, arn = database.name, database.arn
    text = {
        "version": "0",
        "id": uuid_of("rds event", arn, event_id, at_s),
        "detail-type": "RDS DB Cluster Event" if cluster else "RDS DB Instance Event",
        "source": "aws.rds",
        "account": ACCOUNT,
        "time": iso(at_s, timespec="seconds"),
        "region": database.region,
        "resources": [arn],
        "detail": {
            "EventCategories": [category],
            "SourceType": "CLUSTER" if cluster else "DB_INSTANCE",
            "SourceArn": arn,
            "Date": iso(at_s),
            "SourceIdentifier": name,
            "Message": message,
            "EventID": event_id,
        },
    }
    overhead().mail.post(at_s, "event", lambda: text)
