"""The run record: steps that were not reached, objectives beside what was measured."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.owing import Owed
from chalicelib.domain.report import record_of, with_questions
from chalicelib.domain.run import RunState, StepRow, StepState
from chalicelib.domain.runbook import Runbook
from tests.fakes import START, toy_runbook
from tests.unit.domain.test_question import ASKED, YES
from tests.unit.domain.test_run import a_run

BOOK = Runbook.model_validate(toy_runbook(objectives={"rpo": "1h"}))
LATER = START + timedelta(minutes=5)


def row(state: StepState, **values: object) -> StepRow:
    base = {"step_id": "things", "phase": "steps", "uses": "toy.make_things", "state": state, "started_at": START}
    return StepRow.model_validate({**base, **values})


def test_a_step_that_was_not_reached_is_waiting_in_a_running_run_and_skipped_in_an_ended_one() -> None:
    running = record_of(a_run(), BOOK, [row(StepState.RUNNING)], {}, LATER)
    ended = record_of(a_run(state=RunState.FAILED, ended_at=LATER), BOOK, [row(StepState.FAILED)], {}, LATER)
    assert [step.state for step in running.steps] == [StepState.RUNNING, StepState.WAITING]
    assert [step.state for step in ended.steps] == [StepState.FAILED, StepState.SKIPPED]
    assert running.times.duration_s == ended.times.duration_s == 300


def test_the_measured_rpo_stands_beside_the_objective() -> None:
    met = record_of(a_run(), BOOK, [row(StepState.SUCCEEDED, outputs={"worst_age_s": 600.5})], {}, LATER)
    missed = record_of(a_run(), BOOK, [row(StepState.SUCCEEDED, outputs={"worst_age_s": 7200})], {}, LATER)
    assert met.objectives.rpo.model_dump() == {"objective_s": 3600, "measured_s": 600, "met": True}
    assert missed.objectives.rpo.met is False
    assert met.objectives.rto.met is None


def test_nothing_measured_is_not_met_and_not_missed() -> None:
    record = record_of(
        a_run(), BOOK, [row(StepState.SUCCEEDED, outputs={"worst_age_s": None}, ended_at=LATER)], {}, LATER
    )
    assert record.objectives.rpo.met is None
    assert record.steps[0].duration_s == 300


def test_what_a_run_owes_is_in_its_record() -> None:
    owed = Owed(name="things.a", why="snap-1 was left behind.", since=LATER)
    record = record_of(a_run(), BOOK, [], {"things.a": owed}, LATER)
    assert record.owes == {"things.a": owed}


def test_the_record_tells_what_a_step_asks_and_what_was_answered() -> None:
    record = record_of(a_run(), BOOK, [row(StepState.RUNNING)], {}, LATER)
    [asks, other] = with_questions(record, {"things": ASKED}, a_run(), LATER).steps
    [answered, _] = with_questions(record, {"things": ASKED.model_copy(update={"answer": YES})}, a_run(), LATER).steps
    assert asks.question is not None
    assert asks.question.reason == ASKED.reason
    assert asks.answer is None
    assert other.question is None
    assert answered.answer == YES
