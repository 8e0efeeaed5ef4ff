"""What taking a run back would do, shown before anybody orders it. Reads the ledger only."""

from __future__ import annotations

from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, EffectState, Failure
from chalicelib.domain.run import Run, RunState
from chalicelib.domain.types import Strict
from chalicelib.engine.inverse import inverse_of
from chalicelib.engine.memory import RunMemory, recall
from chalicelib.engine.ports import Clock, Ledger
from chalicelib.engine.scope import Actions, context_of
from chalicelib.settings import Settings


class UndoStep(Strict):
    """What would take one step back.

    Attributes:
        id: What it is called, `undo-<step>`.
        uses: The action whose effects it takes back.
        changes: What is still to be done, in order. `by` is the action that does it.
        done: How many changes were made already, by an earlier undo.
        cannot: What cannot be taken back, with what a person can do.
    """

    id: str
    uses: str
    changes: tuple[Change, ...] = ()
    done: int = 0
    cannot: tuple[Failure, ...] = ()


class UndoPlan(Strict):
    """What taking a run back would do, the last step first."""

    run_id: str
    runbook: str
    region: str
    state: RunState
    steps: tuple[UndoStep, ...]


def undo_plan(run: Run, ledger: Ledger, aws: Aws, actions: Actions, clock: Clock, settings: Settings) -> UndoPlan:
    """Return what taking a run back would do. Changes nothing, and asks AWS nothing.

    Raises:
        InputError: an action that is to take something back is not there (`undo.no_action`).
        StoreError: the ledger cannot be reached.
    """
    memory = recall(ledger, run, None)
    found: list[UndoStep] = []
    for step in (each for group in memory.runbook.undo_groups() for each in group):
        row = memory.rows.get(step.id.removeprefix("undo-"))
        if row is None or not row.pages:
            continue
        ctx = context_of(memory, row.step_id, "steps", aws.reading(), settings.limits, clock.now())
        inverse = inverse_of(memory, actions, row.step_id, ctx)
        left = tuple(change for change in inverse.changes if not _done(memory, step.id, change.key))
        done = len(inverse.changes) - len(left)
        found.append(UndoStep(id=step.id, uses=step.uses, changes=left, done=done, cannot=inverse.cannot))
    return UndoPlan(run_id=run.run_id, runbook=run.runbook, region=run.region, state=run.state, steps=tuple(found))


def _done(memory: RunMemory, step_id: str, key: str) -> bool:
    return memory.step(step_id).effect(key).state is EffectState.DONE
