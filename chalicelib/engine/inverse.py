"""How what a step did is taken back: worked out from its plan and effects alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.actions.base import Action, StepContext, Undo
from chalicelib.domain.change import Change, Effect, EffectState, Failure
from chalicelib.domain.runbook import UNDO_PREFIX
from chalicelib.engine.memory import RunMemory, by_order
from chalicelib.engine.scope import Actions
from chalicelib.errors import InputError

CANNOT = "undo.cannot"


@dataclass(frozen=True)
class TakenBack:
    """How the effect of one change is taken back: the keys of its inverse changes, in order."""

    change: Change
    effect: Effect
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Inverse:
    """How everything that a step did is taken back, and what cannot be."""

    changes: tuple[Change, ...]
    cannot: tuple[Failure, ...]
    parts: tuple[TakenBack, ...]


def inverse_of(memory: RunMemory, actions: Actions, step_id: str, ctx: StepContext) -> Inverse:
    """Return how what a step did is taken back: last made first, and what was built on something before it.

    Args:
        memory: The run, with all that its steps did.
        actions: All actions, also those that runbooks may not use.
        step_id: The step.
        ctx: The context of that step.
    """
    action, known = action_of(actions, memory.rows[step_id].uses), memory.step(step_id)
    undone = [
        (change, effect, action.undo(change, effect, ctx))
        for change in reversed(by_order(known.changes.values()))
        if _left_something(effect := known.effect(change.key))
    ]
    last = {change.key: undo.changes[-1].key for change, _, undo in undone if undo.changes}
    before: dict[str, list[str]] = {}  # of each change: what is taken back before it, since it was built on it
    for change, _, _ in undone:
        for need in change.after if change.key in last else ():
            before.setdefault(need, []).append(f"{UNDO_PREFIX}{step_id}/{last[change.key]}")
    made: list[Change] = []
    for change, _, undo in undone:
        made += _chained(undo, step_id, before.get(f"{step_id}/{change.key}", ()))
    return Inverse(
        tuple(change.model_copy(update={"order": f"{at:06d}"}) for at, change in enumerate(made)),
        tuple(
            Failure(resource=change.resource, code=CANNOT, message=undo.cannot)
            for change, _, undo in undone
            if undo.cannot
        ),
        tuple(TakenBack(change, effect, tuple(each.key for each in undo.changes)) for change, effect, undo in undone),
    )


def _chained(undo: Undo, step_id: str, first_after: Sequence[str]) -> list[Change]:
    """Return the inverse changes of one effect, each after the one before it."""
    found: list[Change] = []
    for change in undo.changes:
        after = (f"{UNDO_PREFIX}{step_id}/{found[-1].key}",) if found else tuple(first_after)
        found.append(change.model_copy(update={"by": undo.by, "after": after}))
    return found


def there(effect: Effect) -> Effect:
    """Return what is no longer needed as done: it is taken back already, and what comes after it can go on."""
    return effect.model_copy(update={"state": EffectState.DONE}) if effect.state is EffectState.MOOT else effect


def _left_something(effect: Effect) -> bool:
    """Return True for what is there, and for what failed and may have left something in AWS."""
    return effect.state is EffectState.DONE or (effect.state is EffectState.FAILED and effect.id is not None)


def action_of(actions: Actions, name: str) -> Action[Any]:
    """Return the action of that name.

    Raises:
        InputError: this version has none (`undo.no_action`).
    """
    found = actions.get(name)
    if not isinstance(found, Action):
        raise InputError("undo.no_action", f"'{name}' is to take something back, and this version has no such action.")
    return found
