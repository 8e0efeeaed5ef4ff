"""RDS's events in AWS's shapes.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloudwatch-events.sample.html. They are best effort.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.notices import uuid_of
from chalicelib.sandbox.rds.things import Database, DatabaseSnapshot, land
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, overhead

Told = tuple[str, str]  # event ID and message
MADE: dict[tuple[str, str], tuple[Told, Told]] = {  # by kind and type: begun, and done
    ("snapshot", "manual"): (
        ("RDS-EVENT-0040", "Creating manual snapshot"),
        ("RDS-EVENT-0042", "Manual snapshot created"),
    ),
    ("snapshot", "automated"): (
        ("RDS-EVENT-0090", "Creating automated snapshot"),
        ("RDS-EVENT-0091", "Automated snapshot created"),
    ),
    ("cluster-snapshot", "manual"): (
        ("RDS-EVENT-0074", "Creating manual cluster snapshot"),
        ("RDS-EVENT-0075", "Manual cluster snapshot created"),
    ),
    ("cluster-snapshot", "automated"): (
        ("RDS-EVENT-0168", "Creating automated cluster snapshot"),
        ("RDS-EVENT-0169", "Automated cluster snapshot created"),
    ),
}
CATEGORIES = {"snapshot": "creation", "cluster-snapshot": "backup"}
WORDS = ("Started copy of snapshot", "Finished copy of snapshot", "Canceled snapshot copy request of")
FROM_ELSEWHERE = ("RDS-EVENT-0059", "RDS-EVENT-0060", "RDS-EVENT-0061")  # begun, done and cancelled
WITHIN = ("RDS-EVENT-0196", "RDS-EVENT-0197", "RDS-EVENT-0190")


def announce(snapshot: DatabaseSnapshot) -> None:
    """Post the events that a snapshot or copy begins and ends with; AWS tells of no copies of clusters' snapshots."""
    if snapshot.is_copy and snapshot.kind == "cluster-snapshot":
        return
    begun, category = _begun(snapshot), "notification" if snapshot.is_copy else CATEGORIES[snapshot.kind]
    overhead().mail.post(snapshot.began_s, "event", lambda: _event(snapshot, begun, category, snapshot.began_s))
    overhead().mail.post(snapshot.ready_at_s, "event", lambda: _ended(snapshot, category))


def _begun(snapshot: DatabaseSnapshot) -> Told:
    return _copied(snapshot, 0) if snapshot.is_copy else MADE[snapshot.kind, snapshot.type][0]


def _copied(snapshot: DatabaseSnapshot, phase: int) -> Told:
    local = snapshot.copied_from == snapshot.region
    name, where = snapshot.copy_of.rsplit(":", 1)[-1], "in" if local else "from"
    return (WITHIN if local else FROM_ELSEWHERE)[phase], f"{WORDS[phase]} {name} {where} region {snapshot.copied_from}"


def _ended(snapshot: DatabaseSnapshot, category: str) -> dict[str, Any] | None:
    if snapshot.deleted or (snapshot.fails and not snapshot.is_copy):
        return None
    told = MADE[snapshot.kind, snapshot.type][1]
    if snapshot.is_copy:
        told = _copied(snapshot, 2 if snapshot.fails else 1)
    return _event(snapshot, told, category, snapshot.ready_at_s)


def _event(snapshot: DatabaseSnapshot, told: Told, category: str, at_s: float) -> dict[str, Any]:
    event_id, message = told
    cluster = snapshot.kind == "cluster-snapshot"
    return {
        "version": "0",
        "id": uuid_of("rds event", snapshot.arn, event_id, at_s),
        "detail-type": "RDS DB Cluster Snapshot Event" if cluster else "RDS DB Snapshot Event",
        "source": "aws.rds",
        "account": ACCOUNT,
        "time": iso(at_s, timespec="seconds"),
        "region": snapshot.region,
        "resources": [snapshot.arn],
        "detail": {
            "EventCategories": [category],
            "SourceType": "CLUSTER_SNAPSHOT" if cluster else "SNAPSHOT",
            "SourceArn": snapshot.arn,
            "Date": iso(at_s),
            "SourceIdentifier": snapshot.name,
            "Message": message,
            "EventID": event_id,
        },
    }


def tell(database: Database, at_s: float, event_id: str, category: str, message: str) -> None:
    """Post an event of a DB instance or a cluster; what is deleted by then, or brought forward, is told as it was."""
    cluster = database.kind == "cluster"
    name, arn = database.name, database.arn
    text: dict[str, Any] = {
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
    land(database.region).told.append({"at_s": at_s, **text["detail"]})
