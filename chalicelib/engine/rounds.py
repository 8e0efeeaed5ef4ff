"""A stopped run that is continued: what of its earlier rounds goes on, and what is done anew.

Done by whoever drives the new round, from the run's own row: it can be killed anywhere in it and done again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.run import BAD_STATES, OPEN_STATES, StepRow, StepState
from chalicelib.domain.runbook import UNDO
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.ports import Ledger
from chalicelib.engine.undoing import try_again

GOES_ON = OPEN_STATES | {StepState.STOPPED}


def begin_round(ledger: Ledger, memory: RunMemory, now: datetime) -> None:
    """Let steps that were stopped go on with a fresh deadline, and what comes at the end be planned anew.

    A run that takes back what it did goes on with that only, and tries again what it could not take back.
    """
    older = [row for row in memory.rows.values() if row.round < memory.run.round]
    kept = {"steps", UNDO, "verify"} if memory.run.undo else {"steps", UNDO}
    again = [row.step_id for row in older if row.phase not in kept]
    if again:
        ledger.forget_steps(memory.run.run_id, again)
        memory.forget(again)
    for row in (each for each in older if _goes_on(each, memory)):
        open_again = try_again(ledger, memory, row) if row.phase == UNDO else row
        memory.rows[row.step_id] = _reopened(open_again, memory.run.round, now)
        ledger.save_step(memory.run.run_id, memory.rows[row.step_id])


def _goes_on(row: StepRow, memory: RunMemory) -> bool:
    if row.phase == UNDO:
        return row.state in GOES_ON | BAD_STATES
    return row.phase == "steps" and row.state in GOES_ON and memory.run.undo is None


def _reopened(row: StepRow, number: int, now: datetime) -> StepRow:
    within = row.deadline - row.started_at if row.deadline else timedelta(0)
    return row.model_copy(
        update={
            "state": StepState.RUNNING,
            "ended_at": None,
            "deadline": now + within if row.deadline else None,
            "code": "",
            "message": "",
            "next_at": None,
            "round": number,
        }
    )
