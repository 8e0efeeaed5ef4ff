"""All snapshots of a policy, read as retention looks at them: whose they are, what flaws them, who holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_points import point_of
from chalicelib.aws import listing, tags
from chalicelib.aws.keys import key_problem
from chalicelib.domain.point_sets import Stored, grouped

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

OWN = (tags.EFFECT, tags.RUN, tags.SET, tags.SET_SIZE, tags.POINT)
SKEW = timedelta(minutes=15)  # clocks differ by less than this


def stored_points(policy: str, regions: Sequence[str], ctx: StepContext) -> list[Stored]:
    """Return every snapshot that carries a policy's tag, in one paged listing per Region.

    Keys are looked up once each. Sets that are not complete are looked up again by set, 200 a call: a member that was
    moved to another policy shows only there.

    Raises:
        ActionError: AWS refused a read.
    """
    found: list[Stored] = []
    for region in sorted(set(regions)):
        listed = listing.snapshots(ctx.aws, region, {f"tag:{tags.POLICY}": [policy]})
        here = [read(snapshot, region, ctx) for snapshot in listed]
        found += _with_strays(_with_keys(here, region, ctx), region, ctx)
    return found


def read(snapshot: SnapshotTypeDef, region: str, ctx: StepContext) -> Stored:
    """Return one snapshot; what does not carry all of Lifeboat's own tags, readable, is not taken for Lifeboat's."""
    own = tags.of(snapshot)
    at = tags.point_time(own.get(tags.POINT, ""))
    expires = tags.point_time(own.get(tags.EXPIRES, ""))
    point = point_of(snapshot, region)
    # A snapshot cannot show a later moment than the one it was begun at: a tag that says so was changed, and would
    # make an old point pass for the newest.
    late = point.at > min(snapshot["StartTime"], ctx.now) + SKEW
    foreign = at is None or late or any(not own.get(tag) for tag in OWN)
    return Stored(
        point=point,
        began=snapshot["StartTime"],
        copy_of=own.get(tags.SOURCE_SNAPSHOT, ""),
        copied_from=own.get(tags.SOURCE_REGION, ""),
        expires=expires,
        hold=_hold(own, foreign=foreign, unreadable=tags.EXPIRES in own and expires is None),
        ours=not foreign,
    )


def _hold(own: dict[str, str], *, foreign: bool, unreadable: bool) -> str:
    if tags.HANDS_OFF in own:
        return f"is tagged {tags.HANDS_OFF}"
    if foreign:
        return "does not carry Lifeboat's own tags as Lifeboat writes them: somebody else made or changed it"
    return f"has a tag {tags.EXPIRES} that is not written like 2031-01-31T03:00:00Z" if unreadable else ""


def _with_keys(stored: Iterable[Stored], region: str, ctx: StepContext) -> list[Stored]:
    problems: dict[str, str] = {}
    made = []
    for one in stored:
        key = one.point.kms_key
        if key and key not in problems:
            problems[key] = key_problem(ctx.aws, region, key) or ""
        made.append(replace(one, key_problem=problems[key]) if key and problems[key] else one)
    return made


def _with_strays(stored: Sequence[Stored], region: str, ctx: StepContext) -> list[Stored]:
    """Hold what is left of a set of which a member is not this policy's (any more): sets go whole or not at all."""
    short = sorted({one.name[1] for one in grouped(stored) if len(one.members) < one.members[0].point.set_size})
    known = {one.id for one in stored}
    strays = {
        tags.of(snapshot)[tags.SET]: snapshot["SnapshotId"]
        for snapshot in listing.snapshots_by(ctx.aws, region, f"tag:{tags.SET}", short, {})
        if snapshot["SnapshotId"] not in known
    }
    return [
        replace(one, hold=f"belongs to a set with {strays[one.point.set_id]}, which is not of this policy")
        if one.point.set_id in strays and not one.hold
        else one
        for one in stored
    ]


def gone_volumes(stored: Iterable[Stored], regions: Iterable[str], ctx: StepContext) -> frozenset[str]:
    """Return the volumes that exist in none of the Regions where their points are or came from; 200 a call.

    Raises:
        ActionError: AWS refused a read: what cannot be looked for is not gone.
    """
    every = list(stored)
    missing = {one.point.volume_id for one in every}
    for region in sorted({*regions, *(one.copied_from for one in every if one.copied_from)}):
        found = listing.volumes_by(ctx.aws, region, "volume-id", sorted(missing), {})
        missing -= {volume["VolumeId"] for volume in found}
    return frozenset(missing)
