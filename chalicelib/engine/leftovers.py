"""What a drill has made and is still there: only its own goes, and what does not go now is owed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chalicelib.domain.change import Change, EffectState, Failure, Obligation
from chalicelib.domain.drilling import judge_drill, made_in
from chalicelib.domain.runbook import UNDO_PREFIX
from chalicelib.engine.inverse import CANNOT, Inverse
from chalicelib.engine.memory import RunMemory
from chalicelib.errors import RefusedError


def own_of(memory: RunMemory) -> set[str]:
    """Return the names of everything that the steps of this run have made."""
    rows = [row for row in memory.rows.values() if row.phase == "steps"]
    return {name for row in rows for name in made_in(memory.step(row.step_id).made())}


def only_own(memory: RunMemory, inverse: Inverse) -> Inverse:
    """Return what takes back only what this drill has made; what would touch anything else is named as a failure."""
    own, kept, refused = own_of(memory), list[Change](), list[Failure]()
    for change in inverse.changes:
        try:
            judge_drill([change], own)
        except RefusedError as error:
            refused.append(Failure(resource=change.resource, code=error.code, message=error.message))
        else:
            kept.append(change)
    return replace(inverse, changes=tuple(kept), cannot=(*inverse.cannot, *refused))


def leftovers(memory: RunMemory, step_id: str) -> Iterator[Obligation]:
    """Yield what is owed of a step of a drill that could not be taken back wholly."""
    undo_id = f"{UNDO_PREFIX}{step_id}"
    known, row = memory.step(undo_id), memory.rows[undo_id]
    for change, effect in known.made():
        if effect.state is not EffectState.DONE:
            why = f"{change.resource}, which a drill has made, is to go, and did not: {effect.message}"
            alone = change.model_copy(update={"after": ()})
            yield Obligation(name=f"{undo_id}.{change.key}"[:200], why=why, uses=change.by, change=alone)
    for failure in row.failures:
        if failure.code in {CANNOT, "guard.drill"}:
            why = f"A drill has left something of {failure.resource}: {failure.message}"
            yield Obligation(name=f"{undo_id}.{failure.resource}"[:200], why=why)
