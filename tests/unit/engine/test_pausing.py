"""A pause: runs wait before their next effect, what is in flight is watched, and time spent waiting does not count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.domain.run import Pause, Run, RunState, StepState, Stop
from chalicelib.engine.local import drive, hold
from chalicelib.engine.pausing import LOOK_S
from tests.fakes import START, toy_runbook
from tests.unit.engine.conftest import Bench

ONE_BY_ONE = {"window": 1}
BRIEF = {**toy_runbook()["steps"][0], "within": "10m"}


def pause(bench: Bench, runbook: str | None = "toy", by: str = "ana") -> Pause:
    return bench.services.ledger.pause(Pause(runbook=runbook, at=bench.clock.now(), by=by, reason="storage migration"))


def held(bench: Bench, **book: Any) -> Run:
    return hold(bench.start("k1", **book), bench.services.starter, new=True)


def ticks(bench: Bench, run: Run, length: timedelta) -> Run:
    """Drive a run for some time and return it as the ledger has it then."""
    until = bench.clock.now() + length
    while bench.clock.now() < until:
        tick = bench.services.engine.advance(run.run_id, run.generation)
        if tick.ended:
            break
        bench.clock.sleep(tick.wait_s)
    found = bench.services.ledger.load(run.run_id)
    assert found is not None
    return found


def test_a_paused_runbook_makes_nothing_until_it_is_resumed(bench: Bench) -> None:
    pause(bench)
    run = ticks(bench, held(bench), timedelta(minutes=30))
    assert bench.world.applied == []
    assert (run.state, run.pause and run.pause.by, run.paused_at) == (RunState.RUNNING, "ana", START)
    [lifted] = bench.services.ledger.resume("toy")
    assert lifted.reason == "storage migration"
    before = bench.clock.now()
    run = drive(bench.services.engine, run)
    assert (run.state, run.pause, run.paused_at) == (RunState.SUCCEEDED, None, None)
    assert bench.world.applied == ["a", "b", "c"]
    first = min(at for _, at in bench.world.made.values())
    assert first - before <= timedelta(seconds=LOOK_S)


def test_a_pause_in_the_middle_stops_further_effects_within_the_tick_and_watches_what_is_in_flight(
    bench: Bench,
) -> None:
    action = bench.services.actions["toy.make_things"]
    action.window_size = 1  # type: ignore[union-attr]
    run = held(bench)
    bench.services.engine.advance(run.run_id, run.generation)
    pause(bench, None)
    bench.clock.sleep(bench.world.takes_s + 1)
    ticks(bench, run, timedelta(minutes=30))
    row = bench.rows(run)["things"]
    assert bench.world.applied == ["a"]
    assert (row.counts.done, row.counts.pending, row.state) == (1, 0, StepState.RUNNING)


def test_a_pause_in_the_middle_of_a_slice_is_seen_before_the_next_intent(bench: Bench) -> None:
    action: Any = bench.services.actions["toy.make_things"]
    really = action.apply

    def paused_after_one(*args: Any) -> Any:
        effect = really(*args)
        pause(bench)
        bench.clock.sleep(31)  # the send window is over: the rest needs an intent of its own
        return effect

    action.apply = paused_after_one
    run = ticks(bench, held(bench), timedelta(minutes=10))
    assert bench.world.applied == ["a"]
    assert run.paused_at is not None


def test_another_runbooks_pause_holds_nobody_else_back_and_each_pause_is_lifted_by_itself(bench: Bench) -> None:
    ledger = bench.services.ledger
    pause(bench, "other")
    assert bench.run().state is RunState.SUCCEEDED
    pause(bench, None)
    pause(bench, "toy")
    assert [each.runbook for each in ledger.pauses()] == [None, "other", "toy"]
    ledger.resume(None)
    run = ticks(bench, held(bench, description="again"), timedelta(minutes=5))
    assert run.ended  # it is the first one's key: nothing was to do
    again = ticks(bench, hold(bench.start("k2"), bench.services.starter, new=True), timedelta(minutes=5))
    assert again.paused_at is not None
    assert len(bench.world.applied) == len("abc")


def test_the_first_of_two_pauses_counts_and_resuming_twice_lifts_once(bench: Bench) -> None:
    first = pause(bench)
    assert pause(bench, by="bo") == first
    assert bench.services.ledger.resume("toy") == [first]
    assert bench.services.ledger.resume("toy") == []


def test_time_spent_paused_does_not_count_against_a_deadline(bench: Bench) -> None:
    bench.world.takes_s = 300
    pause(bench)
    run = ticks(bench, held(bench, steps=[BRIEF]), timedelta(minutes=40))
    bench.services.ledger.resume("toy")
    ended = drive(bench.services.engine, run)
    row = bench.rows(run)["things"]
    assert (ended.state, row.paused_s) == (RunState.SUCCEEDED, ended.paused_s)
    assert ended.paused_s >= timedelta(minutes=40).total_seconds()
    assert row.deadline == START + timedelta(minutes=10) + timedelta(seconds=ended.paused_s)


def test_what_was_not_done_in_time_still_ends_at_the_deadline_after_a_pause(bench: Bench) -> None:
    bench.world.takes_s = 3600
    pause(bench)
    run = ticks(bench, held(bench, steps=[BRIEF]), timedelta(minutes=20))
    bench.services.ledger.resume("toy")
    ended = drive(bench.services.engine, run)
    row = bench.rows(run)["things"]
    assert (ended.state, {each.code for each in row.failures}) == (RunState.FAILED, {"step.deadline"})


def test_a_resume_that_was_cut_short_before_it_was_recorded_puts_no_deadline_off_twice(bench: Bench) -> None:
    bench.world.takes_s = 300
    pause(bench)
    run = ticks(bench, held(bench, steps=[BRIEF]), timedelta(minutes=20))
    bench.services.ledger.resume("toy")
    ledger: Any = bench.services.engine.ledger
    really, ledger.save = ledger.save, _dies
    try:
        bench.services.engine.advance(run.run_id, run.generation)
    except KeyboardInterrupt:
        ledger.save = really
    bench.clock.sleep(30)
    ended = drive(bench.again().services.engine, run)
    row = bench.rows(run)["things"]
    assert ended.state is RunState.SUCCEEDED
    assert row.deadline == START + timedelta(minutes=10) + timedelta(seconds=ended.paused_s)


def _dies(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_stop_ends_a_paused_run_with_always_and_the_same_key_continues_it_once_resumed(bench: Bench) -> None:
    always = {"id": "tidy", "uses": "toy.make_things", "with": {"names": ["z"]}}
    pause(bench)
    run = ticks(bench, held(bench, always=[always]), timedelta(minutes=5))
    bench.services.ledger.ask_stop(run.run_id, Stop(at=bench.clock.now(), by="bo", reason="enough"))
    stopped = drive(bench.services.engine, run)
    assert (stopped.state, bench.world.applied) == (RunState.STOPPED, ["z"])
    bench.services.ledger.resume("toy")
    bench.clock.sleep(3600)
    again = bench.clock.now()
    ended = drive(bench.services.engine, hold(stopped, bench.services.starter, new=False))
    assert (ended.state, ended.paused_at, ended.paused_s) == (RunState.SUCCEEDED, None, 0)
    assert bench.rows(ended)["things"].deadline == again + timedelta(hours=4)
    assert bench.world.applied == ["z", "a", "b", "c", "z"]
