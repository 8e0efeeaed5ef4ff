"""People's answers to what steps ask: taken by the API and the command line alike. Never the engine's own doing."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from chalicelib.domain.answer import Answer
from chalicelib.domain.question import Asked, checked
from chalicelib.domain.run import Run
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.ports import Ledger


class Given(Protocol):
    """What somebody answers."""

    @property
    def digest(self) -> str:
        """Of the question that was looked at; empty = whatever is asked now."""
        ...

    @property
    def choice(self) -> str:
        """What is chosen; empty = nothing."""
        ...

    @property
    def reason(self) -> str:
        """Why; may be empty."""
        ...


def newest(ledger: Ledger, run: Run, step_id: str) -> Asked | None:
    """Return the newest question of a step, answered or not; None when it has none.

    Raises:
        InputError: the run has no such step (`runbook.no_step`).
    """
    Runbook.model_validate(ledger.runbook(run.run_id)).step(step_id)
    found = [asked for asked in ledger.questions(run.run_id) if asked.step_id == step_id]
    return found[-1] if found else None


def take(ledger: Ledger, run: Run, step_id: str, given: Given, *, yes: bool, by: str, now: datetime) -> Asked:
    """Record an answer, if it is the first, and return the question with it. Sent twice by the same person, it is once.

    Raises:
        RefusedError: somebody answered before (`ask.answered`), the step waits for nobody (`ask.not_waiting`), or it
            asks something else than what was looked at (`ask.stale`).
        InputError: there is no such step, or what was chosen cannot be chosen (`ask.choice`).
    """
    asked = newest(ledger, run, step_id)
    digest = given.digest or (asked.digest if asked else "")
    answer = Answer(yes=yes, choice=given.choice, by=by, at=now, digest=digest, reason=given.reason.strip())
    if asked and asked.answer and answer.same_as(asked.answer):
        return asked
    counts = ledger.answer(checked(asked, run, step_id, answer), answer)
    mine = counts.answer is not None and answer.same_as(counts.answer)
    return counts if mine else checked(counts, run, step_id, answer)
