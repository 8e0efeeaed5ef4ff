"""A drill killed at each AWS call and gone on with: what is live stays as it was, and nothing of the drill is left.

Also killed and never gone on with: the record is closed as a person would, and the sweeper finds what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.world import sandboxed
from chalicelib.domain.run import RunState
from chalicelib.engine.intake import SWEEP, on_schedule
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Notes
from tests.scenarios.drills import inventory, place_in
from tests.scenarios.recovery import backed_up, staged
from tests.scenarios.test_database_drills import backed_up as with_databases
from tests.shared_box import Prepared, with_estate
from tests.sweep.engines import Cause, Engines
from tests.sweep.plan import FAR, PERCENT, WHENS

pytestmark = pytest.mark.sweep
EVERY = 10 if PERCENT < 100 else 1  # calls
SWEPT = 10  # times that what is left is looked for


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as (control, estate):
        with staged(control, estate) as stage:
            estate["place"] = place_in(stage.services.aws)
        yield control, estate


@pytest.fixture(name="databases", scope="module")
def _databases() -> Iterator[Prepared]:
    with with_estate(with_databases) as prepared:
        yield prepared


@pytest.fixture(name="engines", scope="module")
def _engines() -> Iterator[Engines]:
    with Engines() as engines:
        yield engines


def cause(estate: dict[str, Any]) -> Cause:
    at = datetime(2031, 1, 6, 2, 30, tzinfo=UTC)
    return Cause("drill", at, kind="manual", runbook="restore-drill", mode="drill", inputs=estate["place"])


def closed(control: Control) -> None:
    """Close the record of a drill that nobody goes on with, and sweep until nothing is left to do."""
    notes: list[tuple[str, dict[str, Any]]] = []
    with sandboxed(Place(sandbox=True), lambda _: Notes(notes), control) as services:
        for run in services.ledger.list_runs(limit=9, running=True):
            ended = run.model_copy(update={"state": RunState.FAILED, "ended_at": services.clock.now()})
            services.ledger.finish(ended)
        for _ in range(SWEPT):
            control.settle()
            on_schedule(SWEEP, services)
            services.clock.sleep(300)


@pytest.mark.parametrize("how", ["gone on with", "swept"])
@pytest.mark.parametrize("when", WHENS)
def test_killed_at_any_call_a_drill_leaves_what_is_live_and_nothing_of_its_own(
    morning: Prepared, engines: Engines, when: str, how: str
) -> None:
    assert killed_everywhere(morning, engines, when, how, EVERY) == []


@pytest.mark.parametrize(("when", "how"), [("after", "gone on with"), ("after", "swept")])
def test_killed_at_any_call_a_drill_of_databases_too_leaves_nothing(
    databases: Prepared, engines: Engines, when: str, how: str
) -> None:
    assert killed_everywhere(databases, engines, when, how, 2 * EVERY) == []


def killed_everywhere(prepared: Prepared, engines: Engines, when: str, how: str, every: int) -> list[str]:
    """Kill a drill at every so many calls, each time anew; returns what went wrong."""
    original, estate = prepared
    before, wrong = inventory(original.witness), list[str]()
    for at in range(every, FAR, every):
        control = original.fork()
        try:
            control.kill(at, when)
            [outcome] = engines.run(control.url, [cause(estate)])
            control.kill(None)
            if outcome.killed and how == "gone on with":
                [outcome] = engines.run(control.url, [cause(estate)])
                wrong += [f"{when} {at}: {outcome}"] if outcome.state != "succeeded" else []
            elif outcome.killed:
                closed(control)
            control.settle()
            after = inventory(control.witness)
            differing = sorted({*before, *after} - {one for one in before if after.get(one) == before[one]})
            wrong += [f"{when} {at}: {differing}"] if differing else []
            if not outcome.killed and outcome.told.get("generation") == 1:
                break  # it was not killed any more
        finally:
            control.quit()
    assert at > 5 * every, "hardly anything was killed"
    return wrong
