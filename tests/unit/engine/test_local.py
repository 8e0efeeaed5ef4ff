"""Who may drive a run: take-over, hold, interruption; stop and continue."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.run import Run, RunState, StepState, Stop
from chalicelib.engine.local import drive, here, hold, surely_dead
from chalicelib.errors import ActionError, ErrorKind, RefusedError, StoreError, SupersededError
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench

THINGS = toy_runbook()["steps"][0]


def ask_stop(bench: Bench, run: Run, reason: str = "wrong estate") -> None:
    bench.services.ledger.ask_stop(run.run_id, Stop(at=bench.clock.now(), by="ana", reason=reason))


def loaded(bench: Bench, run: Run) -> Run:
    found = bench.services.ledger.load(run.run_id)
    assert found is not None
    return found


def held_by(bench: Bench, run: Run, holder: str) -> Run:
    bench.services.ledger.table.update(f"RUN#{run.run_id}", "RUN", {"holder": holder})
    return loaded(bench, run)


def test_a_run_that_another_host_drives_is_not_taken(bench: Bench) -> None:
    run = held_by(bench, bench.start(), "local:elsewhere:0:1")
    with pytest.raises(RefusedError, match="local:elsewhere") as caught:
        hold(run, bench.services.starter, new=False)
    assert caught.value.code == "run.held"


def test_a_run_whose_driver_is_overdue_is_taken_and_fenced(bench: Bench) -> None:
    run = held_by(bench, bench.start(), "local:elsewhere:0:1")
    bench.clock.sleep(301)
    taken = hold(run, bench.services.starter, new=False)
    assert taken.generation == 2
    assert taken.fence_until == bench.clock.now() + timedelta(seconds=55)
    drive(bench.services.engine, taken)
    assert min(at for _, at in bench.world.made.values()) >= taken.fence_until


def test_a_dead_process_of_this_host_is_taken_over_at_once(bench: Bench) -> None:
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = here().rpartition(":")[0] + ":" + child.stdout.decode().strip()
    assert surely_dead(dead)
    assert not surely_dead(here())
    run = held_by(bench, bench.start(), dead)
    assert hold(run, bench.services.starter, new=False).generation == 2


def test_a_holder_of_an_earlier_boot_is_dead() -> None:
    parts = here().split(":")
    assert surely_dead(":".join([parts[0], parts[1], "00000000", parts[3]]))


def test_only_one_of_two_that_take_over_at_once_succeeds(bench: Bench) -> None:
    run = held_by(bench, bench.start(), "local:elsewhere:0:1")
    bench.clock.sleep(301)
    bench.services.ledger.take(run, holder="local:other:0:2", beat_until=bench.clock.now(), fence_until=None)
    with pytest.raises(SupersededError):
        hold(run, bench.services.starter, new=False)


def test_a_superseded_engine_makes_no_further_effect(bench: Bench) -> None:
    run = bench.start()
    bench.services.ledger.take(run, holder="local:other:0:2", beat_until=bench.clock.now(), fence_until=None)
    with pytest.raises(SupersededError):
        drive(bench.services.engine, run)
    assert bench.world.applied == []


def test_an_engine_superseded_in_mid_slice_stops_at_its_next_intent(bench: Bench) -> None:
    """The other engine takes over after the first effect; the intent of the next wave is refused."""
    run = bench.start(steps=[{"id": "things", "uses": "toy.make_things", "with": {"names": ["a", "b"]}}], verify=[])
    action: Any = bench.services.actions["toy.make_things"]
    action.window_size = 1
    bench.services.engine.advance(run.run_id, 1)
    assert bench.world.applied == ["a"]
    bench.services.ledger.take(
        loaded(bench, run), holder="local:other:0:2", beat_until=bench.clock.now(), fence_until=None
    )
    bench.clock.sleep(100)
    with pytest.raises(SupersededError):
        bench.services.engine.advance(run.run_id, 1)
    assert bench.world.applied == ["a"]


def test_an_interrupted_run_can_be_continued_at_once_with_its_key(bench: Bench) -> None:
    run = bench.start()

    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.clock.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        drive(bench.services.engine, run)
    bench.clock.on_sleep = None
    held = held_by(bench, run, "local:elsewhere:0:1")
    assert held.beat_until is None
    ended = drive(bench.services.engine, hold(held, bench.services.starter, new=False))
    assert ended.state is RunState.SUCCEEDED
    assert sorted(bench.world.names()) == ["a", "b", "c"]


def test_a_ledger_that_is_away_for_a_while_costs_time_and_nothing_else(bench: Bench) -> None:
    run = bench.start()
    real, left = bench.services.ledger.steps, [5]

    def away(run_id: str) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise StoreError("store.unavailable", "away")
        return real(run_id)

    bench.services.ledger.steps = away  # type: ignore[method-assign]
    ended = drive(bench.services.engine, run)
    assert ended.state is RunState.SUCCEEDED


def test_a_ledger_that_stays_away_ends_the_loop_and_the_run_can_be_continued(bench: Bench) -> None:
    run = bench.start()

    def away(run_id: str) -> Any:  # noqa: ARG001 - the ledger's signature
        raise StoreError("store.unavailable", "away")

    real = bench.services.ledger.steps
    bench.services.ledger.steps = away  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        drive(bench.services.engine, run)
    bench.services.ledger.steps = real  # type: ignore[method-assign]
    assert drive(bench.services.engine, loaded(bench, run)).state is RunState.SUCCEEDED


def test_stop_ends_the_effects_observes_what_is_in_flight_and_runs_always(bench: Bench) -> None:
    names = [f"n{n}" for n in range(6)]
    action: Any = bench.services.actions["toy.make_things"]
    action.window_size = 2
    run = bench.start(
        steps=[{"id": "things", "uses": "toy.make_things", "with": {"names": names}}],
        always=[{"uses": "toy.make_things", "with": {"names": ["tidy"]}}],
    )
    bench.services.engine.advance(run.run_id, 1)
    ask_stop(bench, run)
    ask_stop(bench, run, "asked again")
    ended = drive(bench.services.engine, run)
    rows = bench.rows(ended)
    assert (ended.state, ended.code, ended.message) == (RunState.STOPPED, "run.stopped", "wrong estate")
    assert rows["things"].state is StepState.STOPPED
    assert (rows["things"].counts.done, rows["things"].counts.pending) == (2, 0)
    assert bench.world.names() == ["n0", "n1", "tidy"]
    assert "verify-1" not in rows


def test_a_stopped_run_goes_on_with_its_key_and_always_runs_again_at_its_end(bench: Bench) -> None:
    action: Any = bench.services.actions["toy.make_things"]
    action.window_size = 1
    book: dict[str, Any] = {"always": [{"uses": "toy.make_things", "with": {"names": ["tidy"]}}]}
    run = bench.start(**book)
    bench.services.engine.advance(run.run_id, 1)
    ask_stop(bench, run)
    stopped = drive(bench.services.engine, run)
    assert stopped.state is RunState.STOPPED
    bench.clock.sleep(24 * 3600)
    ended = drive(bench.services.engine, hold(loaded(bench, run), bench.services.starter, new=False))
    assert (ended.state, ended.round, ended.stop) == (RunState.SUCCEEDED, 2, None)
    assert sorted(bench.world.names()) == ["a", "b", "c", "tidy", "tidy"]


def test_a_stop_in_the_middle_of_a_slice_is_seen_before_the_next_wave(bench: Bench) -> None:
    action: Any = bench.services.actions["toy.make_things"]
    run, apply = bench.start(), action.apply

    def stop_after_one(*args: Any) -> Any:
        effect = apply(*args)
        ask_stop(bench, run)
        bench.clock.sleep(31)  # the send window is over: the rest needs an intent of its own
        return effect

    action.apply = stop_after_one
    ended = drive(bench.services.engine, run)
    assert ended.state is RunState.STOPPED
    assert bench.world.applied == ["a"]


def test_a_stop_when_all_is_done_changes_nothing(bench: Bench) -> None:
    run = bench.run()
    ask_stop(bench, run)
    assert loaded(bench, run).state is RunState.SUCCEEDED


def test_a_stop_while_planning_is_throttled_ends_stopped_and_can_be_continued(bench: Bench) -> None:
    bench.world.plan_error = ActionError("aws.throttled", "slow down", ErrorKind.THROTTLED)
    run = bench.start(verify=[])
    bench.services.engine.advance(run.run_id, 1)
    ask_stop(bench, run)
    stopped = drive(bench.services.engine, run)
    assert stopped.state is RunState.STOPPED
    bench.world.plan_error = None
    ended = drive(bench.services.engine, hold(loaded(bench, run), bench.services.starter, new=False))
    assert ended.state is RunState.SUCCEEDED
    assert sorted(bench.world.names()) == ["a", "b", "c"]


def test_a_continuation_that_is_killed_at_once_still_has_fresh_deadlines(bench: Bench) -> None:
    """The run row says that it runs again, and nothing else was written yet."""
    action: Any = bench.services.actions["toy.make_things"]
    action.window_size = 1
    run = bench.start(steps=[{**THINGS, "within": "1h"}])
    bench.services.engine.advance(run.run_id, 1)
    ask_stop(bench, run)
    drive(bench.services.engine, run)
    bench.clock.sleep(5 * 24 * 3600)
    bench.services.starter.take_over(loaded(bench, run), holder="local:elsewhere:0:1")
    bench.clock.sleep(5 * 24 * 3600)
    ended = drive(bench.services.engine, hold(loaded(bench, run), bench.services.starter, new=False))
    assert ended.state is RunState.SUCCEEDED
    assert sorted(bench.world.names()) == ["a", "b", "c"]


def test_of_two_people_who_continue_a_stopped_run_one_does(bench: Bench) -> None:
    action: Any = bench.services.actions["toy.make_things"]
    action.window_size = 1
    run = bench.start()
    bench.services.engine.advance(run.run_id, 1)
    ask_stop(bench, run)
    drive(bench.services.engine, run)
    seen = loaded(bench, run)
    bench.services.starter.take_over(seen, holder="local:ana:0:1")
    before = bench.rows(run)
    with pytest.raises(SupersededError):
        bench.services.starter.take_over(seen, holder="local:ben:0:1")
    assert bench.rows(run) == before
