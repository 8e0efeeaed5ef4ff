"""Pauses: runs wait before their next effect until a person lifts the pause. What is in flight is still watched.

Time spent paused does not count against a step's deadline: it is put off by as long as the pause lasted, once it is
lifted. A run that was asked to stop is not held back: it makes nothing more but what `always:` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.run import DRILL, Pause, StepRow
from chalicelib.domain.runbook import UNDO
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.ports import Journal, Ledger

LOOK_S = 60  # how soon a paused run sees that it may go on


def pause_for(pauses: Iterable[Pause], runbook: str) -> Pause | None:
    """Return the pause that holds this runbook's runs back; None when they may go on."""
    return next((pause for pause in pauses if pause.runbook in {None, runbook}), None)


def take_note(ledger: Ledger, journal: Journal, memory: RunMemory, now: datetime) -> None:
    """Read whether the run may make effects; when a pause has ended, put its steps' deadlines off by as long.

    Recorded with the slice. Killed before that, it is done again, and no deadline is put off twice.
    """
    pause, run = pause_for(ledger.pauses(), memory.run.runbook), memory.run
    if pause and run.paused_at is None:
        journal.note("paused", run_id=run.run_id, runbook=run.runbook, by=pause.by, reason=pause.reason)
        memory.run = run.model_copy(update={"pause": pause, "paused_at": now})
    elif pause:
        memory.run = run.model_copy(update={"pause": pause})
    elif run.paused_at is not None:
        journal.note("resumed", run_id=run.run_id, runbook=run.runbook)
        total = run.paused_s + int((now - run.paused_at).total_seconds())
        memory.run = run.model_copy(update={"pause": None, "paused_at": None, "paused_s": total})
        for row in list(memory.rows.values()):
            if not row.settled:
                memory.rows[row.step_id] = _put_off(row, total)
                if row.planned_at is not None:  # a row is what commits a plan: a step without one has none yet
                    ledger.save_step(run.run_id, memory.rows[row.step_id])


def _put_off(row: StepRow, total: int) -> StepRow:
    more = timedelta(seconds=total - row.paused_s)
    return row.model_copy(
        update={"deadline": row.deadline + more if row.deadline else None, "paused_s": total, "next_at": None}
    )


def held(memory: RunMemory, phase: str) -> bool:
    """Return True while no effect may be sent in this phase: the run is paused, or was asked to stop."""
    if memory.run.stop is not None:
        return stopped(memory, phase)
    return memory.run.paused_at is not None


def stopped(memory: RunMemory, phase: str) -> bool:
    """Return True when a stop was asked for and holds in this phase: what a drill has made goes all the same."""
    kept = {"always", UNDO} if memory.run.mode == DRILL else {"always"}
    return memory.run.stop is not None and phase not in kept
