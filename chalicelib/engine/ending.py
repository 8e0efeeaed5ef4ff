"""How a run ends, decided from its runbook and its rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.domain.run import DRILL, Run, RunState, StepRow, StepState
from chalicelib.domain.runbook import UNDO, Runbook
from chalicelib.engine.flow import failed

REACHED = ("steps", "verify")  # what a run must have come to before it can have ended by itself


class Ending(NamedTuple):
    """The terminal state with its code and words."""

    state: RunState
    code: str = ""
    message: str = ""


def ending(run: Run, runbook: Runbook, rows: Mapping[str, StepRow]) -> Ending:
    """Return how a run ends that has nothing left to do."""
    taken_back = [row for row in rows.values() if row.phase == UNDO]
    if run.undo and run.undo.ordered:
        return _undone(run, runbook, rows)
    bad = failed(rows.values())
    if run.stop and (_unreached(runbook, rows) or any(row.state is StepState.STOPPED for row in rows.values())):
        state = RunState.FAILED if run.mode == DRILL else RunState.STOPPED  # a drill has nothing left to go on with
        return Ending(state, "run.stopped", run.stop.reason)
    if not bad:
        return Ending(RunState.SUCCEEDED)
    message = "; ".join(f"{row.step_id} {row.state.value}" for row in bad)
    if taken_back and run.mode != DRILL:
        whole = not failed(taken_back)
        message += "; what was done is taken back" if whole else "; not all of what was done could be taken back"
    return Ending(RunState.FAILED, "run.steps_failed", message)


def _undone(run: Run, runbook: Runbook, rows: Mapping[str, StepRow]) -> Ending:
    wanted = [step.id for group in runbook.undo_groups() for step in group]
    of_undo = {step_id: rows[step_id] for step_id in wanted if step_id in rows}
    missing = [one for one in wanted if one not in of_undo and _has_changes(rows, one)]
    if run.stop and (missing or any(row.state is StepState.STOPPED for row in of_undo.values())):
        return Ending(RunState.STOPPED, "run.stopped", run.stop.reason)
    bad = failed(rows.values(), (UNDO, "on_failure", "always"))
    if bad:
        message = "; ".join(f"{row.step_id} {row.state.value}" for row in bad)
        return Ending(RunState.FAILED, "run.undo_incomplete", f"Not all could be taken back: {message}")
    return Ending(RunState.UNDONE, message=run.undo.reason if run.undo else "")


def _has_changes(rows: Mapping[str, StepRow], taking_back: str) -> bool:
    row = rows.get(taking_back.removeprefix(f"{UNDO}-"))
    return row is not None and row.pages > 0


def _unreached(runbook: Runbook, rows: Mapping[str, StepRow]) -> bool:
    steps = [step for phase in REACHED for group in runbook.groups(phase) for step in group]  # type: ignore[arg-type]
    return any(step.id not in rows or not rows[step.id].settled for step in steps)
