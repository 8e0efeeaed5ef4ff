"""Primaries that are lost, by a dark zone or by themselves: AWS fails over where there is something to fail over to.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html and
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html. That a Single-AZ
instance in a dark zone goes on being described as available is an assumption: nobody knows better than its clients.
"""

from __future__ import annotations

from chalicelib.sandbox.rds.backups import members_of
from chalicelib.sandbox.rds.notices import tell
from chalicelib.sandbox.rds.things import Coming, Database, RdsLand, land
from chalicelib.sandbox.weather.sky import Sky

REPLACED_S = 900.0  # assumed: until AWS has replaced the host of a member that was lost


def look(sky: Sky, where: RdsLand) -> None:
    """Let AWS begin to fail over what is in zones that are dark. Idempotent."""
    for dark in [one for one in sky.darkness.zones.values() if one.region == where.region]:
        for database in list(where.databases.values()):
            begins_s = dark.since_s + sky.settings.rds.notice_s
            if database.kind == "db" and not database.cluster and database.zone == dark.zone_name:
                fail_over(sky, database, begins_s)
            elif database.kind == "cluster" and _writes_in(database, dark.zone_name):
                move_writer(sky, database, None, begins_s)


def lose_primary(sky: Sky, region: str, name: str) -> None:
    """Lose the host of an instance, or of the writer of a cluster, now.

    A Single-AZ instance has failed for good; what has a standby or a reader fails over by itself.

    Raises:
        KeyError: there is no such database.
    """
    where = land(region)
    found = where.databases.get(("cluster", name)) or where.databases[("db", name)]
    begins_s = sky.now_s + sky.settings.rds.notice_s
    if found.kind == "cluster":
        member = writer_of(found)
        if member is not None:
            member.lost_s = sky.now_s
            member.coming.append(Coming(sky.now_s + REPLACED_S, "recover", {}))
        move_writer(sky, found, None, begins_s)
    elif found.facts.get("MultiAZ"):
        fail_over(sky, found, begins_s)
    else:
        found.lost_s = sky.now_s
        tell(found, sky.now_s, "RDS-EVENT-0031", "failure", _FAILED)


_FAILED = (
    "The DB instance has failed due to an incompatible configuration or an underlying storage issue. Begin a "
    "point-in-time-restore for the DB instance."
)


def fail_over(sky: Sky, database: Database, begins_s: float) -> bool:
    """Begin a failover to the standby at an instant, unless there is none or one is under way; returns whether."""
    standby = str(database.facts.get("SecondaryAvailabilityZone") or "")
    if not standby or sky.darkness.over(database.region, standby) or _under_way(database, "swap"):
        return False
    ends_s = begins_s + sky.settings.rds.failover_s
    database.busy.append((begins_s, ends_s + 5, "rebooting"))
    database.coming.append(Coming(ends_s, "swap", {}))
    tell(database, begins_s, "RDS-EVENT-0013", "failover", "Multi-AZ instance failover started.")
    tell(database, ends_s + 5, "RDS-EVENT-0049", "failover", "Multi-AZ instance failover completed")
    return True


def move_writer(sky: Sky, cluster: Database, to: str | None, begins_s: float) -> bool:
    """Begin a failover to a member (None: the best reader); returns whether there is one to fail over to."""
    member = next((one for one in readers(sky, cluster) if to in {None, one.name}), None)
    if member is None or _under_way(cluster, "write"):
        return False
    ends_s = begins_s + sky.settings.rds.failover_s / 2
    cluster.busy.append((begins_s, ends_s + 5, "failing-over"))
    cluster.coming.append(Coming(ends_s, "write", {"to": member.name}))
    writer = writer_of(cluster)
    crosses = writer is None or writer.zone != member.zone
    started = ("RDS-EVENT-0073", "cross") if crosses else ("RDS-EVENT-0072", "same")
    tell(cluster, begins_s, started[0], "failover", f"Started {started[1]} AZ failover to DB instance: {member.name}")
    tell(cluster, ends_s + 5, "RDS-EVENT-0071", "failover", f"Completed failover to DB instance: {member.name}")
    return True


def readers(sky: Sky, cluster: Database) -> list[Database]:
    """Return the members that could write instead, best first: by promotion tier, then by age."""
    writer = writer_of(cluster)
    able = [
        one
        for one in members_of(cluster)
        if one is not writer and one.status == "available" and not sky.darkness.over(one.region, one.zone)
    ]
    return sorted(able, key=lambda one: (int(one.facts.get("PromotionTier") or 1), one.serial))


def writer_of(cluster: Database) -> Database | None:
    """Return the member that writes."""
    members = members_of(cluster)
    return next((one for one in members if one.name == cluster.writer), members[0] if members else None)


def _writes_in(cluster: Database, zone: str) -> bool:
    writer = writer_of(cluster)
    return writer is not None and writer.zone == zone


def _under_way(database: Database, what: str) -> bool:
    return any(one.what == what for one in database.coming)
