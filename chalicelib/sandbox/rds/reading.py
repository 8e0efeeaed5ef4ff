"""DescribeDBInstances, DescribeDBClusters, DescribeDBSnapshots and DescribeDBClusterSnapshots: real pages and filters.

Source: the Describe pages of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/ (MaxRecords 20 to 100; a name
that does not exist fails the request, a filter does not).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.rds.backups import members_of
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.outages import writer_of
from chalicelib.sandbox.rds.shapes import database_shape, snapshot_shape
from chalicelib.sandbox.rds.things import Database, DatabaseSnapshot
from chalicelib.sandbox.rds.wire import filters_in

PAGE_SIZES = range(20, 101)
SHOWN_BY_DEFAULT = ("manual", "automated")

Getter = Callable[[Any], str]
DATABASES: dict[str, dict[str, Getter]] = {
    "db": {
        "db-instance-id": lambda d: d.name,
        "db-cluster-id": lambda d: d.cluster,
        "dbi-resource-id": lambda d: d.resource_id,
        "engine": lambda d: d.engine,
    },
    "cluster": {
        "db-cluster-id": lambda d: d.name,
        "db-cluster-resource-id": lambda d: d.resource_id,
        "engine": lambda d: d.engine,
    },
}
SNAPSHOTS: dict[str, dict[str, Getter]] = {
    "snapshot": {
        "db-instance-id": lambda s: s.source.name,
        "db-snapshot-id": lambda s: s.name,
        "dbi-resource-id": lambda s: s.source.resource_id,
        "snapshot-type": lambda s: s.type,
        "engine": lambda s: s.source.engine,
    },
    "cluster-snapshot": {
        "db-cluster-id": lambda s: s.source.name,
        "db-cluster-snapshot-id": lambda s: s.name,
        "snapshot-type": lambda s: s.type,
        "engine": lambda s: s.source.engine,
    },
}


def databases(call: RdsCall) -> Tree:
    """List DB instances, or clusters."""
    kind = "cluster" if call.of_cluster else "db"
    name = call.text("DBClusterIdentifier" if call.of_cluster else "DBInstanceIdentifier")
    there: list[Database] = [call.database(name)] if name else list(call.land.databases.values())
    there = _visible(call, [one for one in there if one.kind == kind])
    if name and not there:
        call.database(f"{name}-is-not-seen-yet")
    page, marker = _page(call, _matching(call, there, DATABASES[kind]))
    field = "DBClusters" if call.of_cluster else "DBInstances"
    return {"Marker": marker, field: [_with_members(call, one) for one in page]}


def _with_members(call: RdsCall, database: Database) -> Tree:
    shown = database_shape(database)
    if database.kind == "cluster":
        members = _visible(call, members_of(database))
        writer = writer_of(database)
        shown["DBClusterMembers"] = [
            {
                "DBInstanceIdentifier": one.name,
                "IsClusterWriter": one is writer,
                "DBClusterParameterGroupStatus": "in-sync",
                "PromotionTier": one.facts.get("PromotionTier") or 1,
            }
            for one in members
        ]
    return shown


def snapshots(call: RdsCall) -> Tree:
    """List snapshots of DB instances, or of clusters: manual and automated ones unless one type is asked for."""
    kind = "cluster-snapshot" if call.of_cluster else "snapshot"
    prefix = "DBClusterSnapshot" if call.of_cluster else "DBSnapshot"
    name, type_ = call.text(f"{prefix}Identifier"), call.text("SnapshotType")
    there: list[DatabaseSnapshot] = list(call.land.snapshots.values())
    if name:
        there = [call.snapshot(name)]
    types = (type_,) if type_ else SHOWN_BY_DEFAULT
    there = [one for one in there if one.kind == kind and one.type in types]
    of = call.text("DBClusterIdentifier" if call.of_cluster else "DBInstanceIdentifier")
    there = [one for one in there if not of or one.source.name == of.lower()]
    resource = call.text("DbClusterResourceId" if call.of_cluster else "DbiResourceId")
    there = [one for one in there if not resource or one.source.resource_id == resource]
    seen = _visible(call, there)
    if name and not seen:
        call.snapshot(f"{name}-is-not-seen-yet")
    page, marker = _page(call, _matching(call, seen, SNAPSHOTS[kind]))
    return {"Marker": marker, f"{prefix}s": [snapshot_shape(one) for one in page]}


def _visible(call: RdsCall, things: Sequence[Any]) -> list[Any]:
    shown = [one for one in things if call.witness or one.visible_at_s <= call.sky.now_s]
    if len(shown) < len(things):
        call.sky.books.fault("late_listing")
    return shown


def _matching(call: RdsCall, things: Iterable[Any], getters: dict[str, Getter]) -> list[Any]:
    filters = filters_in(call.form)
    for name in filters:
        if name not in getters:
            raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {name}")
    wanted = [(getters[name], {_named(value) for value in values}) for name, values in filters.items()]
    return [one for one in things if all(getter(one) in values for getter, values in wanted)]


def _named(value: str) -> str:
    return value.rsplit(":", 1)[-1] if value.startswith("arn:") else value


def _page(call: RdsCall, things: list[Any]) -> tuple[list[Any], str | None]:
    asked = call.text("MaxRecords") or "100"
    if not asked.isdecimal() or int(asked) not in PAGE_SIZES:
        raise AwsError("InvalidParameterValue", f"Invalid value {asked} for MaxRecords. Must be between 20 and 100.")
    after = _after(call.text("Marker"))
    ordered = sorted((one for one in things if one.serial > after), key=lambda one: one.serial)
    page = ordered[: int(asked)]
    more = len(ordered) > len(page)
    return page, base64.b64encode(str(page[-1].serial).encode()).decode() if more else None


def _after(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        return int(base64.b64decode(marker))
    except ValueError:
        raise AwsError("InvalidParameterValue", "The Marker is invalid.") from None
