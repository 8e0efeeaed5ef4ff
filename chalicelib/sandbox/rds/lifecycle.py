"""What happens to databases as virtual time passes: failovers, renames, promotions, deletions. Caught up lazily.

Whoever starts something lists what will come of it in `Database.coming`; the next call finds it done. Nothing runs in
the background.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.rds import outages
from chalicelib.sandbox.rds.things import Coming, Database, RdsLand, land
from chalicelib.sandbox.weather.sky import Sky

Happening = Callable[[Sky, RdsLand, Database, Coming], None]


def catch_up(sky: Sky, where: RdsLand) -> None:
    """Let happen, in order, what is due by now. Idempotent at one instant."""
    outages.look(sky, where)
    while True:
        due = [
            (one.at_s, n, one, database) for n, (database, one) in enumerate(_coming(where)) if one.at_s <= sky.now_s
        ]
        if not due:
            return
        _, _, one, database = min(due, key=lambda entry: entry[:2])
        database.coming.remove(one)
        HAPPENINGS[one.what](sky, where, database, one)


def _coming(where: RdsLand) -> list[tuple[Database, Coming]]:
    return [(database, one) for database in where.databases.values() for one in database.coming]


def settle(sky: Sky) -> None:
    """Make everything that is under way done now."""
    for region in list(sky.databases):
        where = land(region)
        for database in where.databases.values():
            database.busy.clear()
            database.visible_at_s = min(database.visible_at_s, sky.now_s)
            for one in database.coming:
                one.at_s = min(one.at_s, sky.now_s)
        catch_up(sky, where)


def _swap(sky: Sky, _where: RdsLand, database: Database, _one: Coming) -> None:
    """The standby becomes the primary, unless its zone is dark."""
    standby = str(database.facts.get("SecondaryAvailabilityZone") or "")
    if standby and sky.darkness.over(database.region, standby) is None:
        database.facts |= {"AvailabilityZone": standby, "SecondaryAvailabilityZone": database.zone}


def _write(sky: Sky, where: RdsLand, cluster: Database, one: Coming) -> None:
    """Another member becomes the writer, unless its zone is dark by now."""
    member = where.databases.get(("db", str(one.given["to"])))
    if member is not None and sky.darkness.over(member.region, member.zone) is None:
        cluster.writer = member.name


def _rename(_sky: Sky, where: RdsLand, database: Database, one: Coming) -> None:
    """The new name holds, and the old one is free; members follow their cluster."""
    where.databases.pop((database.kind, database.name), None)
    before, database.name = database.name, str(one.given["to"])
    where.databases[database.kind, database.name] = database
    if database.kind == "cluster":
        for member in where.databases.values():
            member.cluster = database.name if member.cluster == before else member.cluster


def _promote(_sky: Sky, where: RdsLand, database: Database, _one: Coming) -> None:
    database.replica_of = None
    for member in where.databases.values():
        if database.kind == "cluster" and member.cluster == database.name:
            member.replica_of = None


def _vanish(_sky: Sky, where: RdsLand, database: Database, _one: Coming) -> None:
    where.databases.pop((database.kind, database.name), None)


def _recover(_sky: Sky, _where: RdsLand, database: Database, _one: Coming) -> None:
    """A host that was lost is replaced."""
    database.lost_s = None


HAPPENINGS: dict[str, Happening] = {
    "swap": _swap,
    "write": _write,
    "rename": _rename,
    "promote": _promote,
    "vanish": _vanish,
    "recover": _recover,
}
