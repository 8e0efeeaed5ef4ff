"""rds.restore_to_time: databases come back as they were at a time, from their automated backups.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html. The calls take no token: the new name is
the key. The source is named by AWS's own id, which it keeps when it is renamed away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from chalicelib.actions.base import ActionModel, StepContext
from chalicelib.actions.rds_restore import CHANGES, LOOKED_UP, READS, REREAD
from chalicelib.actions.rds_restore_given import RestoreToTimeInput
from chalicelib.actions.rds_restore_plan import drafted
from chalicelib.actions.rds_restore_points import Origin, Origins
from chalicelib.actions.rds_restoring import Restoring
from chalicelib.actions.rds_selection import selected
from chalicelib.aws import tags
from chalicelib.aws.database_members import with_members
from chalicelib.aws.databases import Database
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches
from chalicelib.aws.live_databases import Live, LiveCluster, live_by_id
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Failure, Plan

BACKUPS = 100  # ids of one request
Window = tuple[datetime, datetime]


class RestoreToTime(Restoring[RestoreToTimeInput]):
    """Restore DB instances and clusters to a time within what their automated backups cover, or to the latest.

    Times are UTC, sizes GiB, zones IDs. A time outside the window is refused, and the window is told. Otherwise as
    `rds.restore`; what a database is like is read from the database itself, which must still be there.
    """

    name: ClassVar[str] = "rds.restore_to_time"
    given: ClassVar[type[ActionModel]] = RestoreToTimeInput
    permissions: ClassVar[tuple[str, ...]] = (
        *READS,
        *CHANGES,
        "rds:DescribeDBInstanceAutomatedBackups",
        "rds:RestoreDBInstanceToPointInTime",
        "rds:RestoreDBClusterToPointInTime",
    )
    calls: ClassVar[str] = (
        "Plan: DescribeDBInstances and DescribeDBClusters per 100, twice, DescribeDBInstanceAutomatedBackups per 100, "
        f"and of {LOOKED_UP}. {REREAD} Apply: ModifyDBInstance or ModifyDBCluster per rename, "
        "RestoreDBInstanceToPointInTime or RestoreDBClusterToPointInTime per database, CreateDBInstance per instance "
        "of a cluster."
    )

    def plan(self, given: RestoreToTimeInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        selection = selected(ctx.aws, region, given.select)
        origins = Origins(failures=list(selection.failures), notes=list(selection.notes))
        windows = _windows(selection.databases, region, ctx)
        for one in with_members(ctx.aws, region, selection.databases):
            found = _origin(one, windows.get(one.resource_id), given)
            if isinstance(found, Failure):
                origins.failures.append(found)
            else:
                origins.found.append(found)
        return drafted(origins, given, region, ctx)


def _windows(wanted: Sequence[Database], region: str, ctx: StepContext) -> Mapping[str, Window]:
    """Return from when until when each database can be restored, by AWS's own ids; none without automated backups."""
    zones, found = read_zones(ctx.aws, region), dict[str, Window]()
    there: dict[str, Live] = {}
    for kind in ("db", "cluster"):
        ids = [one.resource_id for one in wanted if one.kind == kind]
        there |= live_by_id(ctx.aws, zones, kind, ids) if ids else {}
    for one in there.values():
        if isinstance(one, LiveCluster) and one.earliest and one.latest:
            found[one.resource_id] = (one.earliest, one.latest)
    for raw in _backups([one.resource_id for one in wanted if one.kind == "db"], region, ctx):
        span = raw.get("RestoreWindow") or {}
        if span.get("EarliestTime") and span.get("LatestTime"):
            found[raw["DbiResourceId"]] = (span["EarliestTime"], span["LatestTime"])
    return found


def _backups(ids: Sequence[str], region: str, ctx: StepContext) -> Sequence[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for some in batches(ids, BACKUPS):
        with translated(f"automated backups in {region}", service="rds"):
            paginator = ctx.aws.client("rds", region).get_paginator("describe_db_instance_automated_backups")
            given = [{"Name": "dbi-resource-id", "Values": some}]
            found += [one for page in paginator.paginate(Filters=given) for one in page["DBInstanceAutomatedBackups"]]
    return found


def _origin(one: Database, window: Window | None, given: RestoreToTimeInput) -> Origin | Failure:
    if window is None:
        message = f"{one.resource} has no automated backups, or none yet: restore a point of it with `rds.restore`."
        return Failure(resource=one.resource, code="action.no_backups", message=message)
    earliest, latest = window
    to = None if given.to == "latest" else given.to
    if to is not None and not earliest <= to <= latest:
        return Failure(
            resource=one.resource,
            code="action.outside_window",
            message=f"{one.resource} cannot be restored to {tags.iso(to)}: its backups cover {tags.iso(earliest)} to "
            f"{tags.iso(latest)}. State a time between them, or `to: latest`.",
        )
    return Origin(
        one.kind,
        one.name,
        one.identity,
        one.manifest,
        to or latest,
        one.size_gib,
        one.engine,
        resource_id=one.resource_id,
        to=tags.iso(to) if to else "",
        tags=tags.of_user(one.tags),
        key=one.manifest.kms_key,
        option_group=one.option_group,
    )
