"""Which copies of databases' snapshots are to be made: of what another step makes, or of snapshots that are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from chalicelib.actions.base import StepContext
from chalicelib.actions.rds_points import DatabaseSnapshotItem, identity_of, no_room, own_tags, point_of, source_id
from chalicelib.aws import tags
from chalicelib.aws.database_members import with_members
from chalicelib.aws.databases import Database, DatabaseSnapshot, databases_by_id, kind_and_name, snapshots
from chalicelib.domain.change import Change, ChangeKind, Failure
from chalicelib.errors import InputError

NOT_YET = dict.fromkeys(("snapshot", "arn", "completed_at", "made_by"))
DEFAULT_GROUP = "default:"  # option groups that AWS makes, and that every Region has


def asked_items(
    asked: Sequence[DatabaseSnapshotItem | str], ctx: StepContext
) -> tuple[list[DatabaseSnapshotItem], list[Failure]]:
    """Return the snapshots to copy as items, and what cannot be copied; names are read in a listing per kind.

    Raises:
        ActionError: AWS refused a read.
    """
    items = [one for one in asked if isinstance(one, DatabaseSnapshotItem)]
    names = sorted({one for one in asked if isinstance(one, str)})
    found: dict[str, DatabaseSnapshot] = {}
    for kind in sorted({kind_and_name(one)[0] for one in names}):
        wanted = [name for one in names if (pair := kind_and_name(one))[0] == kind for name in pair[1:]]
        found |= {one.resource: one for one in snapshots(ctx.aws, ctx.region, kind, names=wanted, manual=False)}
    usable = [one for one in names if one in found and found[one].status == "available"]
    items += _with_manifests([item_from(found[one]) for one in usable], ctx)
    failures = [_uncopyable(one, found.get(one), ctx.region) for one in names if one not in usable]
    return list({item.item: item for item in items}.values()), failures


def item_from(snapshot: DatabaseSnapshot) -> DatabaseSnapshotItem:
    """Return the item for a snapshot that AWS described: one of Lifeboat's, an automated one, or anybody's."""
    point = point_of(snapshot)
    try:
        manifest = tags.database_manifest_of(snapshot.tags)
    except InputError:  # its tags were changed by hand: the data is worth a copy all the same
        manifest = None
    identity = identity_of(snapshot)
    return DatabaseSnapshotItem(
        item=snapshot.resource,
        database=identity.split("/", 1)[0],
        identity=identity,
        engine=snapshot.engine,
        size_gib=snapshot.size_gib,
        region=snapshot.region,
        policy=snapshot.tags.get(tags.POLICY),
        set_id=snapshot.tags.get(tags.SET),
        snapshot=snapshot.resource,
        arn=snapshot.arn,
        point=tags.iso(point.at) if point else None,
        expires=snapshot.tags.get(tags.EXPIRES),
        encrypted=snapshot.encrypted,
        option_group=snapshot.option_group,
        tags=tags.of_user(snapshot.tags),
        manifest=manifest,
    )


def _with_manifests(items: Sequence[DatabaseSnapshotItem], ctx: StepContext) -> list[DatabaseSnapshotItem]:
    """Fill in what a restore needs, and tags, from the databases as they are now, where the snapshots do not carry it.

    That is so for automated snapshots and for those that others made; a listing per kind, none when nothing lacks it.
    """
    bare = [item for item in items if item.manifest is None]
    living: dict[str, Database] = {}
    for kind in sorted({kind_and_name(item.database)[0] for item in bare}):
        ids = sorted({source_id(item.identity) for item in bare if kind_and_name(item.database)[0] == kind})
        living |= databases_by_id(ctx.aws, ctx.region, kind, ids)
    whole = {one.resource_id: one for one in with_members(ctx.aws, ctx.region, list(living.values()))}
    return [_filled(item, None if item.manifest else whole.get(source_id(item.identity))) for item in items]


def _filled(item: DatabaseSnapshotItem, database: Database | None) -> DatabaseSnapshotItem:
    if database is None:
        return item
    tagged = {**tags.of_user(database.tags), **item.tags}
    return item.model_copy(update={"manifest": database.manifest, "tags": tagged})


def owned(
    item: DatabaseSnapshotItem, policy: str | None, expires: timedelta | None, ctx: StepContext
) -> DatabaseSnapshotItem:
    """Return an item that belongs to a policy, if it did not and one is given; what belongs to one stays with it."""
    if item.policy or not policy:
        return item
    until = tags.iso(ctx.now + expires) if expires else item.expires
    return item.model_copy(update={"policy": policy, "expires": until})


def copy_tags(item: DatabaseSnapshotItem, source_region: str, effect_id: str, ctx: StepContext) -> dict[str, str]:
    """Return Lifeboat's own tags of the copy of an item."""
    return own_tags(item, effect_id, str(item.point), ctx) | {
        tags.SOURCE_SNAPSHOT: str(item.snapshot),
        tags.SOURCE_REGION: source_region,
    }


