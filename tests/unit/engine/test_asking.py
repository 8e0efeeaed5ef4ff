"""A step that asks a person: nothing of it is done before somebody says yes, and what is done is what was approved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.domain.change import Question
from chalicelib.domain.question import Asked
from chalicelib.domain.run import Pause, Run, RunState, StepRow, StepState, Stop
from chalicelib.engine.answering import newest, take
from chalicelib.engine.history import changes, record
from chalicelib.engine.local import drive, hold
from chalicelib.engine.pausing import LOOK_S
from chalicelib.errors import LifeboatError, SupersededError
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench, make_bench

DELETES = Question(reason="it would delete what is newest", may_lose_data=True)
ZONES = Question(reason="evidence points both ways", choices=("use1-az1", "use1-az2"))
THINGS = {**toy_runbook()["steps"][0], "within": "2h"}
OTHERS = {"id": "others", "uses": "toy.make_things", "with": {"things": []}}


@pytest.fixture(name="asks")
def _asks() -> Iterator[Bench]:
    with mock_aws():
        bench = make_bench()
        bench.world.ask = DELETES
        yield bench


def begun(bench: Bench, **book: Any) -> Run:
    """Start a run whose first step asks, and work until it waits."""
    run = hold(bench.start("k1", **{"steps": [THINGS], **book}), bench.services.starter, new=True)
    return ticks(bench, run, 1)


def ticks(bench: Bench, run: Run, count: int) -> Run:
    for _ in range(count):
        tick = bench.services.engine.advance(run.run_id, run.generation)
        bench.clock.sleep(tick.wait_s)
    return now(bench, run)


def now(bench: Bench, run: Run) -> Run:
    found = bench.services.ledger.load(run.run_id)
    assert found is not None
    return found


def question(bench: Bench, run: Run) -> Asked:
    found = newest(bench.services.ledger, run, "things")
    assert found is not None
    return found


def answer(bench: Bench, run: Run, *, yes: bool = True, by: str = "ana", **given: str) -> Asked:
    words = SimpleNamespace(**{"digest": "", "choice": "", "reason": "", **given})
    return take(bench.services.ledger, now(bench, run), "things", words, yes=yes, by=by, now=bench.clock.now())


def ended(bench: Bench, run: Run) -> tuple[Run, StepRow]:
    run = drive(bench.services.engine, now(bench, run))
    return run, bench.rows(run)["things"]


def test_nothing_is_done_and_nothing_is_committed_before_somebody_says_yes(asks: Bench) -> None:
    run = ticks(asks, begun(asks), 30)
    assert (asks.world.applied, asks.rows(run), run.state) == ([], {}, RunState.RUNNING)
    assert len(asks.world.answers) == 1  # planned once, not at every look
    asked = question(asks, run)
    assert (asked.number, asked.reason, asked.may_lose_data, asked.kinds) == (1, DELETES.reason, True, {"create": 3})
    assert asked.first == ("a", "b", "c")
    assert asked.until(run, asks.clock.now()) - asked.asked_at == timedelta(hours=2)


def test_a_yes_is_carried_out_within_a_minute_and_recorded_with_who_and_why(asks: Bench) -> None:
    run = begun(asks)
    at = asks.clock.now()
    answer(asks, run, reason=" it is old ")
    run, row = ended(asks, run)
    assert (run.state, asks.world.applied) == (RunState.SUCCEEDED, ["a", "b", "c"])
    assert row.answer is not None
    assert (row.answer.by, row.answer.at, row.answer.reason) == ("ana", at, "it is old")
    assert min(made for _, made in asks.world.made.values()) - at <= timedelta(seconds=LOOK_S)


def test_a_no_fails_the_step_and_nothing_of_it_was_done(asks: Bench) -> None:
    run = begun(asks)
    answer(asks, run, yes=False, by="bo", reason="not tonight")
    run, row = ended(asks, run)
    assert (run.state, row.state, row.code, asks.world.applied) == (
        RunState.FAILED,
        StepState.FAILED,
        "ask.declined",
        [],
    )
    assert "declined by bo" in row.message
    assert "not tonight" in row.message


def test_silence_ends_the_step_at_its_time_and_approves_nothing(asks: Bench) -> None:
    run = begun(asks)
    start = question(asks, run).asked_at
    run, row = ended(asks, run)
    assert (run.state, row.state, row.code, asks.world.applied) == (
        RunState.FAILED,
        StepState.FAILED,
        "ask.expired",
        [],
    )
    assert row.ended_at is not None
    assert row.ended_at - start == timedelta(hours=2)
    with pytest.raises(LifeboatError) as late:
        answer(asks, run)
    assert late.value.code == "ask.not_waiting"


def test_the_time_for_the_work_begins_with_the_answer(asks: Bench) -> None:
    asks.world.takes_s = 3600
    run = begun(asks)
    asks.clock.sleep(7000)
    answer(asks, run)
    run, _ = ended(asks, run)
    assert run.state is RunState.SUCCEEDED


def test_an_answer_just_in_time_counts_although_it_is_read_too_late(asks: Bench) -> None:
    run = begun(asks)
    asks.clock.time = question(asks, run).asked_at + timedelta(seconds=7199)
    answer(asks, run)
    asks.clock.sleep(4000)
    run, _ = ended(asks, run)
    assert run.state is RunState.SUCCEEDED


def test_the_other_steps_of_the_group_go_on_meanwhile(asks: Bench) -> None:
    others = {"id": "others", "uses": "toy.silent", "with": {"names": ["x"]}}
    engine: Any = asks.services.engine
    engine.actions["toy.silent"] = _silent(asks)
    engine.signatures["toy.silent"] = engine.actions["toy.silent"].signature()
    run = ticks(asks, begun(asks, steps=[{"parallel": [THINGS, others]}], verify=[]), 4)
    assert (asks.world.applied, asks.rows(run)["others"].state) == (["x"], StepState.SUCCEEDED)
    answer(asks, run)
    run, _ = ended(asks, run)
    assert (run.state, asks.world.applied) == (RunState.SUCCEEDED, ["x", "a", "b", "c"])


def _silent(bench: Bench) -> Any:
    class Silent(type(bench.services.actions["toy.make_things"])):  # type: ignore[misc]
        name = "toy.silent"

        def _asks(self, given: Any) -> None:
            return None

    return Silent(bench.world)


def test_a_plan_that_grew_after_the_approval_asks_again_under_the_next_number(asks: Bench) -> None:
    run = begun(asks)
    first = answer(asks, run)
    asks.world.more = ["d"]
    run = ticks(asks, run, 2)
    second = question(asks, run)
    assert (asks.world.applied, second.number) == ([], 2)
    assert "changes that were not approved: d" in second.reason
    with pytest.raises(LifeboatError) as stale:
        answer(asks, run, digest=first.digest)
    assert stale.value.code == "ask.stale"
    answer(asks, run, digest=second.digest)
    run, _ = ended(asks, run)
    assert (run.state, asks.world.applied) == (RunState.SUCCEEDED, ["a", "b", "c", "d"])


def test_a_plan_that_shrank_after_the_approval_goes_ahead(asks: Bench) -> None:
    run = begun(asks)
    answer(asks, run)
    asks.world.less = {"b"}
    run, _ = ended(asks, run)
    assert asks.world.applied == ["a", "c"]
    assert run.asked == {"things": 1}


def test_a_plan_that_asks_nothing_any_more_goes_ahead(asks: Bench) -> None:
    run = begun(asks)
    answer(asks, run)
    asks.world.ask = None
    run, _ = ended(asks, run)
    assert asks.world.applied == ["a", "b", "c"]


def test_a_yes_that_may_lose_data_by_now_is_asked_again(asks: Bench) -> None:
    asks.world.ask = Question(reason="unusual")
    run = begun(asks)
    answer(asks, run)
    asks.world.ask = DELETES
    run = ticks(asks, run, 2)
    assert question(asks, run).number == 2
    assert "may now lose data" in question(asks, run).reason


def test_a_choice_is_handed_to_the_action_when_it_plans_again(asks: Bench) -> None:
    asks.world.ask = ZONES
    run = begun(asks)
    for wrong in ("", "use1-az9"):
        with pytest.raises(LifeboatError) as unknown:
            answer(asks, run, choice=wrong)
        assert unknown.value.code == "ask.choice"
    answer(asks, run, choice="use1-az2")
    run, row = ended(asks, run)
    assert (run.state, asks.world.answers) == (RunState.SUCCEEDED, ["", "use1-az2"])
    assert row.answer is not None
    assert row.answer.choice == "use1-az2"


def test_a_choice_that_is_gone_is_asked_again(asks: Bench) -> None:
    asks.world.ask = ZONES
    run = begun(asks)
    answer(asks, run, choice="use1-az2")
    asks.world.ask = ZONES.model_copy(update={"choices": ("use1-az1",)})
    run = ticks(asks, run, 2)
    assert "'use1-az2' can no longer be chosen" in question(asks, run).reason


def test_the_first_answer_wins_and_the_second_is_told_of_it(asks: Bench) -> None:
    run = begun(asks)
    answer(asks, run, yes=False, by="bo")
    with pytest.raises(LifeboatError, match="declined by bo") as second:
        answer(asks, run, by="ana")
    assert second.value.code == "ask.answered"
    assert answer(asks, run, yes=False, by="bo").answer is not None  # the same request, sent twice
    assert ended(asks, run)[1].code == "ask.declined"


def test_an_answer_in_advance_asks_nobody_and_is_recorded(asks: Bench) -> None:
    run = asks.run(steps=[{**THINGS, "approved_in_advance": "drilled every month"}])
    row = asks.rows(run)["things"]
    assert (run.state, run.asked) == (RunState.SUCCEEDED, {})
    assert row.answer is not None
    assert (row.answer.in_advance, row.answer.reason) == (True, "drilled every month")
    told = record(asks.services.ledger, run, asks.clock.now()).steps[0].answer
    assert told == row.answer


def test_a_choice_is_never_made_in_advance(asks: Bench) -> None:
    asks.world.ask = ZONES
    run = begun(asks, steps=[{**THINGS, "approved_in_advance": "drilled every month"}])
    assert question(asks, run).choices == ZONES.choices


def test_a_stop_ends_the_waiting_and_a_continued_run_asks_anew(asks: Bench) -> None:
    run = begun(asks)
    asks.services.ledger.ask_stop(run.run_id, Stop(at=asks.clock.now(), by="ana", reason="wrong night"))
    with pytest.raises(LifeboatError) as stopping:
        answer(asks, run)
    assert stopping.value.code == "ask.not_waiting"
    run = drive(asks.services.engine, run)
    assert (run.state, asks.world.applied) == (RunState.STOPPED, [])
    assert list(asks.services.ledger.asked_before(None)) == []
    run = ticks(asks, hold(run, asks.services.starter, new=False), 2)
    assert question(asks, run).number == 2
    answer(asks, run)
    run, _ = ended(asks, run)
    assert (run.state, asks.world.applied) == (RunState.SUCCEEDED, ["a", "b", "c"])


def test_a_stopped_run_that_is_continued_keeps_its_answer(asks: Bench) -> None:
    run = begun(asks)
    answer(asks, run)
    asks.services.ledger.ask_stop(run.run_id, Stop(at=asks.clock.now(), by="ana", reason="wait"))
    run = drive(asks.services.engine, run)
    assert (run.state, asks.world.applied) == (RunState.STOPPED, [])
    run = drive(asks.services.engine, hold(run, asks.services.starter, new=False))
    assert (run.state, run.asked, asks.world.applied) == (RunState.SUCCEEDED, {"things": 1}, ["a", "b", "c"])


def test_a_step_of_always_does_not_wait_when_the_run_is_to_stop(asks: Bench) -> None:
    first = {"id": "first", "uses": "toy.make_things", "with": {"names": []}}
    run = hold(asks.start("k1", steps=[first], verify=[], always=[THINGS]), asks.services.starter, new=True)
    run = ticks(asks, run, 1)
    asks.services.ledger.ask_stop(run.run_id, Stop(at=asks.clock.now(), by="ana", reason="enough"))
    run, row = ended(asks, run)
    assert (row.state, asks.world.applied) == (StepState.STOPPED, [])
    assert run.state is RunState.STOPPED


def test_a_run_that_is_to_stop_asks_nobody(asks: Bench) -> None:
    run = hold(
        asks.start("k1", steps=[THINGS], verify=[], always=[{**THINGS, "id": "last"}]), asks.services.starter, new=True
    )
    asks.services.ledger.ask_stop(run.run_id, Stop(at=asks.clock.now(), by="ana", reason="enough"))
    run = drive(asks.services.engine, run)
    assert asks.rows(run)["last"].state is StepState.STOPPED
    assert asks.services.ledger.questions(run.run_id) == []


def test_a_pause_does_not_shorten_the_time_to_answer(asks: Bench) -> None:
    run = begun(asks)
    before = question(asks, run).until(run, asks.clock.now())
    asks.services.ledger.pause(Pause(runbook="toy", at=asks.clock.now(), by="ana", reason="migration"))
    run = ticks(asks, run, 300)
    assert run.state is RunState.RUNNING
    asks.services.ledger.resume("toy")
    run = ticks(asks, run, 2)
    later = question(asks, run).until(run, asks.clock.now())
    assert timedelta(hours=4) < later - before < timedelta(hours=6)
    assert asks.rows(run) == {}  # nothing was committed by the way
    answer(asks, run)
    assert ended(asks, run)[0].state is RunState.SUCCEEDED


def test_a_question_survives_its_process_and_is_not_asked_twice(asks: Bench) -> None:
    run = begun(asks)
    other = asks.again()
    run = hold(now(asks, run).model_copy(update={"beat_until": None}), other.services.starter, new=False)
    run = ticks(other, run, 3)
    assert (run.asked, len(asks.services.ledger.questions(run.run_id))) == ({"things": 1}, 1)
    answer(other, run)
    assert ended(other, run)[0].state is RunState.SUCCEEDED
    assert len(asks.world.answers) == 2


def test_after_a_failed_neighbour_nobody_is_asked_while_the_run_tidies_up(asks: Bench) -> None:
    broken = {"id": "broken", "uses": "check.things", "with": {"names": ["never"]}}
    last = {"id": "last", "uses": "toy.silent", "with": {"names": ["x"]}}
    engine: Any = asks.services.engine
    engine.actions["toy.silent"] = _silent(asks)
    engine.signatures["toy.silent"] = engine.actions["toy.silent"].signature()
    run = begun(asks, steps=[{"parallel": [THINGS, broken]}], verify=[], always=[last])
    assert (run.state, asks.world.applied) == (RunState.RUNNING, ["x"])
    step = record(asks.services.ledger, run, asks.clock.now()).steps[0]
    assert (step.state, step.question) == (StepState.STOPPED, None)
    with pytest.raises(LifeboatError, match="went on without it") as late:
        answer(asks, run)
    assert late.value.code == "ask.not_waiting"
    assert list(asks.services.ledger.asked_before(None)) == []
    before = asks.clock.now()
    run = drive(asks.services.engine, run)
    assert (run.state, asks.clock.now() - before < timedelta(minutes=3)) == (RunState.FAILED, True)


def test_a_driver_that_was_replaced_while_it_slept_lets_no_question_expire(asks: Bench) -> None:
    run = begun(asks)
    engine: Any = asks.services.engine
    memory = engine._memory[run.run_id]
    other = asks.again()
    taken = hold(now(asks, run).model_copy(update={"beat_until": None}), other.services.starter, new=False)
    asks.clock.sleep(9000)
    row = memory.rows["things"]
    with pytest.raises(SupersededError):
        engine._asking.heard(memory, row, timedelta(hours=2))
    assert (taken.generation, question(asks, run).closed) == (2, "")


def test_what_waits_is_shown_with_the_plan_that_an_answer_covers(asks: Bench) -> None:
    run = begun(asks)
    [step] = record(asks.services.ledger, run, asks.clock.now()).steps[:1]
    assert (step.state, step.question and step.question.digest) == (StepState.WAITING, question(asks, run).digest)
    shown = [made.change.resource for made in changes(asks.services.ledger, run, (0, 0, -1))]
    assert shown == ["a", "b", "c"]


def test_a_failed_neighbour_ends_the_waiting(asks: Bench) -> None:
    broken = {"id": "broken", "uses": "check.things", "with": {"names": ["never"]}}
    run = begun(asks, steps=[{"parallel": [THINGS, broken]}], verify=[])
    run = drive(asks.services.engine, run)
    shown = {step.id: step for step in record(asks.services.ledger, run, asks.clock.now()).steps}
    assert (run.state, shown["things"].state, asks.world.applied) == (RunState.FAILED, StepState.STOPPED, [])
    assert "before anybody answered" in shown["things"].message
    assert list(asks.services.ledger.asked_before(None)) == []
