"""A dark zone, found by evidence, and its traffic moved: by whole runs, also two at once, and hours later."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.run import Run, RunState
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.answering import take
from chalicelib.engine.local import drive, here
from tests.scenarios.conftest import Stage, step

SHOP = {"tags": {"app": "shop"}}
STEPS: list[dict[str, Any]] = [
    {"id": "zone", "uses": "zones.assess", "with": {"select": SHOP}},
    {
        "id": "shift",
        "uses": "zonal_shift.start",
        "with": {"away_from": "${{ steps.zone.impaired }}", "select": SHOP, "expires_in": "4h"},
    },
]
VERIFY: list[dict[str, Any]] = [{"id": "targets", "uses": "check.targets", "with": {"select": SHOP}}]


@pytest.fixture(name="zone")
def _zone(stage: Stage) -> str:
    """The ID of the dark zone, five minutes after it went dark."""
    zones: dict[str, str] = stage.control.estate("front")["zone_ids"]
    zone = zones[stage.estate["zones"][1]]  # web-2 is there
    stage.control.disaster("az_dark", zone=zone, health_after_s=None)
    stage.services.clock.sleep(300)
    return zone


def book(name: str = "evacuate", **changes: Any) -> Runbook:
    known = {"version": 1, "name": name, "guard": {"regions": ["us-east-1"]}, "steps": STEPS, "verify": VERIFY}
    return Runbook.model_validate({**known, **changes})


def active(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.control.witness("arc-zonal-shift").list_zonal_shifts(status="ACTIVE")["items"]
    return found


def test_traffic_leaves_the_zone_that_the_evidence_names(stage: Stage, zone: str) -> None:
    found = stage.run(book(verify=[]))
    assert found.state is RunState.SUCCEEDED
    assert step(found, "zone").outputs["impaired"] == zone
    assert [shift["awayFrom"] for shift in active(stage)] == [zone]


def test_a_service_that_only_the_dark_zone_has_left_is_told_after_a_while(stage: Stage, zone: str) -> None:
    assert "api-1" not in stage.estate["names"]  # the estate `small` has no machine of this tier at all
    began = stage.services.clock.now()
    found = stage.run(book())
    [bad] = [finding for finding in step(found, "targets").findings if not finding.ok]
    assert (found.state, bad.resource, bad.code) == (RunState.FAILED, "shop-api", "check.targets_unwell")
    assert (stage.services.clock.now() - began).total_seconds() >= 600
    assert zone


def test_throttling_and_lost_answers_start_one_shift(stage: Stage, zone: str) -> None:
    stage.control.weather(throttle_share=0.5, throttle_reads_share=0.2, lost_answer_share=0.6)
    found = stage.run(book(verify=[]))
    assert found.state is RunState.SUCCEEDED
    every = stage.control.witness("arc-zonal-shift").list_zonal_shifts()["items"]
    assert [shift["awayFrom"] for shift in every] == [zone]


def test_one_run_at_a_time_recovers_from_a_zone(stage: Stage, zone: str) -> None:
    waiting = stage.start(book("first", verify=[]), "k1")
    tick = stage.services.engine.advance(waiting.run_id, 1)
    assert tick.ended  # its lease is free: it has ended
    holder: Run = stage.start(book("second", verify=[]), "k2")
    assert stage.services.ledger.lease("recovery", f"us-east-1/{zone}", holder.run_id) == holder.run_id
    found = stage.run(book("third", verify=[]), "k3")
    assert found.state is RunState.FAILED
    [failure] = step(found, "zone").failures
    assert (failure.code, holder.run_id in failure.message) == ("run.leased", True)


def test_a_shift_is_extended_by_the_sweeper_until_its_time_is_up(stage: Stage, zone: str) -> None:
    steps = [STEPS[0], {**STEPS[1], "with": {**STEPS[1]["with"], "at_most": "8h"}}]
    run_id = stage.run(book(steps=steps, verify=[])).run_id
    services = stage.services
    [first] = active(stage)
    for _ in range(2):
        [owed] = services.ledger.owed(run_id).values()
        assert owed.due is not None
        services.clock.sleep((owed.due - services.clock.now()).total_seconds() + 60)
        assert [each.outcome for each in services.engine.debts.sweep()] == ["settled"]
    [last] = active(stage)
    assert last["zonalShiftId"] == first["zonalShiftId"]
    assert (last["expiryTime"] - first["startTime"]).total_seconds() == pytest.approx(8 * 3600, abs=400)
    [owed] = services.ledger.owed(run_id).values()
    assert (owed.uses, zone in owed.why) == ("", True)


@pytest.mark.parametrize(("after_s", "extended"), [(600, False), (13_000, True)])
def test_undo_ends_the_shift_and_what_was_owed_about_it(
    stage: Stage,
    zone: str,
    after_s: int,
    extended: bool,  # noqa: FBT001
) -> None:
    run_id = stage.run(book(verify=[])).run_id
    services = stage.services
    assert [shift["awayFrom"] for shift in active(stage)] == [zone]
    services.clock.sleep(after_s)
    assert bool(services.engine.debts.sweep()) is extended
    assert len(services.ledger.owed(run_id)) == 1
    run = services.ledger.load(run_id)
    assert run
    taken = services.starter.undo(run, by="ana", reason="the zone is back", holder=here())
    assert drive(services.engine, taken).state is RunState.UNDONE
    assert active(stage) == []
    assert services.ledger.owed(run_id) == {}


def test_two_dark_zones_are_asked_about_and_the_answer_is_left(stage: Stage, zone: str) -> None:
    zones = stage.control.estate("front")["zone_ids"]
    other = zones[stage.estate["zones"][0]]
    stage.control.disaster("az_dark", zone=other, health_after_s=None)
    services = stage.services
    services.clock.sleep(300)
    run = stage.start(book(verify=[]))
    services.engine.advance(run.run_id, 1)
    [asked] = services.ledger.questions(run.run_id)
    assert set(asked.choices) == {zone, other}
    assert active(stage) == []
    said = SimpleNamespace(digest=asked.digest, choice=zone, reason="web-2 matters more")
    waiting = services.ledger.load(run.run_id)
    assert waiting
    take(services.ledger, waiting, "zone", said, yes=True, by="ana", now=services.clock.now())
    found = stage.drive(waiting)
    assert found.state is RunState.SUCCEEDED
    assert [shift["awayFrom"] for shift in active(stage)] == [zone]
    assert other not in str(step(found, "zone").outputs["healthy"])
