"""What a drill may do: make things of its own and take them away again. Pure.

A drill is a run that rehearses a recovery: restores go to a stated isolated place, under tags of their own, and
everything that it made is removed afterwards. Whatever would touch something else is planned and told, not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.domain.change import Change, ChangeKind, Effect
from chalicelib.domain.run import StepRow, StepState
from chalicelib.domain.runbook import UNDO
from chalicelib.domain.types import Strict
from chalicelib.errors import RefusedError

NOT_REHEARSED = "drill.not_rehearsed"
OWN_PREFIX = "drill/"  # of targets that stand for nothing in AWS: a decision that a drill takes for itself


class DrillRecord(Strict):
    """What a drill rehearsed. What it measured stands in the run's objectives and recoveries.

    Attributes:
        rehearsed: The steps that were carried out.
        not_rehearsed: The steps that were planned only, or judge what is live.
        planned_only: How many changes those would have made.
        removed: How many changes removed what it made.
        left: How many things are still to be removed: see the run's obligations.
    """

    rehearsed: tuple[str, ...] = ()
    not_rehearsed: tuple[str, ...] = ()
    planned_only: int = 0
    removed: int = 0
    left: int = 0


def drill_record(rows: Sequence[StepRow], owed: int) -> DrillRecord:
    """Return what a drill rehearsed, from its steps."""
    mine = [row for row in rows if row.phase in {"steps", "verify"} and row.settled]
    passed = [row for row in mine if row.code == NOT_REHEARSED]
    return DrillRecord(
        rehearsed=tuple(row.step_id for row in mine if row.state is not StepState.SKIPPED),
        not_rehearsed=tuple(row.step_id for row in passed),
        planned_only=sum(row.counts.planned for row in passed),
        removed=sum(row.counts.done for row in rows if row.phase == UNDO),
        left=owed,
    )


def made_in(made: Iterable[tuple[Change, Effect]]) -> set[str]:
    """Return the names of everything that changes have made, as far as it was recorded.

    What the plan named already was there before: the volume that a copy is restored of, and the snapshot of it.
    """
    found: set[str] = set()
    for change, effect in made:
        if change.kind is ChangeKind.CREATE:
            names = {effect.id} if effect.id else set()
            found |= (names | set(_texts(effect.facts))) - set(_texts(change.model_dump(mode="json")))
    return found


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def judge_drill(changes: Sequence[Change], own: set[str]) -> None:
    """Make sure that a plan makes things, or touches only what this drill has made or is about to make.

    Args:
        changes: What the step would do.
        own: Names of everything that this drill has made.

    Raises:
        RefusedError: it would touch something else (`guard.drill`).
    """
    for change in changes:
        if change.kind is ChangeKind.CREATE:
            continue
        foreign = [target for target in (change.targets or (change.resource,)) if not _own(target, own)]
        if foreign:
            raise RefusedError(
                "guard.drill",
                f"The plan would {change.kind.value} {', '.join(foreign)}, which this drill has not made. Nothing was "
                "done. A drill touches only its own; please report this action.",
            )


def _own(target: str, own: set[str]) -> bool:
    return target in own or target.startswith(OWN_PREFIX)