def copy_notes(
    items: Sequence[DatabaseSnapshotItem], asked: Sequence[DatabaseSnapshotItem | str], ctx: StepContext
) -> list[str]:
    """Say what the copies will lack: a policy, what a restore needs, tags that do not fit."""
    notes = [note for item in items for note in no_room(item, copy_tags(item, item.region, "", ctx), "copy")]
    ownerless = sorted(item.item for item in items if not item.policy)
    if ownerless:
        notes.append(
            f"The copies of {', '.join(ownerless)} belong to no policy: nothing ever deletes them, no check counts "
            "them, and they fill the quota of manual snapshots. Write `policy:` if that is not meant."
        )
    bare = sorted(item.item for item in items if item.manifest is None and item.item in asked)
    if bare:
        notes.append(
            f"{', '.join(bare)}: neither the snapshot nor a living database says what a restore needs (class, "
            "parameter group, network); the copy does not carry it. Note it down, or copy a point that "
            "rds.create_snapshots made."
        )
    return notes


def _uncopyable(name: str, snapshot: DatabaseSnapshot | None, region: str) -> Failure:
    why = f"is {snapshot.status}" if snapshot else "does not exist"
    return Failure(
        resource=name,
        code="action.source_missing",
        message=f"{name} in {region} {why}, so it is not copied. Name another one, or take it out of the list.",
    )


def newest_points(ctx: StepContext, region: str, items: Sequence[DatabaseSnapshotItem]) -> dict[str, str]:
    """Return the newest available point of each database in a Region, by AWS's own id of it, as ISO text."""
    newest: dict[str, str] = {}
    kinds = sorted({kind_and_name(item.database)[0] for item in items})
    for snapshot in (one for kind in kinds for one in snapshots(ctx.aws, region, kind)):
        point = point_of(snapshot)
        if point and point.state == "completed" and point.policy:
            database = source_id(point.volume_id)
            newest[database] = max(newest.get(database, ""), tags.iso(point.at))
    return newest


def copy_change(
    item: DatabaseSnapshotItem, to_region: str, key: str | None, option_group: str | None, newest: Mapping[str, str]
) -> Change:
    """Return the change that copies one snapshot; the database whose newest copy is oldest comes first.

    A key encrypts the copies of instances that are not encrypted; for clusters AWS does not do that.
    """
    kind = kind_and_name(item.database)[0]
    key = key if item.encrypted or kind == "db" else None
    yields = item.model_copy(
        update={
            **NOT_YET,
            "region": to_region,
            "encrypted": item.encrypted or key is not None,
        }
    )
    custom = bool(item.option_group) and not item.option_group.startswith(DEFAULT_GROUP)
    return Change(
        key=item.item,
        kind=ChangeKind.CREATE,
        resource=item.item,
        region=to_region,
        reason=f"A copy in {to_region} of the point of {item.database} in {item.region}.",
        after=(item.made_by,) if item.made_by else (),
        targets=(item.database,),
        params={
            "kind": kind,
            "identity": item.identity,
            "source_region": item.region,
            "arn": item.arn,
            "kms_key": key,
            "option_group": option_group if custom else None,
            "copy_option_group": custom and option_group is None,
        },
        yields=(yields.model_dump(mode="json", exclude={"made_by"}),),
        size_gib=item.size_gib,
        order=newest.get(source_id(item.identity), ""),
    )
