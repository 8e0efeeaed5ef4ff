"""Effects that are refused, lost, late or no longer wanted, and the quota that is kept full."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from moto import mock_aws

from chalicelib.actions.base import Review
from chalicelib.domain.run import RunState, StepState
from chalicelib.engine.local import drive, hold
from chalicelib.errors import ActionError, ErrorKind, StoreError
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench, make_bench


def refusal(kind: ErrorKind) -> ActionError:
    return ActionError(f"aws.{kind.value}", f"it is {kind.value}", kind)


def test_a_lost_answer_is_found_again_and_not_sent_twice(bench: Bench) -> None:
    bench.world.lose = {"b"}
    bench.world.hidden_s = 20
    run = bench.run()
    counts = bench.rows(run)["things"].counts
    assert run.state is RunState.SUCCEEDED
    assert (counts.adopted, counts.applied, counts.done) == (1, 2, 3)
    assert bench.world.applied.count("b") == 1


def test_an_answer_lost_before_the_effect_is_sent_again_after_the_settle_time(bench: Bench) -> None:
    bench.world.refuse["b"] = [refusal(ErrorKind.IN_DOUBT)]
    run = bench.run()
    made = dict(bench.world.made.values())
    assert run.state is RunState.SUCCEEDED
    assert made["b"] - made["a"] >= timedelta(seconds=300)
    assert bench.world.applied.count("b") == 2


def test_an_action_may_settle_at_once() -> None:
    with mock_aws():
        bench = make_bench(settle_s=0)
        bench.world.refuse["b"] = [refusal(ErrorKind.IN_DOUBT)]
        bench.run()
        made = dict(bench.world.made.values())
        assert made["b"] - made["a"] < timedelta(seconds=60)


def test_throttled_effects_come_within_the_minute(bench: Bench) -> None:
    bench.world.refuse["b"] = [refusal(ErrorKind.THROTTLED)] * 5
    run = bench.run()
    made = dict(bench.world.made.values())
    assert run.state is RunState.SUCCEEDED
    assert made["b"] - made["a"] < timedelta(minutes=3)


def test_at_capacity_waits_and_comes_later(bench: Bench) -> None:
    bench.world.refuse["a"] = [refusal(ErrorKind.AT_CAPACITY)] * 3
    run = bench.run()
    assert run.state is RunState.SUCCEEDED
    assert bench.rows(run)["things"].counts.failed == 0


def test_a_busy_resource_does_not_hold_up_the_others(bench: Bench) -> None:
    bench.world.refuse["a"] = [refusal(ErrorKind.BUSY)]
    run = bench.run()
    assert run.state is RunState.SUCCEEDED
    assert bench.world.names() == ["b", "c", "a"]


def test_busy_for_ever_ends_with_the_step(bench: Bench) -> None:
    bench.world.refuse["a"] = [refusal(ErrorKind.BUSY)] * 10_000
    step = {**toy_runbook()["steps"][0], "within": "30m"}
    run = bench.run(steps=[step])
    [failure] = bench.rows(run)["things"].failures
    assert (failure.resource, failure.code) == ("a", "step.deadline")


def test_a_terminal_refusal_ends_that_change_with_awss_words(bench: Bench) -> None:
    bench.world.refuse["a"] = [refusal(ErrorKind.TERMINAL)]
    run = bench.run()
    [failure] = bench.rows(run)["things"].failures
    assert failure.message == "it is terminal"
    assert bench.rows(run)["things"].state is StepState.PARTIAL


def test_no_more_than_the_window_is_in_flight() -> None:
    with mock_aws():
        bench = make_bench(window=2)
        names = [f"n{n:02}" for n in range(9)]
        run = bench.run(steps=[{"id": "things", "uses": "toy.make_things", "with": {"names": names}}], verify=[])
        assert run.state is RunState.SUCCEEDED
        assert bench.world.most_in_flight == 2
        assert bench.world.names() == names


def test_a_change_that_is_no_longer_needed_is_moot_and_never_sent() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        bench.world.reviews["b"] = Review(state="moot", message="b: a newer one is there")
        run = bench.run(verify=[])
        assert run.state is RunState.SUCCEEDED
        assert bench.rows(run)["things"].counts.moot == 1
        assert "b" not in bench.world.applied


def test_a_change_whose_premise_is_gone_is_a_conflict_and_fails_by_name() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        bench.world.reviews["b"] = Review(state="conflict", message="b: it is healthy again")
        run = bench.run(verify=[])
        [failure] = bench.rows(run)["things"].failures
        assert (failure.resource, failure.message) == ("b", "b: it is healthy again")


def test_what_a_review_had_to_leave_out_is_told_and_the_rest_is_made() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        lost = [("vol-9", "action.resource_gone", "vol-9 is gone")]
        bench.world.reviews["b"] = Review(params={"name": "b-less"}, lost=lost)
        run = bench.run(verify=[])
        row = bench.rows(run)["things"]
        assert "b-less" in bench.world.names()
        assert [failure.resource for failure in row.failures] == ["vol-9"]
        assert (row.state, row.counts.done, row.counts.failed) == (StepState.PARTIAL, 3, 1)


def test_waiting_changes_are_read_again_now_and_then() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=120, window=1)
        bench.world.reviews["c"] = Review(state="moot", message="c: a newer one is there")
        bench.world.takes_s = 300
        run = bench.run(verify=[])
        assert bench.rows(run)["things"].counts.moot == 1
        assert "c" not in bench.world.applied


def test_a_leased_resource_is_refused_with_the_name_of_the_run_that_has_it() -> None:
    with mock_aws():
        bench = make_bench(lease="restore")
        other = bench.start("other")
        bench.services.ledger.lease("restore", "b", other.run_id)
        run = bench.run("mine", verify=[])
        [failure] = bench.rows(run)["things"].failures
        assert other.run_id in failure.message
        assert failure.code == "run.leased"
        assert sorted(bench.world.names()) == ["a", "c"]


def test_a_lease_of_an_ended_run_is_free() -> None:
    with mock_aws():
        bench = make_bench(lease="restore")
        bench.run("first")
        second = bench.run("second")
        assert second.state is RunState.SUCCEEDED


def test_looks_follow_the_forecast_and_not_a_beat(bench: Bench) -> None:
    bench.world.takes_s = 700
    bench.run(verify=[])
    assert bench.world.looks <= 2


def test_another_engine_goes_on_where_the_first_was_killed(bench: Bench) -> None:
    """The first engine dies after its first effect, before recording anything but the intent."""
    bench.world.hidden_s = 20
    run = bench.start()
    real = bench.services.ledger.record

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    bench.services.ledger.record = die  # type: ignore[method-assign]
    with contextlib.suppress(SystemExit):
        drive(bench.services.engine, run)
    bench.services.ledger.record = real  # type: ignore[method-assign]
    assert bench.world.names() == ["a"]
    bench.clock.sleep(10_000)
    second = bench.again()
    found = second.services.ledger.load(run.run_id)
    assert found is not None
    ended = drive(second.services.engine, hold(found, second.services.starter, new=False))
    assert ended.state is RunState.SUCCEEDED
    assert sorted(bench.world.names()) == ["a", "b", "c"]
    assert second.rows(ended)["things"].counts.adopted == 1


def test_an_effect_whose_record_was_lost_is_looked_for_and_not_made_again(bench: Bench) -> None:
    """The ledger is away right after the effect; the same engine goes on, then another one does."""
    real, broken = bench.services.ledger.record, [True]

    def away_once(*args: object, **more: object) -> None:
        if broken.pop() if broken else False:
            raise StoreError("store.unavailable", "away")
        real(*args, **more)  # type: ignore[arg-type]

    bench.services.ledger.record = away_once  # type: ignore[method-assign]
    run = bench.start()
    ended = drive(bench.services.engine, run)
    assert ended.state is RunState.SUCCEEDED
    assert bench.world.applied == ["a", "b", "c"]
    assert bench.rows(ended)["things"].counts.adopted == 1
