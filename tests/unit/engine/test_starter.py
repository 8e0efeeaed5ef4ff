"""Causes become runs once: repeated, joined, refused by age, refused for a reused key."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.run import RunCause, RunState
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.starter import Refusal, Started
from chalicelib.errors import RefusedError
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench

COOL: dict[str, Any] = {"guard": {"regions": ["us-east-1"], "cooldown": "30m"}}


def fire(bench: Bench, key: str, kind: str = "alarm", too_old: str | None = None, **book: Any) -> Started:
    runbook = Runbook.model_validate(toy_runbook(**book))
    cause = RunCause(kind=kind, key=key, occurred_at=bench.clock.now(), summary=f"{kind} {key}")
    return bench.services.starter.start(
        runbook, cause, {}, refused=Refusal("cause.too_old", too_old) if too_old else None
    )


def test_the_same_cause_delivered_twice_is_one_run(bench: Bench) -> None:
    first, second = fire(bench, "e1"), fire(bench, "e1")
    assert (first.how, second.how) == ("new", "existing")
    assert first.run.run_id == second.run.run_id
    assert second.run.joined == ()


def test_of_two_that_start_the_same_at_the_same_moment_one_is_new(bench: Bench) -> None:
    """The second looked before the first had written, and its run is equal to the first one's in every field."""
    first = fire(bench, "k1", kind="manual")
    ledger: Any = bench.services.ledger
    really, seen = ledger.load, []

    def blind_at_first(run_id: str) -> Any:
        seen.append(run_id)
        return None if len(seen) == 1 else really(run_id)

    ledger.load = blind_at_first
    second = fire(bench, "k1", kind="manual")
    assert (first.how, second.how) == ("new", "existing")
    assert second.run == first.run


def test_a_second_cause_during_a_run_joins_it_and_is_recorded_once(bench: Bench) -> None:
    first = fire(bench, "e1")
    assert fire(bench, "e2").how == "joined"
    assert fire(bench, "e2").run.run_id == first.run.run_id
    run = bench.services.ledger.load(first.run.run_id)
    assert run is not None
    assert [cause.key for cause in run.joined] == ["e2"]


def test_a_cause_within_the_cooldown_joins_the_ended_run_and_a_later_one_does_not(bench: Bench) -> None:
    first = fire(bench, "e1", **COOL)
    bench.services.engine.advance(first.run.run_id, 1)
    bench.clock.sleep(120)
    assert bench.services.engine.advance(first.run.run_id, 1).ended
    bench.clock.sleep(29 * 60)
    assert fire(bench, "e2", **COOL).how == "joined"
    bench.clock.sleep(2 * 60)
    assert fire(bench, "e3", **COOL).how == "new"


def test_a_cause_by_hand_never_joins(bench: Bench) -> None:
    first = fire(bench, "e1")
    by_hand = fire(bench, "k1", kind="manual")
    assert by_hand.how == "new"
    assert by_hand.run.run_id != first.run.run_id


def test_a_cause_that_is_too_old_is_recorded_and_refused(bench: Bench) -> None:
    refused = fire(bench, "e1", too_old="the alarm is 20 hours old, and 15 minutes is the limit")
    assert refused.how == "refused"
    run = bench.services.ledger.load(refused.run.run_id)
    assert run is not None
    assert (run.state, run.code) == (RunState.REFUSED, "cause.too_old")
    assert "20 hours" in run.message
    assert bench.world.applied == []
    assert fire(bench, "e2").how == "new"


def test_a_key_with_other_inputs_is_refused(bench: Bench) -> None:
    bench.start("k1", given={"zone": "a"})
    with pytest.raises(RefusedError, match="zone") as caught:
        bench.start("k1", given={"zone": "b"})
    assert caught.value.code == "run.key_reused"


def test_the_same_key_and_inputs_are_the_same_run_whatever_was_deployed_in_between(bench: Bench) -> None:
    starter = bench.services.starter
    runbook = Runbook.model_validate(toy_runbook(inputs={"zone": {"type": "string", "default": "a"}}))
    cause = RunCause(kind="manual", key="k1", occurred_at=bench.clock.now(), summary="by hand")
    run = starter.start(runbook, cause, {"zone": "a"}).run
    assert [starter.known("toy", "k1", given) for given in ({}, {"zone": "a"})] == [run, run]
    assert starter.known("toy", "k2", {}) is None
    for other in ({"zone": "b"}, {"colour": "red"}):
        with pytest.raises(RefusedError) as caught:
            starter.known("toy", "k1", other)
        assert caught.value.code == "run.key_reused"


def test_a_claim_whose_run_was_never_written_gives_way_after_a_while(bench: Bench) -> None:
    """A starter that died between its claim and its run must not block the runbook for ever."""
    lost = fire(bench, "e0")
    table = bench.services.ledger.table
    table.delete(f"RUN#{lost.run.run_id}", "RUN")
    table.update("RUNBOOK#us-east-1#toy", "ACTIVE", {"claimed_at": int(bench.clock.now().timestamp())})
    bench.clock.sleep(301)
    assert fire(bench, "e1").how == "new"


def test_causes_do_not_join_a_run_that_somebodys_dead_laptop_left_behind(bench: Bench) -> None:
    first = fire(bench, "e1")
    bench.services.ledger.table.update(f"RUN#{first.run.run_id}", "RUN", {"holder": "local:elsewhere:0:1"})
    assert fire(bench, "e2").how == "joined"
    bench.clock.sleep(24 * 3600)
    assert fire(bench, "e3").how == "new"
