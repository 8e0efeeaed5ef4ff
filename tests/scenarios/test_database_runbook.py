"""The shipped runbook for databases in trouble: by hand with a zone, by RDS's own event, asked and not asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.cli.worker import work
from chalicelib.domain.run import RunState, StepState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step, tags_of
from tests.scenarios.databases import approved, calls, instance, names, zone_id
from tests.shared_box import empty

BOOK = "database-failover"


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with empty() as control:
        yield control, {**control.estate("small"), **control.estate("databases")}


def test_a_dark_zone_is_left_and_what_could_not_leave_is_restored_elsewhere_once_a_person_says_so(stage: Stage) -> None:
    dark = instance(stage, "accounts")["AvailabilityZone"]
    before = names(stage)
    stage.control.disaster("az_dark", zone=dark)
    stage.control.advance(600)
    run = stage.start(stage.book(BOOK), zone=zone_id(stage, dark))
    found = approved(stage, run, "lost")
    assert found.state is RunState.SUCCEEDED, [(one.id, one.message, one.failures) for one in found.steps]
    [made] = names(stage) - before
    new = instance(stage, made.removeprefix("db:"))
    assert new["AvailabilityZone"] != dark
    assert {"app": "shop", "backup": "nightly"}.items() <= tags_of({"Tags": new["TagList"]}).items()
    assert [one.resource for one in found.recovered] == ["db:accounts"]
    assert found.objectives.rpo.met
    assert step(found, "verify-1").state is StepState.SKIPPED
    assert step(found, "verify-2").state is StepState.SUCCEEDED
    again = stage.run(stage.book(BOOK), key="again", zone=zone_id(stage, dark))
    assert again.state is RunState.SUCCEEDED
    assert any("was restored for it" in note for note in step(again, "lost").notes)
    assert names(stage) == before | {made}


def test_what_rds_gives_up_starts_it_and_silence_restores_nothing(stage: Stage) -> None:
    before = names(stage)
    stage.control.disaster("database_lost", name="accounts")
    stage.control.advance(60)
    events = [each["event"] for each in stage.control.events() if each["event"].get("source") == "aws.rds"]
    [event] = [one for one in events if one["detail"]["EventID"] == "RDS-EVENT-0031"]
    [run_id] = work(stage.control.url, event)
    run = stage.services.ledger.load(run_id)
    assert run is not None
    rows = {row.step_id: row for row in stage.services.ledger.steps(run_id)}
    assert (run.state, rows["failover"].counts.planned) == (RunState.FAILED, 0)
    assert rows["lost"].code == "ask.expired"
    assert names(stage) == before
    assert calls(stage, "RestoreDBInstanceToPointInTime") == 0


def test_when_nothing_is_lost_nothing_is_asked_and_nothing_is_done(stage: Stage) -> None:
    before = names(stage)
    found = stage.run(stage.book(BOOK))
    assert found.state is RunState.SUCCEEDED, found.message
    assert (step(found, "failover").counts.planned, step(found, "lost").counts.planned) == (0, 0)
    assert names(stage) == before
