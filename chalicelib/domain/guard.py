"""What a plan may do. Pure: the same plan and guard always give the same judgement.

`max_targets` bounds how many resources one step may touch and refuses the plan as a whole: a selector that suddenly
matches ten times as much is a mistake to look at, not to do a tenth of. `regions` is where Lifeboat may act at all.
`max_share` bounds disruptions and deletions only; above it the oldest go ahead and the rest waits for the next run.
What belongs together (the members of a set) goes ahead together or waits together.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from chalicelib.domain.change import Change, ChangeKind
from chalicelib.domain.types import Strict
from chalicelib.errors import RefusedError

SHARED = frozenset({ChangeKind.DISRUPT, ChangeKind.DELETE})


class Judgement(Strict):
    """What the guard lets through, what it holds back for next time, and why."""

    allowed: tuple[Change, ...]
    held_back: tuple[Change, ...] = ()
    notes: tuple[str, ...] = Field(default=())


def judge(
    changes: Sequence[Change],
    *,
    regions: Sequence[str],
    max_targets: int,
    max_share_percent: float,
    population: int | None = None,
) -> Judgement:
    """Judge a plan.

    Args:
        changes: What the step would do.
        regions: The Regions in which changes are allowed.
        max_targets: Most resources that one step may touch.
        max_share_percent: Most of the population that may be disrupted or deleted at once, in percent.
        population: How many there are; None when the share does not apply.

    Raises:
        RefusedError: the plan as a whole is not allowed; it says which limit and what to do.
    """
    outside = sorted({change.region for change in changes} - set(regions))
    if outside:
        raise RefusedError(
            "guard.region",
            f"The plan would act in {', '.join(outside)}, and the guard allows only {', '.join(regions)}. "
            "Add the Region to `guard.regions` if that is meant.",
        )
    targets = {target for change in changes for target in (change.targets or (change.resource,))}
    if len(targets) > max_targets:
        raise RefusedError(
            "guard.max_targets",
            f"The plan touches {len(targets)} resources, and the guard allows {max_targets}. Nothing was done. "
            "Narrow the selector, or raise `guard.max_targets` if that many are meant.",
            targets=len(targets),
        )
    return _shared(changes, max_share_percent, population)


def _shared(changes: Sequence[Change], max_share_percent: float, population: int | None) -> Judgement:
    hurting = sorted((c for c in changes if c.kind in SHARED), key=lambda change: (change.order, change.key))
    if not hurting:
        return Judgement(allowed=tuple(changes))
    total = len(hurting) if population is None else population
    room = int(total * max_share_percent / 100)
    held = {change.key for change in hurting[_cut(hurting, room) :]}
    if not held:
        return Judgement(allowed=tuple(changes))
    note = (
        f"{len(held)} of {len(hurting)} disruptions or deletions are held back: the guard allows "
        f"{max_share_percent:g}% of {total} at once. The oldest go first; the rest waits for the next run."
    )
    return Judgement(
        allowed=tuple(change for change in changes if change.key not in held),
        held_back=tuple(change for change in changes if change.key in held),
        notes=(note,),
    )


def _cut(oldest_first: Sequence[Change], room: int) -> int:
    """Return how many go ahead: at most `room`, and no group in part."""
    cut = room
    while 0 < cut < len(oldest_first) and _together(oldest_first[cut - 1], oldest_first[cut]):
        cut -= 1
    return cut


def _together(one: Change, other: Change) -> bool:
    return bool(one.group) and one.group == other.group
