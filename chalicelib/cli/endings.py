"""How a command ends: exit codes that scripts rely on, and errors as people and scripts read them.

0 succeeded; 1 failed or partial; 2 wrong usage or an invalid runbook; 3 refused (guard, lease, key); 130 interrupted or
stopped, and continuable with the same key.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from chalicelib.errors import InputError, LifeboatError, RefusedError

if TYPE_CHECKING:
    from chalicelib.domain.report import RunRecord, StepRecord

SUCCEEDED, FAILED, WRONG, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130

INTERRUPTION = "run.interrupted"
REFUSING = ("ask.", "guard.", "run.leased", "run.key", "run.held")


def code_for(error: LifeboatError) -> int:
    """Return the exit code of an error. Whatever is wrong with a runbook's file is wrong usage."""
    if error.code == INTERRUPTION:
        return INTERRUPTED
    if isinstance(error, RefusedError):
        return REFUSED
    if isinstance(error, InputError) or error.code.startswith("runbook."):
        return WRONG
    return FAILED


def code_of(record: RunRecord) -> int:
    """Return the exit code that a run's record stands for; a run that has not ended is no failure."""
    state = record.state.value
    if state == "failed":
        return REFUSED if any(_refused(step) for step in record.steps) else FAILED
    return {"stopped": INTERRUPTED, "refused": REFUSED}.get(state, SUCCEEDED)


def _refused(step: StepRecord) -> bool:
    """Say whether a step failed because it was not allowed: as a whole, or each single change of it."""
    each = [failure.code.startswith(REFUSING) for failure in step.failures]
    return step.state.value == "failed" and (step.code.startswith(REFUSING) or (bool(each) and all(each)))


def tell(error: LifeboatError, *, as_json: bool) -> None:
    """Say what went wrong on stderr and, for scripts, as the one document on stdout."""
    if as_json:
        document({"error": {"code": error.code, "message": error.message, "details": error.details}})
    if error.code == INTERRUPTION:
        typer.secho(error.message, err=True, fg="yellow")
    else:
        typer.secho(f"Error: {error}", err=True, fg="red")


def document(value: Any) -> None:
    """Print one JSON document on stdout. What JSON does not know is written as text."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
