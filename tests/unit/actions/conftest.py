"""One sandbox for the tests of actions; every test works on a fork of it, an AWS of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.actions.base import Action, StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.sandbox.client import Control, VirtualClock, attach
from chalicelib.sandbox.process import Sandbox
from chalicelib.settings import Limits, Settings

HOME, AWAY = "us-east-1", "us-west-2"


@dataclass
class World:
    """One AWS with the estate `small`, and the way of an action to it."""

    control: Control
    clock: VirtualClock
    aws: Aws
    estate: dict[str, Any]

    def truth(self, region: str = HOME, service: str = "ec2") -> Any:
        """Return a client that sees everything at once."""
        return self.control.witness(service, region)

    def ctx(self, run_id: str = "run-1", **more: Any) -> StepContext:
        """Return the context of a step at this moment."""
        now = self.clock.now()
        known = {"run_id": run_id, "step_id": "snapshots", "runbook": "nightly", "region": HOME, "started_at": now}
        return StepContext(**{**known, "now": now, "aws": self.aws, "limits": Limits(), **more})

    def later(self, ctx: StepContext, seconds: float) -> StepContext:
        """Let time pass and return the same step's context then."""
        self.clock.sleep(seconds)
        return replace(ctx, now=self.clock.now())

    def carried_out(self, action: Action[Any], plan: Plan, ctx: StepContext) -> dict[str, Effect]:
        """Apply all changes of a plan and observe until all are settled, in order, one wave."""
        known = {change.key: action.apply(change, {}, ctx) for change in plan.changes}
        for _ in range(50):
            asked = [(c, known[c.key]) for c in plan.changes if not known[c.key].settled]
            if not asked:
                return known
            ctx = self.later(ctx, 600)
            known |= action.observe(asked, ctx)
        raise AssertionError(f"never settled: {[key for key, effect in known.items() if not effect.settled]}")

    def calls(self) -> dict[str, int]:
        """Return how often each operation was called since the last reset."""
        counted: dict[str, int] = {}
        for row in self.control.calls()["by"]:
            counted[row["operation"]] = counted.get(row["operation"], 0) + row["count"]
        return counted


@pytest.fixture(scope="session")
def _prepared() -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    with Sandbox.start(seed=7) as box:
        estate = box.control.estate("small")
        box.control.settle()
        yield box, estate


@pytest.fixture
def world(_prepared: tuple[Sandbox, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    box, estate = _prepared
    control = box.control.fork()
    for name, value in {
        "AWS_ENDPOINT_URL": control.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": HOME,
    }.items():
        monkeypatch.setenv(name, value)
    clock = VirtualClock(control.url)
    aws = Aws(Settings(region=HOME, retry_mode="standard"), prepare=lambda session: attach(session, clock))
    yield World(control, clock, aws, estate)
    control.quit()


def by_volume(changes: Mapping[str, Change]) -> dict[str, Change]:
    """Return the change that covers each volume."""
    return {volume: change for change in changes.values() for volume in change.targets}


def in_doubt(at: datetime) -> Effect:
    """Return an effect of which only the intent is known."""
    return Effect(state=EffectState.IN_DOUBT, at=at)


MINUTE = timedelta(minutes=1)
