"""Effects that are looked for, found again, late, or taken up by another engine."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.domain.run import RunState
from chalicelib.engine.local import drive, hold
from chalicelib.errors import ActionError, ErrorKind, StoreError, SupersededError
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench, make_bench


def test_looks_get_rarer_while_only_a_rate_is_assumed_and_never_beat(bench: Bench) -> None:
    bench.world.takes_s = 3600
    bench.run(verify=[])
    assert bench.world.looks <= 8, "at one, two, four ... minutes"


def test_what_is_done_long_before_its_forecast_is_seen_within_minutes(bench: Bench) -> None:
    bench.world.takes_s, bench.world.forecast_s = 50, 20_000
    run = bench.run(verify=[])
    assert run.ended_at is not None
    assert run.ended_at - run.started_at < timedelta(minutes=2)


def test_once_something_was_done_looks_follow_what_was_learned() -> None:
    with mock_aws():
        bench = make_bench(window=1)
        bench.world.takes_s, bench.world.forecast_s = 600, 600
        bench.run(steps=[{**toy_runbook()["steps"][0], "with": {"names": list("abcdefgh")}}], verify=[])
        assert bench.world.looks <= 4 + 8, "four until the first is done, then one for each"


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


def test_what_was_sent_again_is_counted_when_it_is_done_and_a_double_is_told(bench: Bench) -> None:
    """The answer was lost before the effect as far as anybody could see; AWS listed the first one very late."""
    bench.world.refuse["b"] = [ActionError("aws.no_answer", "b: no answer", ErrorKind.IN_DOUBT)]
    real = bench.services.actions["toy.make_things"].observe  # type: ignore[union-attr]

    def late(asked: Any, ctx: Any) -> Any:
        found = real(asked, ctx)
        bench.world.doubled = {"b"} if bench.world.applied.count("b") == 2 else set()
        return found

    bench.services.actions["toy.make_things"].observe = late  # type: ignore[method-assign, union-attr]
    run = bench.run(verify=[])
    row = bench.rows(run)["things"]
    assert [failure.code for failure in row.failures] == ["toy.doubled"]
    assert (row.counts.done, row.counts.failed) == (3, 1)


def test_what_is_done_when_the_time_is_up_is_seen_and_not_called_failed(bench: Bench) -> None:
    """Looks are far apart; at the deadline there is one more."""
    bench.world.takes_s = 610
    step = {**toy_runbook()["steps"][0], "within": "11m"}
    run = bench.run(steps=[step], verify=[])
    assert run.state is RunState.SUCCEEDED


def test_a_process_that_slept_through_a_take_over_calls_nothing_failed(bench: Bench) -> None:
    run = bench.start(steps=[{**toy_runbook()["steps"][0], "within": "10m"}], verify=[])
    bench.world.takes_s = 10_000
    bench.services.engine.advance(run.run_id, 1)
    real = bench.services.ledger.load
    bench.clock.sleep(3600)
    seen = real(run.run_id)
    assert seen is not None
    other = bench.again()
    other.services.starter.take_over(seen, holder="local:other:0:1")
    calls = iter([seen])
    bench.services.ledger.load = lambda run_id: next(calls, None) or real(run_id)  # type: ignore[method-assign]
    with pytest.raises(SupersededError):
        bench.services.engine.advance(run.run_id, 1)
    effects = bench.services.ledger.effects(run.run_id, "things", 0)
    assert {effect.state.value for effect in effects.values()} == {"pending"}
