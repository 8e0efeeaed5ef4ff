"""Effects that are refused or lost on the way, and the quota that is kept full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from moto import mock_aws

from chalicelib.domain.change import Change
from chalicelib.domain.run import RunState, StepState
from chalicelib.engine.local import drive
from chalicelib.errors import ActionError, ErrorKind
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


def test_a_refusal_that_is_over_does_not_hold_the_last_change_until_the_deadline(bench: Bench) -> None:
    """Busy first, then throttled once, with nothing else in flight: the stale hold must not count."""
    bench.world.refuse["a"] = [refusal(ErrorKind.BUSY), refusal(ErrorKind.THROTTLED)]
    run = bench.run(steps=[{**toy_runbook()["steps"][0], "with": {"names": ["a"]}}], verify=[])
    assert run.state is RunState.SUCCEEDED
    assert run.ended_at is not None
    assert run.ended_at - run.started_at < timedelta(minutes=10)


def test_a_throttled_change_after_a_take_over_does_not_wait_for_the_deadline(bench: Bench) -> None:
    run = bench.start(steps=[{**toy_runbook()["steps"][0], "with": {"names": ["a"]}}], verify=[])
    bench.clock.sleep(1000)
    taken = bench.services.starter.take_over(run, holder=run.holder)
    bench.world.refuse["a"] = [refusal(ErrorKind.THROTTLED)] * 2
    ended = drive(bench.services.engine, taken)
    assert ended.state is RunState.SUCCEEDED
    assert ended.ended_at is not None
    assert ended.ended_at - bench.clock.now() < timedelta(minutes=10)
    assert bench.clock.now() - run.started_at < timedelta(hours=1)


def test_a_single_change_that_is_throttled_is_not_hammered(bench: Bench) -> None:
    bench.world.refuse["a"] = [refusal(ErrorKind.THROTTLED)] * 6
    bench.run(steps=[{**toy_runbook()["steps"][0], "with": {"names": ["a"]}}], verify=[])
    made = dict(bench.world.made.values())
    assert bench.world.applied.count("a") == 7
    assert made["a"] - bench.world.clock.start >= timedelta(seconds=5 + 10 + 20 + 40 + 80)


def test_an_ec2_that_hangs_does_not_make_a_slice_last_for_ever(bench: Bench) -> None:
    names = [f"n{n:03}" for n in range(200)]
    for name in names:
        bench.world.refuse[name] = [refusal(ErrorKind.IN_DOUBT)]
    bench.world.answer_s = 20
    run = bench.start(steps=[{**toy_runbook()["steps"][0], "with": {"names": names}}], verify=[])
    began = bench.clock.now()
    bench.services.engine.advance(run.run_id, 1)
    assert bench.clock.now() - began <= timedelta(seconds=60 + 20)
    assert 0 < len(bench.world.applied) <= 5


def test_what_is_read_before_the_effect_is_hardly_ever_read_twice() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        action: Any = bench.services.actions["toy.make_things"]
        bench.world.answer_s, read = 1, []

        def counted(changes: Sequence[Change], *_: Any) -> dict[str, Any]:
            read.append(len(changes))
            return {}

        action.review = counted
        names = [f"n{number:03}" for number in range(300)]
        bench.run(steps=[{"id": "things", "uses": "toy.make_things", "with": {"names": names}}])
        assert len(bench.world.applied) == len(names)
        slices = len(names) / bench.services.settings.pace.slice_s
        assert sum(read[1:]) < len(names) * 1.1  # of the first wave nothing is known yet
        assert len(read) <= 2 * slices + 2
