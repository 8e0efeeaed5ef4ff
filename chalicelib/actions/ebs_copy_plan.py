"""Which copies are to be made, and in which order: the volumes whose newest protected point is oldest go first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_points import SnapshotItem, own_tags
from chalicelib.aws import listing, tags
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, ChangeKind, Failure
from chalicelib.domain.manifest import Manifest
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

STEP_MINUTES = 15  # CompletionDurationMinutes comes in these steps
SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=48)


def completion_minutes(deadline: timedelta | None) -> int | None:
    """Return a deadline as EBS takes it, rounded up to 15 minutes.

    Source: https://docs.aws.amazon.com/ebs/latest/userguide/time-based-copies.html

    Raises:
        InputError: `action.deadline`, shorter than 15 minutes or longer than 48 hours.
    """
    if deadline is None:
        return None
    if not SHORTEST <= deadline <= LONGEST:
        raise InputError("action.deadline", "A copy's deadline is between 15m and 48h; write one, or leave it out.")
    return -(-int(deadline.total_seconds()) // (STEP_MINUTES * 60)) * STEP_MINUTES


def asked_items(
    asked: Sequence[SnapshotItem | str], ctx: StepContext
) -> tuple[list[SnapshotItem], list[Failure], list[str]]:
    """Return the snapshots to copy as items, what cannot be copied, and notes; plain ids are read in one batch."""
    ids = sorted({one for one in asked if isinstance(one, str)})
    found = {s["SnapshotId"]: s for s in listing.snapshots_by(ctx.aws, ctx.region, "snapshot-id", ids, {})}
    items = [one for one in asked if isinstance(one, SnapshotItem)]
    items += [item_from(found[one], ctx.region) for one in ids if one in found and found[one]["State"] != "error"]
    failures = [_uncopyable(one, found.get(one), ctx.region) for one in ids if one not in found]
    failures += [
        _uncopyable(one, found[one], ctx.region) for one in ids if one in found and found[one]["State"] == "error"
    ]
    unique = {item.item: item for item in items}
    twice = len(items) - len(unique)
    return (
        list(unique.values()),
        failures,
        [f"{twice} snapshots were named twice; each is copied once."] if twice else [],
    )


def item_from(snapshot: SnapshotTypeDef, region: str) -> SnapshotItem:
    """Return the item for a snapshot that AWS described: one of Lifeboat's, or anybody's."""
    own = tags.of(snapshot)
    volume_id = own.get(tags.SOURCE_VOLUME) or snapshot["VolumeId"]
    manifest = _manifest_of(own)
    return SnapshotItem(
        item=snapshot["SnapshotId"],
        volume_id=volume_id,
        size_gib=snapshot.get("VolumeSize", 0),
        region=region,
        policy=own.get(tags.POLICY),
        set_id=own.get(tags.SET),
        set_size=tags.set_size(own),
        snapshot_id=snapshot["SnapshotId"],
        point=own.get(tags.POINT) or tags.iso(snapshot["StartTime"]),
        expires=own.get(tags.EXPIRES),
        encrypted=snapshot.get("Encrypted", False),
        tags=tags.of_user(own),
        manifest=manifest.only(volume_id) if manifest else None,
    )


def _manifest_of(own: Mapping[str, str]) -> Manifest | None:
    try:
        return tags.manifest_of(own)
    except InputError:  # its tags were changed by hand: the data is worth a copy all the same
        return None


def _uncopyable(snapshot_id: str, snapshot: SnapshotTypeDef | None, region: str) -> Failure:
    why = f"ended in error ({snapshot.get('StateMessage') or 'AWS gives no reason'})" if snapshot else "does not exist"
    return Failure(
        resource=snapshot_id,
        code="action.source_missing",
        message=f"{snapshot_id} in {region} {why}, so it is not copied. Name another one, or take it out of the list.",
    )


def newest_points(aws: Aws, region: str, items: Iterable[SnapshotItem]) -> dict[str, str]:
    """Return the newest completed point of each volume in a Region, by volume, as ISO text; one listing."""
    policies = sorted({item.policy for item in items if item.policy})
    newest: dict[str, str] = {}
    for snapshot in listing.snapshots_by(aws, region, f"tag:{tags.POLICY}", policies, {"status": ["completed"]}):
        own = tags.of(snapshot)
        volume, point = own.get(tags.SOURCE_VOLUME, snapshot.get("VolumeId", "")), own.get(tags.POINT, "")
        newest[volume] = max(newest.get(volume, ""), point)
    return newest


def orders(items: Sequence[SnapshotItem], newest: Mapping[str, str]) -> dict[str, str]:
    """Return the sort key of each item: the oldest point of its set, then the set, so that a set stays together."""
    oldest: dict[str, str] = {}
    for item in items:
        name = item.set_id or item.item
        oldest[name] = min(oldest.get(name, "~"), newest.get(item.volume_id, ""))
    return {item.item: f"{oldest[item.set_id or item.item]}#{item.set_id or item.item}" for item in items}


def copy_change(
    item: SnapshotItem, to_region: str, key: str | None, minutes: int | None, order: str, ctx: StepContext
) -> tuple[Change, str]:
    """Return the change that copies one snapshot, and a note about tags that do not fit ("" when all do)."""
    yields = item.model_copy(
        update={
            "region": to_region,
            "snapshot_id": None,
            "completed_at": None,
            "encrypted": item.encrypted or key is not None,
            "made_by": None,
        }
    )
    params: dict[str, Any] = {
        "source_item": item.item,
        "source_region": item.region,
        "snapshot_id": item.snapshot_id,
        "kms_key": key,
        "minutes": minutes,
    }
    change = Change(
        key=item.item,
        kind=ChangeKind.CREATE,
        resource=item.item,
        region=to_region,
        reason=f"A copy in {to_region} of the point of {item.volume_id} in {item.region}.",
        after=(item.made_by,) if item.made_by else (),
        targets=(item.volume_id,),
        params=params,
        yields=(yields.model_dump(mode="json", exclude={"made_by"}),),
        size_gib=item.size_gib,
        order=order,
    )
    _, dropped = tags.merged(copy_tags(change, "", "snap-0", item, ctx), item.tags)
    return change, f"{item.item}: no room for the tags {', '.join(dropped)} on its copy." if dropped else ""


def copy_tags(change: Change, effect_id: str, source_id: str, item: SnapshotItem, ctx: StepContext) -> dict[str, str]:
    """Return Lifeboat's own tags of a copy; EC2 carries none over from the source."""
    point = {"policy": item.policy, "set_id": item.set_id, "set_size": item.set_size, "point": item.point}
    point |= {"expires": item.expires}
    return own_tags(ctx, effect_id, point, item.manifest) | {
        tags.SOURCE_VOLUME: item.volume_id,
        tags.SOURCE_SNAPSHOT: source_id,
        tags.SOURCE_REGION: str(change.params["source_region"]),
    }
