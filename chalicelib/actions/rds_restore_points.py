"""What restores start from: the newest good point of each database, or the database as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.actions.base import StepContext
from chalicelib.actions.rds_points import identity_of, point_of, state_of
from chalicelib.actions.rds_restore_given import PointSelector, RestoreInput
from chalicelib.aws import tags
from chalicelib.aws.databases import Database, DatabaseSnapshot, Kind, databases, kind_and_name, snapshots
from chalicelib.aws.live_databases import Live, LiveCluster, lost
from chalicelib.domain.change import Failure
from chalicelib.domain.database_manifest import DatabaseManifest
from chalicelib.errors import InputError


@dataclass(frozen=True)
class Origin:
    """One database that is to be restored, and from what.

    Attributes:
        kind: `db` or `cluster`.
        name: Its name.
        identity: Its name and AWS's own id of it.
        manifest: What it was like; None when nothing says so.
        point: The time of its data.
        size_gib: How large it is.
        snapshot: Where its data comes from: ARN or name; empty: its automated backups, by `resource_id`.
        resource: The snapshot as an operator names it; empty likewise.
        resource_id: AWS's own id of the database, to restore to a time.
        to: The time, ISO; empty: the latest restorable.
        elsewhere: The Region that what is recorded belongs to, when it is another one.
        tags: The database's own tags.
        key: Its KMS key.
        option_group: Of the snapshot, if it has one.
        engine: RDS's name of the engine.
    """

    kind: Kind
    name: str
    identity: str
    manifest: DatabaseManifest | None
    point: datetime
    size_gib: int
    engine: str
    snapshot: str = ""
    resource: str = ""
    resource_id: str = ""
    to: str = ""
    elsewhere: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    option_group: str = ""

    @property
    def database(self) -> str:
        """The database as an operator names it."""
        return f"{self.kind}:{self.name}"


@dataclass
class Origins:
    """What was found, what is missing, and remarks."""

    found: list[Origin] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def from_points(given: RestoreInput, region: str, ctx: StepContext) -> Origins:
    """Return the databases whose points are meant, each with its newest good one.

    Raises:
        InputError: `action.nothing_selected`, no point fits.
        ActionError: AWS refused a read.
    """
    origins = Origins()
    if given.snapshots:
        _named(given.snapshots, region, ctx, origins)
    elif given.select:
        _newest(given.select, given.before, region, ctx, origins)
    if not origins.found and not origins.failures:
        raise InputError(
            "action.nothing_selected",
            f"No usable point in {region} fits the selector ({given.select})"
            + (f" and is of {tags.iso(given.before)} or older" if given.before else "")
            + ". Correct the selector, `before` or the Region; `lifeboat recovery-points` lists what there is. "
            + " ".join(origins.notes),
        )
    return origins


def _named(wanted: Sequence[str], region: str, ctx: StepContext, origins: Origins) -> None:
    for kind in ("db", "cluster"):
        names = sorted({kind_and_name(one)[1] for one in wanted if kind_and_name(one)[0] == kind})
        there = {one.name: one for one in snapshots(ctx.aws, region, kind, names=names, manual=False)} if names else {}
        asked = there.values()
        live = _as_they_are(region, kind, ctx) if any(tags.MANIFEST + "0" not in one.tags for one in asked) else {}
        for name in names:
            one = there.get(name)
            if one is None or state_of(one.status) != "completed":
                said = f"is {one.status}" if one else f"does not exist in {region}"
                _fail(origins, f"{'cluster-' if kind == 'cluster' else ''}snapshot:{name}", "action.no_point", said)
            else:
                _take(one, live.get(one.source_id), origins)


def _newest(wanted: PointSelector, before: datetime | None, region: str, ctx: StepContext, origins: Origins) -> None:
    newest: dict[str, tuple[datetime, DatabaseSnapshot]] = {}
    kinds: Sequence[Kind] = ("db", "cluster")
    for one in (each for kind in kinds for each in snapshots(ctx.aws, region, kind)):
        point, database = point_of(one), identity_of(one).split("/")[0]
        if point is None or not point.policy or not _fits(wanted, one, database) or (before and point.at > before):
            continue
        if tags.HANDS_OFF in one.tags:
            origins.notes.append(f"{one.resource} of {database} is left alone: it is tagged {tags.HANDS_OFF}.")
        elif state_of(one.status) != "completed":
            origins.notes.append(f"{one.resource} of {database} is {one.status}, and not used.")
        elif database not in newest or point.at > newest[database][0]:
            newest[database] = (point.at, one)
    for database in sorted({one.lower() for one in wanted.databases} - newest.keys()):
        _fail(origins, database, "action.no_point", f"has no usable point in {region} that fits ({wanted})")
    for _, one in (newest[database] for database in sorted(newest)):
        _take(one, None, origins)


def _fits(wanted: PointSelector, one: DatabaseSnapshot, database: str) -> bool:
    if wanted.databases and database not in {each.lower() for each in wanted.databases}:
        return False
    if wanted.policy and one.tags.get(tags.POLICY) != wanted.policy:
        return False
    return all(
        one.tags.get(key) in (value if isinstance(value, list) else [value]) and key in one.tags
        for key, value in wanted.tags.items()
    )


def _take(one: DatabaseSnapshot, source: Database | None, origins: Origins) -> None:
    database, point = identity_of(one).split("/")[0], point_of(one)
    try:
        manifest = tags.database_manifest_of(one.tags) or (source.manifest if source else None)
    except InputError as error:
        _fail(origins, database, error.code, f"cannot be restored from {one.resource}: {error.message}")
        return
    if point is None:
        _fail(origins, database, "action.no_point", f"has no point: nothing says of when {one.resource} is")
        return
    kind, name = kind_and_name(database)
    away = one.tags.get(tags.SOURCE_REGION, "")
    origins.found.append(
        Origin(
            kind,
            name,
            identity_of(one),
            manifest,
            point.at,
            one.size_gib,
            one.engine,
            snapshot=one.name,
            resource=one.resource,
            elsewhere=away if away != one.region else "",
            tags=tags.of_user(one.tags if tags.EFFECT in one.tags or source is None else source.tags),
            key=one.kms_key,
            option_group=one.option_group,
        )
    )


def _as_they_are(region: str, kind: Kind, ctx: StepContext) -> dict[str, Database]:
    return {one.resource_id: one for one in databases(ctx.aws, region, kind)}


def _fail(origins: Origins, resource: str, code: str, said: str) -> None:
    origins.failures.append(Failure(resource=resource, code=code, message=f"{resource} {said}."))


def lost_reason(live: Live | None, away: str) -> str:
    """Return why a database counts as lost; "" when it does not."""
    if live is None:
        return "it is gone"
    if lost(live.status):
        return f"it is {live.status}"
    if not away or live.zone != away:
        return ""
    if isinstance(live, LiveCluster):
        elsewhere = [one for one in live.members if one.instance.zone != away and not lost(one.instance.status)]
        return "" if elsewhere else f"all its instances are in {away}"
    return "" if live.multi_az else f"it runs Single-AZ in {away}"


def stand_ins(region: str, ctx: StepContext) -> dict[str, str]:
    """Return what was restored before and is there: by AWS's own id of the database that it stands in for.

    Raises:
        ActionError: AWS refused a read.
    """
    kinds: Sequence[Kind] = ("db", "cluster")
    return {
        one.tags[tags.RESTORED].rsplit("/", 1)[-1]: one.resource
        for kind in kinds
        for one in databases(ctx.aws, region, kind)
        if one.tags.get(tags.RESTORED) and tags.DRILL not in one.tags and not one.cluster and not lost(one.status)
    }
