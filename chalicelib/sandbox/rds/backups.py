"""Automated backups: how far back, and how near to now, a database can be restored.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html (transaction logs are kept every five
minutes; the latest restorable time is that of the last ones).
"""

from __future__ import annotations

from chalicelib.sandbox.ec2.wire import Tree
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.things import Database, land
from chalicelib.sandbox.rds.wire import filters_in
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import overhead

LOGS_S = 300.0
DAY_S = 86_400.0


def writes_until_s(database: Database) -> float:
    """Return until when its data moved: now, or since when it cannot be written any more."""
    sky = overhead()
    writer = _writer(database)
    ends = [sky.now_s]
    if writer is not None:
        dark = sky.darkness.over(writer.region, writer.zone)
        ends += [dark.since_s] if dark else []
        ends += [writer.lost_s] if writer.lost_s is not None else []
    return min(ends)


def latest_s(database: Database) -> float:
    """Return the latest restorable time; 0 when there are no backups, or none yet."""
    if not int(database.facts.get("BackupRetentionPeriod") or 0):
        return 0.0
    found = writes_until_s(database) // LOGS_S * LOGS_S
    return found if found > database.born_s else 0.0


def earliest_s(database: Database) -> float:
    """Return the earliest restorable time."""
    kept_s = int(database.facts.get("BackupRetentionPeriod") or 0) * DAY_S
    return max(database.born_s, overhead().now_s - kept_s)


def _writer(database: Database) -> Database | None:
    if database.kind == "db":
        return database
    members = members_of(database)
    return next((one for one in members if one.name == database.writer), members[0] if members else None)


def members_of(cluster: Database) -> list[Database]:
    """Return the instances of a cluster, in the order in which they were made."""
    every = land(cluster.region).databases.values()
    return [one for one in every if one.kind == "db" and one.cluster == cluster.name]


def automated(call: RdsCall) -> Tree:
    """Answer DescribeDBInstanceAutomatedBackups of the instances that are there."""
    wanted = filters_in(call.form)
    ids = wanted.get("dbi-resource-id") or ([one] if (one := call.text("DbiResourceId")) else None)
    names = wanted.get("db-instance-id") or ([one] if (one := call.text("DBInstanceIdentifier")) else None)
    found = [
        {
            "DBInstanceIdentifier": one.name,
            "DbiResourceId": one.resource_id,
            "Region": one.region,
            "RestoreWindow": {"EarliestTime": iso(earliest_s(one)), "LatestTime": iso(latest_s(one))},
            "Status": "active",
            "BackupRetentionPeriod": one.facts.get("BackupRetentionPeriod"),
            "Engine": one.engine,
        }
        for one in call.land.databases.values()
        if one.kind == "db"
        and not one.cluster
        and latest_s(one)
        and (ids is None or one.resource_id in ids)
        and (names is None or one.name in names)
    ]
    return {"DBInstanceAutomatedBackups": found}
