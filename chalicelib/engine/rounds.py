"""A stopped run that is continued: what of its earlier rounds goes on, and what is done anew.

Done by whoever drives the new round, from the run's own row: it can be killed anywhere in it and done again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.run import OPEN_STATES, StepRow, StepState
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.ports import Ledger

GOES_ON = OPEN_STATES | {StepState.STOPPED}


def begin_round(ledger: Ledger, memory: RunMemory, now: datetime) -> None:
    """Let steps that were stopped go on with a fresh deadline, and what comes at the end be planned anew."""
    older = [row for row in memory.rows.values() if row.round < memory.run.round]
    again = [row.step_id for row in older if row.phase != "steps"]
    if again:
        ledger.forget_steps(memory.run.run_id, again)
        memory.forget(again)
    for row in older:
        if row.phase == "steps" and row.state in GOES_ON:
            memory.rows[row.step_id] = _reopened(row, memory.run.round, now)
            ledger.save_step(memory.run.run_id, memory.rows[row.step_id])


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
