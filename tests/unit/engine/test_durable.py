"""The durable execution: what it comes to, what it costs, and what becomes of it when things die."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

import app
from chalicelib.actions.base import StepContext
from chalicelib.domain.change import Change, Effect, Failure, Obligation
from chalicelib.domain.run import RunState, Stop
from chalicelib.engine.durable import OTHER_ATTEMPTS, PASSING_ATTEMPTS, LambdaLauncher, when_to_try_again
from chalicelib.engine.sweeper import sweep
from chalicelib.errors import ActionError, ErrorKind, InputError, RefusedError, StoreError
from tests.fakes import MakeThings, unmaking
from tests.unit.engine.durable_lab import Killed, Lab, RunnerClock, answer, refused, runner

MakeLab = Callable[..., Lab]


@pytest.fixture(name="make_lab")
def _make_lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeLab]:
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        at = stack.enter_context(runner())

        def make(**pace: int) -> Lab:
            lab = Lab(None, RunnerClock(at), **pace)
            monkeypatch.setattr(app, "services", lambda: lab.services)
            lab.open()
            return lab

        yield make


class DyingThings(MakeThings):
    """Dies once, right before or after the effect on `b`, as a Lambda sandbox may; the next one is a new process."""

    lab: Lab
    dies: str | None = "after"

    def apply(self, change: Change, needs: Any, ctx: StepContext) -> Effect:
        if change.key == "b" and self.dies == "before":
            self._die()
        effect = super().apply(change, needs, ctx)
        if change.key == "b" and self.dies == "after":
            self._die()
        return effect

    def _die(self) -> None:
        self.dies = None
        self.lab.services = self.lab.fresh(**{MakeThings.name: self})
        raise Killed


def test_a_run_takes_two_operations_a_tick_with_names_of_their_own(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert answer(result) == {"run_id": run.run_id, "generation": 1, "outcome": "ended", "state": "succeeded"}
    assert [operation.name for operation in result.operations] == ["tick-1", "wait-1", "tick-2"]
    assert sorted(lab.world.names()) == ["a", "b", "c"]


def test_what_a_tick_checkpoints_does_not_grow_with_the_run(make_lab: MakeLab) -> None:
    lab = make_lab()
    many = [f"a-thing-with-a-long-name-{n:05d}" for n in range(1500)]
    run = lab.start(steps=[{"id": "things", "uses": "toy.make_things", "with": {"names": many}}], verify=[])
    lab.world.fails = set(many[:500])
    result = lab.execute({"run_id": run.run_id, "generation": 1}, timeout=120)
    assert answer(result)["state"] == "failed"
    sizes = [len(getattr(operation, "result", None) or "") for operation in result.operations]
    assert 0 < max(sizes) < 1_000


def test_a_failed_run_is_an_answer_of_an_execution_that_succeeded(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.world.fails = {"b"}
    run = lab.start()
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert result.status.value == "SUCCEEDED"
    assert (answer(result)["outcome"], answer(result)["state"]) == ("ended", "failed")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sandbox_that_dies_at_an_effect_leaves_nothing_missing_and_nothing_twice(
    make_lab: MakeLab, when: str
) -> None:
    lab = make_lab()
    dying = DyingThings(lab.world, lab=lab, dies=when)
    lab.services = lab.fresh(**{MakeThings.name: dying})
    run = lab.start()
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert dying.dies is None, "nobody died"
    assert answer(result)["state"] == "succeeded"
    assert sorted(lab.world.names()) == ["a", "b", "c"]
    assert sorted(lab.world.applied) == ["a", "b", "c"]


def test_a_long_run_is_handed_over_once_and_each_successor_has_its_name(make_lab: MakeLab) -> None:
    lab = make_lab(ticks_per_generation=2)
    run = lab.start(steps=chain(3), verify=[])
    lab.services.launcher.start(run.run_id, 1)
    answers = lab.execute_all()
    names = list(lab.functions.executions)
    assert names == [f"{run.run_id}_{generation}" for generation in range(1, len(names) + 1)]
    assert [said["outcome"] for said in answers] == ["handed_over"] * (len(names) - 1) + ["ended"]
    assert len(names) >= 3
    assert lab.run_row(run).state is RunState.SUCCEEDED


def test_a_hand_over_that_lambda_throttles_is_tried_again_and_ends_in_one_successor(make_lab: MakeLab) -> None:
    lab = make_lab(ticks_per_generation=2)
    run = lab.start(steps=chain(2), verify=[])
    lab.services.launcher.start(run.run_id, 1)
    lab.functions.refusals = [refused(), refused()]
    answers = lab.execute_all()
    assert [said["outcome"] for said in answers] == ["handed_over", "ended"]
    assert list(lab.functions.executions) == [f"{run.run_id}_1", f"{run.run_id}_2"]


def test_an_older_generation_ends_quietly_and_makes_no_effect(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    lab.services.starter.take_over(run, holder="local:somebody")
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert answer(result)["outcome"] == "superseded"
    assert lab.world.applied == []


def test_an_execution_leaves_alone_a_run_of_its_generation_that_names_another_holder(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    lab.services.ledger.release(run.run_id, "the execution seems stuck")
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert answer(result)["outcome"] == "superseded"
    assert lab.world.applied == []


def test_an_ended_run_is_reported_as_it_ended_whoever_asks(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    lab.execute({"run_id": run.run_id, "generation": 1}, "first")
    again = lab.execute({"run_id": run.run_id, "generation": 1}, "second")
    assert (answer(again)["outcome"], answer(again)["state"]) == ("ended", "succeeded")
    assert len(lab.world.applied) == 3


def test_a_stop_is_obeyed_and_the_execution_says_so(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    lab.services.ledger.ask_stop(run.run_id, Stop(at=lab.clock.now(), by="ops", reason="wrong account"))
    assert answer(lab.execute({"run_id": run.run_id, "generation": 1}))["state"] == "stopped"
    assert lab.world.applied == []


def test_a_ledger_that_comes_back_costs_retries_and_nothing_else(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    lab.services.engine.ledger = Flaky(lab.services.ledger, failures=3)
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert answer(result)["state"] == "succeeded"
    assert result.get_step("tick-1").attempt == 4


def test_a_ledger_that_stays_away_ends_the_execution_failed_after_eight_tries(make_lab: MakeLab) -> None:
    lab = make_lab()
    run = lab.start()
    lab.services.ledger.table.name = "gone"
    result = lab.execute({"run_id": run.run_id, "generation": 1})
    assert result.status.value == "FAILED"
    assert result.error
    assert "does not exist" in str(result.error.message)
    assert result.get_step("tick-1").attempt == PASSING_ATTEMPTS
    lab.services.ledger.table.name = lab.settings.table
    assert lab.run_row(run).state is RunState.RUNNING, "the sweeper must find it"


class Flaky:
    """A ledger whose first reads fail."""

    def __init__(self, ledger: Any, failures: int) -> None:
        self._ledger, self._failures = ledger, failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def load(self, run_id: str) -> Any:
        if self._failures:
            self._failures -= 1
            raise StoreError("store.unavailable", "DynamoDB is not there")
        return self._ledger.load(run_id)


@pytest.mark.parametrize(
    "payload", [None, [], {"run_id": "r"}, {"run_id": "", "generation": 1}, {"run_id": "r", "generation": True}]
)
def test_an_input_that_is_not_an_order_is_refused_in_words(make_lab: MakeLab, payload: Any) -> None:
    make_lab()
    said = answer(make_lab().execute(payload))
    assert said["outcome"] == "bad_input"
    assert "generation" in said["why"]


def test_an_execution_of_a_run_that_nobody_knows_says_so(make_lab: MakeLab) -> None:
    assert answer(make_lab().execute({"run_id": "nobody", "generation": 1}))["outcome"] == "unknown_run"


def test_what_passes_by_itself_is_tried_eight_times_a_fault_three_times_and_a_refusal_once() -> None:
    def attempts(error: Exception) -> int:
        return next(n for n in range(1, 100) if not when_to_try_again(error, n).should_retry)

    assert attempts(StoreError("store.unavailable", "")) == PASSING_ATTEMPTS
    assert attempts(ActionError("aws.throttled", "", ErrorKind.THROTTLED)) == PASSING_ATTEMPTS
    assert attempts(KeyError("a fault of ours")) == OTHER_ATTEMPTS
    assert attempts(InputError("step.bad_input", "")) == attempts(RefusedError("guard.region", "")) == 1
    delays = [when_to_try_again(StoreError("s", ""), n).delay_seconds for n in range(1, PASSING_ATTEMPTS)]
    assert delays == [2, 4, 8, 16, 32, 60, 60]
    assert timedelta(seconds=sum(delays)) < timedelta(minutes=5), "longer than the grace time: two would drive"


def test_an_execution_is_started_as_lambda_documents_it_by_the_published_alias() -> None:
    client = boto3.client("lambda", region_name="us-east-1")
    with Stubber(client) as stub:
        stub.add_response(
            "invoke",
            {"StatusCode": 202},
            {
                "FunctionName": "lifeboat-run:live",
                "InvocationType": "Event",
                "DurableExecutionName": "us-east-1_toy_0123456789ab_2",
                "Payload": json.dumps({"run_id": "us-east-1_toy_0123456789ab", "generation": 2}).encode(),
            },
        )
        LambdaLauncher(lambda: client, "lifeboat-run:live").start("us-east-1_toy_0123456789ab", 2)
        stub.assert_no_pending_responses()


def test_a_refusal_to_start_an_execution_names_the_function_and_the_missing_permission() -> None:
    client = boto3.client("lambda", region_name="us-east-1")
    with Stubber(client) as stub:
        stub.add_client_error("invoke", "AccessDeniedException", "no", 403)
        with pytest.raises(ActionError) as caught:
            LambdaLauncher(lambda: client, "lifeboat-run:live").start("r", 1)
    assert "lifeboat-run:live" in caught.value.message
    assert "lambda:Invoke" in caught.value.message


def test_the_longest_run_id_still_fits_an_executions_name() -> None:
    from chalicelib.domain.run import run_id_for

    longest = run_id_for("ap-southeast-2", "r" * 30, "run", "k")
    holder = LambdaLauncher(lambda: None, "f").holder(longest, 99_999)
    assert holder.startswith("execution:")
    assert len(holder.removeprefix("execution:")) <= 64


def chain(length: int) -> list[dict[str, Any]]:
    """Return steps of which each takes a tick at least."""
    return [{"id": f"s{n}", "uses": "toy.make_things", "with": {"names": [f"t{n}"]}} for n in range(length)]


def test_lost_parts_are_not_in_the_answer_but_in_the_ledger(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.world.plan_failures = (Failure(resource="vol-1", code="plan.unusable", message="vol-1 cannot be used"),)
    run = lab.start()
    said = answer(lab.execute({"run_id": run.run_id, "generation": 1}))
    assert "vol-1" not in json.dumps(said)
    assert any("vol-1" in row.model_dump_json() for row in lab.services.ledger.steps(run.run_id))


def test_what_runs_owe_is_done_by_one_execution_of_the_function_that_may_change_aws(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.world.made["old"] = ("a", lab.clock.now())
    owed = Obligation(name="unmake", why="Take it back.", uses="toy.unmake_things", change=unmaking("a", "old"))
    run = lab.start()
    lab.services.launcher.start(run.run_id, 1)
    lab.services.ledger.owe(run.run_id, owed, lab.clock.now())
    assert sweep(lab.services)["settled"] == []
    assert sweep(lab.fresh())["settled"] == []
    assert lab.world.unmade == [], "the sweeper itself changes nothing"
    assert [answer["outcome"] for answer in lab.execute_all()] == ["ended", "settled"]
    assert lab.world.unmade == ["a"]
    assert sweep(lab.services)["settled"] == []
    assert len(lab.functions.executions) == 2
