"""Decisions about snapshots, as changes to make and as lines for the person who reads the plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from itertools import groupby

from chalicelib.aws import tags
from chalicelib.domain.change import Change, ChangeKind
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.retention import Decision

IDS_IN_A_LINE = 8


def changes_of(decisions: Sequence[Decision], policy: str, regions: Sequence[str]) -> list[Change]:
    """Return a deletion for each snapshot that goes, a set's members one after the other, oldest first.

    Args:
        decisions: On all snapshots.
        policy: Whose they are.
        regions: Where copies of them may be under way.
    """
    going = [one for one in decisions if one.delete]
    groups: dict[str, list[Stored]] = {}
    for one in going:
        groups.setdefault(one.group, []).append(one.stored)
    made = [_change(one, policy, groups[one.group], regions) for one in going]
    return sorted(made, key=lambda change: (change.order, change.key))


def _change(one: Decision, policy: str, members: Sequence[Stored], regions: Sequence[str]) -> Change:
    stored, point = one.stored, one.stored.point
    at, first = tags.iso(point.at), min(each.point.at for each in members)  # they differ where tags were changed
    return Change(
        key=stored.id,
        kind=ChangeKind.DELETE,
        resource=stored.id,
        region=point.region,
        reason=f"{point.volume_id}, {at}, {_what(one)}: {one.reason}.",
        targets=(point.volume_id,),
        params={
            "volume_id": point.volume_id,
            "policy": policy,
            "point": at,
            "expires": tags.iso(stored.expires) if stored.expires else "",
            "state": point.state,
            "set_id": point.set_id,
            "members": [each.id for each in members],
            "keeper": one.keeper[1] if one.keeper else "",
            "regions": sorted(set(regions) - {point.region}),
        },
        order=f"{tags.iso(first)}#{one.group}",
        group=one.group,
    )


def _what(one: Decision) -> str:
    return f"a copy of {one.stored.copy_of}" if one.stored.copy_of else "an original"


def notes_of(decisions: Sequence[Decision], zone: tzinfo) -> list[str]:
    """Return what is kept, and why: a line for each set, with all its snapshots; first how many there are in all."""
    going = sum(one.delete for one in decisions)
    notes = [f"{going} of {len(decisions)} snapshots go, {len(decisions) - going} are kept (times are {zone})."]
    for (group, reason), some in groupby(decisions, key=lambda one: (one.group, "" if one.delete else one.reason)):
        kept = [one.stored for one in some]
        for at in range(0, len(kept) if reason else 0, IDS_IN_A_LINE):
            ids = ", ".join(each.id for each in kept[at : at + IDS_IN_A_LINE])
            when = kept[0].point.at.astimezone(zone)
            notes.append(f"keep {group.split('/')[0]} {when:%Y-%m-%d %H:%M}, {ids}: {reason}.")
    return notes
