"""The durable function itself on the SDK's testing package, over fake actions and a real ledger on moto."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner
from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestResult
from botocore.exceptions import ClientError

import app
from chalicelib.bootstrap import Services, build
from chalicelib.domain.run import Run, RunCause
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.durable import LambdaLauncher
from chalicelib.settings import Pace, Settings
from chalicelib.stores.creation import create_table
from tests.fakes import REGION, FakeClock, World, toy_actions, toy_runbook


def refused(code: str = "TooManyRequestsException", status: int = 429) -> ClientError:
    """Return what botocore raises when Lambda refuses an Invoke."""
    answer: Any = {"Error": {"Code": code, "Message": "slow down"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Invoke")


@dataclass
class FakeLambda:
    """Lambda's Invoke of durable functions: one execution a name, and refusals in advance."""

    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: list[ClientError] = field(default_factory=list)

    def invoke(self, **request: Any) -> dict[str, Any]:
        if self.refusals:
            raise self.refusals.pop(0)
        known = self.executions.setdefault(request["DurableExecutionName"], request)
        assert known["Payload"] == request["Payload"], "the same name with another payload"
        return {"StatusCode": 202}


class RunnerClock(FakeClock):
    """The testing package's clock: it jumps over the waits of durable executions."""

    def __init__(self, runner: DurableFunctionTestRunner) -> None:
        super().__init__()
        self.runner = runner

    def now(self) -> datetime:
        return self.runner._clock.now()


@dataclass
class Heard:
    """A journal that remembers."""

    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def note(self, sentence: str, **fields: Any) -> None:
        self.notes.append((sentence, fields))

    def progress(self, run: Run, steps: Any) -> None:
        """Forget it."""

    def said(self, sentence: str) -> list[dict[str, Any]]:
        return [fields for said, fields in self.notes if said == sentence]


class Lab:
    """The service as Lambda would have it, in a fake world."""

    def __init__(self, settings: dict[str, Any] | None = None, clock: FakeClock | None = None, **pace: int) -> None:
        self.clock, self.functions, self.heard = clock or FakeClock(), FakeLambda(), Heard()
        self.world = World(self.clock)
        self.settings = Settings(region=REGION, retry_mode="standard", pace=Pace(**pace), **(settings or {}))
        self.services = self.fresh()
        self.results: list[DurableFunctionTestResult] = []

    def fresh(self, **actions: Any) -> Services:
        """Return new services, as a new Lambda sandbox would build them."""
        launcher = LambdaLauncher(lambda: self.functions, self.settings.run_function)
        known = {**toy_actions(self.world), **actions}
        return build(self.settings, clock=self.clock, journal=self.heard, launcher=launcher, actions=known)

    def open(self) -> None:
        """Make the ledger."""
        create_table(self.services.aws, REGION, self.settings.table, self.clock.sleep)

    def start(self, key: str = "k1", **book: Any) -> Run:
        """Make a run row, without driving it."""
        runbook = Runbook.model_validate(toy_runbook(**book))
        cause = RunCause(kind="manual", key=key, occurred_at=self.clock.now(), summary="by hand")
        return self.services.starter.start(runbook, cause, {}).run

    def execute(self, payload: Any, name: str = "n", timeout: int = 30) -> DurableFunctionTestResult:
        """Drive an execution to its end."""
        assert isinstance(self.clock, RunnerClock)
        result = self.clock.runner.run(input=json.dumps(payload), execution_name=name, execution_timeout=timeout)
        self.results.append(result)
        return result

    def execute_all(self) -> list[dict[str, Any]]:
        """Drive every execution that was started, and those that they start; return what each came to."""
        came_to: list[dict[str, Any]] = []
        for at in range(100):
            started = list(self.functions.executions.items())
            if at >= len(started):
                return came_to
            name, request = started[at]
            came_to.append(answer(self.execute(json.loads(request["Payload"]), name)))
        raise AssertionError("executions start each other for ever")

    def run_row(self, run: Run) -> Run:
        """Return a run as the ledger has it."""
        row = self.services.ledger.load(run.run_id)
        assert row
        return row


def answer(result: DurableFunctionTestResult) -> dict[str, Any]:
    """Return what an execution answered."""
    assert result.result is not None, result.error
    said: dict[str, Any] = json.loads(result.result)
    return said


class Killed(BaseException):
    """The Lambda sandbox died here."""


def mortal_run(event: Any, context: Any) -> Any:
    """Invoke the durable function; a sandbox that dies is an invocation that failed, as Lambda sees it."""
    try:
        return app.run(event, context)
    except Killed as death:
        raise RuntimeError("Runtime.ExitError") from death


def runner() -> DurableFunctionTestRunner:
    """Return a runner of the durable function, in which failed invocations are retried at once."""
    made = DurableFunctionTestRunner(handler=mortal_run, region=REGION, poll_interval=0.05)
    made._executor.RETRY_BACKOFF_SECONDS = 0
    return made
