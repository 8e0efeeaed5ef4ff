"""An engine over fake actions and a real ledger on moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.bootstrap import Services, build
from chalicelib.domain.run import Run, RunCause, StepRow
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.local import drive, hold
from chalicelib.settings import Pace, Settings
from chalicelib.stores.creation import create_table
from tests.fakes import REGION, FakeClock, World, toy_actions, toy_runbook


@dataclass
class Bench:
    """Services over a fake world, and the shortest way to run something on them."""

    services: Services
    world: World
    clock: FakeClock

    def start(self, key: str = "k1", kind: str = "manual", given: dict[str, Any] | None = None, **book: Any) -> Run:
        runbook = Runbook.model_validate(toy_runbook(**book))
        cause = RunCause(kind=kind, key=key, occurred_at=self.clock.now(), summary=f"by {kind} {key}")
        return self.services.starter.start(runbook, cause, given or {}).run

    def run(self, key: str = "k1", **book: Any) -> Run:
        run = self.start(key, **book)
        return drive(self.services.engine, hold(run, self.services.starter, new=True))

    def rows(self, run: Run) -> dict[str, StepRow]:
        return {row.step_id: row for row in self.services.ledger.steps(run.run_id)}

    def again(self, **traits: Any) -> Bench:
        """Return a second engine on the same world and ledger, as another process would have it."""
        return Bench(services_over(self.world, self.clock, self.services.settings, **traits), self.world, self.clock)


def services_over(world: World, clock: FakeClock, settings: Settings, **traits: Any) -> Services:
    return build(settings, clock=clock, actions=toy_actions(world, **traits))


@pytest.fixture(name="bench")
def _bench() -> Iterator[Bench]:
    with mock_aws():
        yield make_bench()


def make_bench(pace: dict[str, int] | None = None, **traits: Any) -> Bench:
    clock = FakeClock()
    settings = Settings(region=REGION, retry_mode="standard", pace=Pace(**(pace or {})))
    world = World(clock)
    services = services_over(world, clock, settings, **traits)
    create_table(services.aws, REGION, settings.table, clock.sleep)
    return Bench(services, world, clock)


def as_json(value: Any) -> Any:
    return json.loads(value.model_dump_json())
