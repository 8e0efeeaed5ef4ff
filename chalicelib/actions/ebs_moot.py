"""Copies that wait and are no longer needed: all volumes of their set have a newer complete point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.actions.base import Review, StepContext
from chalicelib.actions.ebs_points import SnapshotItem
from chalicelib.aws import listing, tags
from chalicelib.domain.change import Change

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef


def superseded(waiting: Sequence[tuple[Change, SnapshotItem]], ctx: StepContext) -> dict[str, Review]:
    """Return a moot review for each waiting copy that a newer point makes needless, by change key.

    A set is one thing: its copies are given up together, and only while none of them has started; else the destination
    would be left with a part of a set, which nobody can restore.
    """
    sets: dict[tuple[str, str], list[tuple[Change, SnapshotItem]]] = {}
    for change, item in waiting:
        if item.point:
            sets.setdefault((str(change.params["source_region"]), item.set_id or item.item), []).append((change, item))
    whole = {key: members for key, members in sets.items() if len(members) >= members[0][1].set_size}
    found: dict[str, Review] = {}
    for region in sorted({region for region, _ in whole}):
        here = [members for (where, _), members in whole.items() if where == region]
        newer = _complete_points(here, region, ctx)
        for members in here:
            found |= _given_up(members, newer)
    return found


def _complete_points(
    sets: Iterable[Sequence[tuple[Change, SnapshotItem]]], region: str, ctx: StepContext
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the newest (point, snapshot) by (policy, volume) whose set is completely listed as completed."""
    volumes = sorted({item.volume_id for members in sets for _, item in members})
    listed = listing.snapshots_by(
        ctx.aws, region, "volume-id", volumes, {"status": ["completed"], "tag-key": [tags.POLICY]}
    )
    sizes: dict[str, set[str]] = {}
    for snapshot in listed:
        sizes.setdefault(tags.of(snapshot).get(tags.SET, snapshot["SnapshotId"]), set()).add(snapshot["VolumeId"])
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    for snapshot in listed:
        own = tags.of(snapshot)
        if len(sizes[own.get(tags.SET, snapshot["SnapshotId"])]) >= tags.set_size(own):
            key = (own[tags.POLICY], _volume(snapshot, own))
            newest[key] = max(newest.get(key, ("", "")), (own.get(tags.POINT, ""), snapshot["SnapshotId"]))
    return newest


def _volume(snapshot: SnapshotTypeDef, own: Mapping[str, str]) -> str:
    return own.get(tags.SOURCE_VOLUME) or snapshot["VolumeId"]


def _given_up(
    members: Sequence[tuple[Change, SnapshotItem]], newer: Mapping[tuple[str, str], tuple[str, str]]
) -> dict[str, Review]:
    found: dict[str, Review] = {}
    for change, item in members:
        point, snapshot_id = newer.get((item.policy or "", item.volume_id), ("", ""))
        if point <= (item.point or ""):
            return {}
        found[change.key] = Review(
            "moot",
            f"{item.volume_id} has a newer complete point, {snapshot_id} of {point}; the copy of {item.point} to "
            f"{change.region} had not started and is not needed.",
        )
    return found
