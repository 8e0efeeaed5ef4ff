"""Runs as people look at them: the record of one, and the changes of one, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.change import Change, Effect
from chalicelib.domain.question import Asked, standing
from chalicelib.domain.report import RunRecord, record_of, with_questions
from chalicelib.domain.run import Run, StepRow
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.ports import Ledger


def record(ledger: Ledger, run: Run, now: datetime) -> RunRecord:
    """Return the record of a run as the ledger holds it now.

    Raises:
        StoreError: the ledger cannot be reached.
    """
    runbook = Runbook.model_validate(ledger.runbook(run.run_id))
    rows, asked = _rows(ledger, run)
    found = record_of(run, runbook, list(rows.values()), ledger.owed(run.run_id), now)
    return with_questions(found, asked, run, now)


def _rows(ledger: Ledger, run: Run) -> tuple[dict[str, StepRow], dict[str, Asked]]:
    """Return the steps as they stand, those that asked and are not committed too, and the newest question of each."""
    rows = {row.step_id: row for row in ledger.steps(run.run_id)}
    asked = {one.step_id: one for one in ledger.questions(run.run_id)} if run.asked else {}
    waiting = {step_id: standing(one, run) for step_id, one in asked.items() if step_id not in rows}
    return rows | {step_id: row for step_id, row in waiting.items() if row}, asked


@dataclass(frozen=True)
class Made:
    """One change of a run with what became of it. `place` orders all changes of the run, and never changes."""

    place: tuple[int, int, int]
    step: str
    change: Change
    effect: Effect


def changes(ledger: Ledger, run: Run, after: tuple[int, int, int]) -> Iterator[Made]:
    """Yield the changes of a run that come after a place, in the order of its steps and plans.

    Plan pages before that place are not read.

    Raises:
        StoreError: the ledger cannot be reached.
    """
    rows, _ = _rows(ledger, run)
    runbook = Runbook.model_validate(ledger.runbook(run.run_id))
    every = [*runbook.all_steps(), *(step for group in runbook.undo_groups() for step in group)]
    for at, step in enumerate(every):
        row = rows.get(step.id)
        for number in range(row.pages) if row else ():
            if row and (at, number) >= after[:2]:
                yield from (one for one in _of_page(ledger, run, row, at, number) if one.place > after)


def _of_page(ledger: Ledger, run: Run, row: StepRow, at: int, number: int) -> Iterator[Made]:
    effects = ledger.effects(run.run_id, row.step_id, number)
    page: Sequence[Change] = ledger.page(run.run_id, row, number)
    for index, change in enumerate(page):
        yield Made((at, number, index), row.step_id, change, effects.get(change.key, Effect()))
