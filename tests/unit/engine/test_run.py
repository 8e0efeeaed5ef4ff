"""Runs through the local loop: what a run comes to, and what its record says of each step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.domain.change import Failure
from chalicelib.domain.run import RunState, StepState
from chalicelib.errors import ActionError, ErrorKind, InputError
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench, make_bench

STREAM = "${{ steps.things.things }}"
COPY = {"id": "copies", "uses": "toy.make_things", "with": {"things": STREAM}}
THINGS = toy_runbook()["steps"][0]


def test_a_run_makes_each_thing_once_and_ends_succeeded(bench: Bench) -> None:
    run = bench.run()
    assert run.state is RunState.SUCCEEDED
    assert sorted(bench.world.names()) == ["a", "b", "c"]
    assert {row.state for row in bench.rows(run).values()} == {StepState.SUCCEEDED}
    assert run.holder == ""


def test_the_same_key_reports_a_finished_run_and_does_nothing(bench: Bench) -> None:
    first = bench.run()
    again = bench.run()
    assert (again.run_id, again.state, again.ended_at) == (first.run_id, first.state, first.ended_at)
    assert bench.world.applied == ["a", "b", "c"]


def test_another_key_is_another_run_with_effects_of_its_own(bench: Bench) -> None:
    bench.run("k1")
    bench.run("k2")
    assert sorted(bench.world.names()) == ["a", "a", "b", "b", "c", "c"]


def test_a_streamed_step_starts_as_soon_as_its_own_source_is_done(bench: Bench) -> None:
    bench.world.takes_s = 100
    bench.world.refuse["c"] = [ActionError("aws.full", "full", ErrorKind.AT_CAPACITY)]
    bench.run(steps=[THINGS, COPY])
    order = [name for name, _ in sorted(bench.world.made.values(), key=lambda made: made[1])]
    assert order.index("copy-of-a") < order.index("copy-of-c")
    made_at = dict(bench.world.made.values())
    assert made_at["copy-of-a"] < made_at["c"] + timedelta(seconds=100)


def test_a_step_that_streams_nothing_waits_for_the_one_above(bench: Bench) -> None:
    run = bench.run(steps=[THINGS, {"id": "later", "uses": "toy.make_things", "with": {"names": ["d"]}}])
    rows = bench.rows(run)
    ended = rows["things"].ended_at
    assert ended is not None
    assert ended <= rows["later"].started_at


def test_parallel_steps_run_side_by_side(bench: Bench) -> None:
    beside = {"id": "beside", "uses": "toy.make_things", "with": {"names": ["d"]}}
    run = bench.run(steps=[{"parallel": [THINGS, beside]}])
    assert run.state is RunState.SUCCEEDED
    made_at = dict(bench.world.made.values())
    assert made_at["d"] - made_at["a"] < timedelta(seconds=60)


def test_one_failed_thing_makes_its_step_partial_and_the_run_failed_but_the_rest_is_done(bench: Bench) -> None:
    bench.world.fails = {"b"}
    run = bench.run(steps=[THINGS, COPY])
    rows = bench.rows(run)
    assert run.state is RunState.FAILED
    assert rows["things"].state is StepState.PARTIAL
    assert (rows["things"].counts.done, rows["things"].counts.failed) == (2, 1)
    assert [failure.message for failure in rows["things"].failures] == ["b broke"]
    assert sorted(bench.world.names()) == ["a", "b", "c", "copy-of-a", "copy-of-c"]
    [failure] = rows["copies"].failures
    assert failure.code == "action.source_failed"
    assert "things/b" in failure.message


def test_a_step_that_fails_whole_stops_the_run_and_tells_it(bench: Bench) -> None:
    bench.world.plan_error = InputError("action.nothing_selected", "backup=nightly selects nothing in us-east-1.")
    run = bench.run(steps=[THINGS, {"id": "later", "uses": "toy.make_things", "with": {"names": ["d"]}}])
    rows = bench.rows(run)
    assert run.state is RunState.FAILED
    assert rows["things"].code == "action.nothing_selected"
    assert "later" not in rows
    assert "verify-1" not in rows


def test_on_failure_continue_goes_on(bench: Bench) -> None:
    bench.world.fails = {"a", "b", "c"}
    after = {"id": "after", "uses": "toy.make_things", "with": {"names": ["d"]}}
    run = bench.run(steps=[{**THINGS, "on_failure": "continue"}, after])
    assert run.state is RunState.FAILED
    assert bench.rows(run)["after"].state is StepState.SUCCEEDED


def test_beyond_what_is_tolerated_a_partial_step_counts_as_failed_and_stops(bench: Bench) -> None:
    bench.world.fails = {"a", "b"}
    after = {"id": "after", "uses": "toy.make_things", "with": {"names": ["d"]}}
    run = bench.run(steps=[{**THINGS, "tolerate": 1}, after])
    assert bench.rows(run)["things"].state is StepState.FAILED
    assert "after" not in bench.rows(run)


def test_on_failure_and_always_follow_a_failure_and_only_always_a_success(bench: Bench) -> None:
    book = {
        "on_failure": [{"uses": "toy.make_things", "with": {"names": ["alarm"]}}],
        "always": [{"uses": "toy.make_things", "with": {"names": ["tidy"]}}],
    }
    bench.run("good", **book)
    assert "alarm" not in bench.world.names()
    bench.world.fails = {"a"}
    bench.run("bad", **book)
    assert bench.world.names().count("alarm") == 1
    assert bench.world.names().count("tidy") == 2


def test_if_and_unless_skip_a_step(bench: Bench) -> None:
    def step(name: str, **condition: str) -> dict[str, object]:
        return {"id": name, "uses": "toy.make_things", "with": {"names": [name]}, **condition}

    steps = [THINGS, step("yes", unless="${{ inputs.extra }}"), step("no", **{"if": "${{ inputs.extra }}"})]
    ended = bench.run(given={"extra": False}, inputs={"extra": {"type": "boolean", "default": False}}, steps=steps)
    rows = bench.rows(ended)
    assert rows["yes"].state is StepState.SUCCEEDED
    assert rows["no"].state is StepState.SKIPPED
    assert "no" not in bench.world.names()


def test_a_step_past_its_deadline_names_what_is_open_and_owes_it(bench: Bench) -> None:
    bench.world.takes_s = 10_000
    run = bench.run(steps=[{**THINGS, "within": "10m"}])
    row = bench.rows(run)["things"]
    assert run.state is RunState.FAILED
    assert row.state is StepState.FAILED
    assert {failure.code for failure in row.failures} == {"step.deadline"}
    assert "id-a is still pending" in row.failures[0].message
    assert set(bench.services.ledger.owed(run.run_id)) == {"things.a", "things.b", "things.c"}
    assert run.ended_at is not None
    assert run.ended_at - run.started_at < timedelta(minutes=11)


def test_a_plan_that_aws_throttles_is_tried_again_until_the_deadline(bench: Bench) -> None:
    bench.world.plan_error = ActionError("aws.throttled", "slow down", ErrorKind.THROTTLED)
    run = bench.run(steps=[{**THINGS, "within": "5m"}])
    row = bench.rows(run)["things"]
    assert (row.state, row.code) == (StepState.FAILED, "aws.throttled")
    assert run.ended_at is not None
    assert run.ended_at - run.started_at >= timedelta(minutes=5)


def test_what_the_guard_refuses_is_not_touched(bench: Bench) -> None:
    run = bench.run(guard={"regions": ["us-east-1"], "max_targets": 2})
    assert run.state is RunState.FAILED
    assert bench.rows(run)["things"].code == "guard.max_targets"
    assert bench.world.applied == []


def test_what_planning_refuses_counts_as_failed_and_the_rest_goes_on(bench: Bench) -> None:
    bench.world.plan_failures = (Failure(resource="z", code="action.too_many", message="z is too big"),)
    run = bench.run()
    row = bench.rows(run)["things"]
    assert (row.state, row.counts.planned, row.counts.failed, row.counts.done) == (StepState.PARTIAL, 4, 1, 3)


def test_a_failed_check_fails_the_run(bench: Bench) -> None:
    run = bench.run(verify=[{"uses": "check.things", "with": {"names": ["a", "zzz"]}}])
    row = bench.rows(run)["verify-1"]
    assert run.state is RunState.FAILED
    assert [finding.resource for finding in row.findings if not finding.ok] == ["zzz"]


def test_aws_calls_are_counted_into_the_run(bench: Bench) -> None:
    run = bench.run()
    counts = {(call.service, call.operation): call.count for call in run.calls}
    assert counts["dynamodb", "UpdateItem"] >= 6


@pytest.mark.parametrize("ticks", [2, 3])
def test_a_run_hands_over_as_often_as_it_must_and_makes_nothing_twice(ticks: int) -> None:
    with mock_aws():
        bench = make_bench({"ticks_per_generation": ticks}, window=1)
        run = bench.run(steps=[THINGS, COPY])
        assert run.state is RunState.SUCCEEDED
        assert run.generation > 1
        assert len(bench.world.applied) == 6


class Heard:
    """A journal that remembers sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def note(self, sentence: str, **_: Any) -> None:
        self.sentences.append(sentence)

    def progress(self, run: Any, steps: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("killed_in", "sentence"), [("finish", "run ended"), ("save_step", "step ended")])
def test_what_is_counted_of_an_end_is_counted_also_when_killed_right_after_it(
    bench: Bench, killed_in: str, sentence: str
) -> None:
    services, heard = bench.services, Heard()
    services.engine.journal = heard
    ledger: Any = services.engine.ledger
    really = getattr(ledger, killed_in)

    def dies(*given: Any) -> None:
        ended = killed_in == "finish" or given[1].settled
        really(*given)
        if ended:
            raise KeyboardInterrupt

    setattr(ledger, killed_in, dies)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert sentence in heard.sentences
