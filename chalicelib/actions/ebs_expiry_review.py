"""Just before snapshots are deleted: is each still what it was, free, and is there still a better one?

A set is deleted whole or not at all. While all its members are there, whatever speaks against one of them speaks for
all; once some are deleted, the rest can be of no use as a set, and only what itself must stay does stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import Review, StepContext
from chalicelib.actions.ebs_stored import read
from chalicelib.aws import listing, tags
from chalicelib.aws.holds import held
from chalicelib.domain.change import Change

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

Listed = Mapping[str, Sequence["SnapshotTypeDef"]]  # by set


@dataclass(frozen=True)
class Now:
    """What AWS shows of a Region just before the deletions.

    Attributes:
        present: What is to be deleted and still there, by id, whatever its tags are.
        sets: The sets of what is to be deleted, and those that the volumes can be restored from afterwards.
        holds: What stands on the snapshots, by id.
    """

    present: Mapping[str, SnapshotTypeDef]
    sets: Listed
    holds: Mapping[str, str]


def reviewed(changes: Sequence[Change], ctx: StepContext) -> dict[str, Review]:
    """Return a conflict for each deletion that must not be made any more; what may be made is left out.

    Per Region: a listing by set (200 sets a call) of what is to be deleted and of what the volumes can be restored from
    afterwards, one by id of what did not show there (a snapshot without its tags must not pass for gone), and what
    stands on the snapshots. What is gone already is left to the deletion, which finds it done.

    Raises:
        ActionError: AWS refused a read; nothing is deleted then.
    """
    found: dict[str, Review] = {}
    for region in sorted({change.region for change in changes}):
        here = [change for change in changes if change.region == region]
        sets: dict[str, list[SnapshotTypeDef]] = {
            str(change.params[name]): [] for change in here for name in ("set_id", "keeper")
        }
        for snapshot in listing.snapshots_by(ctx.aws, region, f"tag:{tags.SET}", sorted(sets), {}):
            sets[tags.of(snapshot)[tags.SET]].append(snapshot)
        planned = {str(one) for change in here for one in _members(change)}
        present = {s["SnapshotId"]: s for some in sets.values() for s in some if s["SnapshotId"] in planned}
        strayed = listing.snapshots_by(ctx.aws, region, "snapshot-id", sorted(planned - present.keys()), {})
        present |= {snapshot["SnapshotId"]: snapshot for snapshot in strayed}
        elsewhere = {str(one) for change in here for one in _list(change, "regions")}
        holds = held(ctx.aws, region, sorted(present), elsewhere)
        found |= _conflicts(here, Now(present, sets, holds), ctx)
    return found


def _conflicts(changes: Sequence[Change], now: Now, ctx: StepContext) -> dict[str, Review]:
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.group, []).append(change)
    found: dict[str, Review] = {}
    for members in groups.values():
        first = members[0]
        planned = [one for one in _members(first) if one in now.present]
        mine = {change.key: change for change in members}
        shown = {one: now.present[one] for one in planned}
        against = {one: why for one, s in shown.items() if (why := now.holds.get(one) or _disowned(first, s, ctx))}
        against |= {one: why for one, s in shown.items() if one in mine and (why := _changed(mine[one], s))}
        against |= {change.key: why for change in members if (why := _unkept(change, now.sets))}
        whole = len(planned) == len(_members(first))
        for change in members:
            why = against.get(change.key) or (next(iter(against.values()), "") if whole else "")
            if why:
                found[change.key] = _conflict(change, why)
    return found


def _conflict(change: Change, why: str) -> Review:
    message = f"{change.key} in {change.region}, or a member of its set, {why}; it is kept. The next run decides again."
    return Review("conflict", message)


def _disowned(change: Change, snapshot: SnapshotTypeDef, ctx: StepContext) -> str:
    """Return why a snapshot is no longer Lifeboat's to delete, or no longer of its set; "" when it is."""
    own = tags.of(snapshot)
    if tags.HANDS_OFF in own:
        return f"was tagged {tags.HANDS_OFF}"
    if own.get(tags.POLICY) != change.params["policy"]:
        return f"was moved to the policy {own.get(tags.POLICY) or 'none'}"
    if own.get(tags.SET) != change.params["set_id"]:
        return f"was given another {tags.SET}"
    return read(snapshot, change.region, ctx).hold


def _changed(change: Change, snapshot: SnapshotTypeDef) -> str:
    """Return what else a snapshot is not any more that it was when the plan was made; "" when nothing that matters."""
    own = tags.of(snapshot)
    if own.get(tags.EXPIRES, "") != change.params["expires"]:
        return f"was given another {tags.EXPIRES}"
    if own.get(tags.POINT) != change.params["point"]:
        return f"was given another {tags.POINT}"
    if snapshot.get("StorageTier") == "archive":
        return "was archived"
    before, now = change.params["state"], snapshot["State"]
    return "" if now == before else f"was {before} when that was planned, and is {now} now"


def _unkept(change: Change, listed: Listed) -> str:
    """Return why a volume could not be restored from what is kept instead; "" when it could."""
    keeper, volume = str(change.params["keeper"]), str(change.params["volume_id"])
    usable = [s for s in listed[keeper] if s["State"] == "completed" and s.get("StorageTier") != "archive"]
    usable = [s for s in usable if tags.of(s).get(tags.POLICY) == change.params["policy"]]
    usable = [s for s in usable if s["SnapshotId"] not in _members(change)]  # of a duplicate the keeper is its own set
    volumes = {tags.of(s).get(tags.SOURCE_VOLUME) or s["VolumeId"] for s in usable}
    size = max((tags.set_size(tags.of(s)) for s in usable), default=1)
    if volume in volumes and len(volumes) >= size:
        return ""
    return f"is the last good one: {keeper}, from which {volume} was to be restored, is not complete any more"


def _members(change: Change) -> list[Any]:
    return _list(change, "members")


def _list(change: Change, name: str) -> list[Any]:
    value = change.params[name]
    return value if isinstance(value, list) else []
