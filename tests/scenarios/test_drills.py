"""A drill on a live estate: restored, checked, measured and removed; what is live is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.cli.plan import planned
from chalicelib.domain.run import Run, RunState, StepState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step
from tests.scenarios.drills import PLACE, drill, gone_on_with, place_in, swept_after, there
from tests.scenarios.recovery import backed_up, instances, on_a_copy, staged


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as (control, estate):
        with staged(control, estate) as stage:
            estate["place"] = place_in(stage.services.aws)
        yield control, estate


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def begun(stage: Stage, name: str = "restore-drill", **changes: Any) -> Run:
    return drill(stage, stage.book(name, **changes))


def test_a_drill_restores_measures_and_removes_and_leaves_what_is_live_as_it_was(stage: Stage) -> None:
    before = there(stage)
    seen: set[str] = set()

    def look() -> None:
        seen.update(f"Instances/{one}" for one, each in instances(stage).items() if "lifeboat:drill" in each["tags"])
        for each in instances(stage).values():
            if "lifeboat:drill" in each["tags"]:
                assert each["SubnetId"] == stage.estate["place"]["subnet"]
                groups = [group["GroupId"] for group in each["SecurityGroups"]]
                assert groups == [stage.estate["place"]["security_group"]]
                assert "backup" not in each["tags"], "the next backup must not take it for live"

    found = stage.drive(begun(stage), look)
    stage.control.settle()
    assert (found.state, found.mode) == (RunState.SUCCEEDED, "drill"), found.message
    assert step(found, "instances").counts.done >= 4
    assert len(seen) >= 4
    assert step(found, "verify-1").state is StepState.SUCCEEDED
    assert found.objectives.rto.measured_s is not None
    assert found.objectives.rpo.measured_s is not None
    assert found.objectives.rto.met
    assert found.drill
    assert (found.drill.rehearsed, found.drill.left) == (("instances", "verify-1"), 0)
    assert found.owes == {}
    assert there(stage) == before


def test_what_would_touch_what_is_live_is_planned_only(stage: Stage) -> None:
    before = there(stage)
    backup = {"select": {"tags": {"backup": "nightly"}}, "policy": "nightly"}
    steps = [
        {"id": "zone", "uses": "zones.assess", "with": {"select": {"tags": {"app": "shop"}}}},
        {"id": "snapshots", "uses": "ebs.create_snapshots", "with": backup},
    ]
    found = stage.drive(begun(stage, steps=steps, verify=[], always=[]))
    assert found.state is RunState.SUCCEEDED, found.message
    assert step(found, "zone").state is StepState.SUCCEEDED
    skipped = step(found, "snapshots")
    assert (skipped.state, skipped.code) == (StepState.SKIPPED, "drill.not_rehearsed")
    assert skipped.counts.planned > 0
    assert there(stage) == before


@pytest.mark.parametrize("ticks", [1, 4])
def test_a_drill_whose_driver_dies_is_gone_on_with_and_removes_all(stage: Stage, ticks: int) -> None:
    before, run = there(stage), begun(stage)
    passed: list[int] = []

    def die() -> None:
        passed.append(1)
        if len(passed) == ticks:
            raise KeyboardInterrupt

    assert gone_on_with(stage, run, die).state is RunState.SUCCEEDED
    assert there(stage) == before


def test_a_drill_that_was_released_midway_is_swept_by_tag_and_ledger(stage: Stage) -> None:
    before, run = there(stage), begun(stage)
    swept_after(stage, run, lambda: any("lifeboat:drill" in each["tags"] for each in instances(stage).values()))
    assert there(stage) == before
    assert stage.services.ledger.owed(run.run_id) == {}


def with_place(stage: Stage) -> dict[str, Any]:
    """Return what the evacuation needs to be rehearsed by hand."""
    shipped = stage.book("az-evacuation").model_dump(mode="json", by_alias=True)
    inputs = {**shipped["inputs"], **{name: {"type": "string"} for name in PLACE}}
    return {"when": [], "inputs": inputs, "drill": {name: f"${{{{ inputs.{name} }}}}" for name in PLACE}}


def test_the_evacuation_of_a_zone_is_rehearsed_without_touching_anything(stage: Stage) -> None:
    before = there(stage)
    run = begun(stage, "az-evacuation", **with_place(stage))
    found = stage.drive(run)
    stage.control.settle()
    assert found.drill
    assert {"traffic", "verify-1", "verify-2"} <= set(found.drill.not_rehearsed)
    assert step(found, "instances").state is StepState.SUCCEEDED
    assert step(found, "instances").counts.done > 0
    assert found.message == "groups failed; databases failed", (
        "this estate has none: the real thing would fail there too"
    )
    assert found.drill.left == 0
    assert there(stage) == before


def test_what_it_would_make_and_what_it_would_only_tell_is_shown_beforehand(stage: Stage) -> None:
    before, book = there(stage), stage.book("az-evacuation", **with_place(stage))
    seen = {step.id: step for step in planned(stage.services, book, stage.estate["place"], mode="drill").steps}
    assert (seen["instances"].status, seen["traffic"].status) == ("planned", "not_rehearsed")
    assert seen["instances"].changes
    assert seen["traffic"].changes == ()
    assert any(note.startswith("not rehearsed:") for note in seen["traffic"].notes)
    book = stage.book("az-evacuation", when=[], inputs=book.model_dump(mode="json")["inputs"])
    refused = planned(stage.services, book, stage.estate["place"], mode="drill").steps
    assert "drill.no_site" in {step.code for step in refused}
    assert there(stage) == before
