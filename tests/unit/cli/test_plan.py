"""`lifeboat plan`: every change it would make, and nothing made."""

from __future__ import annotations

import os

import pytest

from chalicelib.sandbox.client import Control
from tests.unit.cli.conftest import Lifeboat, snapshots

pytestmark = pytest.mark.usefixtures("box")


def test_a_plan_names_every_change_with_its_reason_and_the_forecast(lifeboat: Lifeboat) -> None:
    ended = lifeboat("plan", "nightly-backup", "--sandbox")
    assert "One crash-consistent set of" in ended.out
    assert "A copy in us-west-2" in ended.out
    assert "Forecast: about" in ended.out
    assert "Nothing was changed." in ended.out


def test_a_plan_changes_nothing_and_works_while_writes_are_refused(
    lifeboat: Lifeboat, box: Control, books: str
) -> None:
    box.weather(refuse_writes=True)
    box.reset_calls()
    ended = lifeboat("plan", "backup", "--sandbox", "--runbooks", books)
    assert ended.code == 0
    assert "In all:" in ended.out
    assert {each["operation"][:8] for each in box.calls()["by"]} == {"Describe"}
    assert snapshots(box) == []


def test_the_document_of_a_plan_sums_up_what_its_steps_say(lifeboat: Lifeboat, books: str) -> None:
    said = lifeboat("plan", "backup", "--sandbox", "--json", "--runbooks", books).document
    steps = {step["id"]: step for step in said["steps"]}
    assert said["changes"] == {"create": len(steps["snapshots"]["changes"])}
    assert said["resources"] == sum(len(change["targets"]) for change in steps["snapshots"]["changes"])
    assert steps["verify-1"]["status"] == "checked_later"
    assert {call["operation"][:8] for call in said["calls"]} == {"Describe"}


def test_a_selector_that_selects_nothing_is_told_and_ends_with_2(lifeboat: Lifeboat, books: str) -> None:
    ended = lifeboat("plan", "backup", "--sandbox", "--runbooks", books, "--input", "tier=hourly")
    assert ended.code == 2
    assert "hourly" in ended.out


def test_a_plan_that_the_guard_refuses_ends_with_3(lifeboat: Lifeboat, books: str) -> None:
    ended = lifeboat("plan", "cautious", "--sandbox", "--runbooks", books)
    assert ended.code == 3
    assert "guard.max_targets" in ended.out


def test_steps_that_need_what_cannot_be_planned_say_so(lifeboat: Lifeboat, box: Control) -> None:
    box.witness("ec2").delete_tags(
        Resources=[v["VolumeId"] for v in box.witness("ec2").describe_volumes()["Volumes"]], Tags=[{"Key": "backup"}]
    )
    box.settle()
    said = lifeboat("plan", "nightly-backup", "--sandbox", "--json").document
    [copies] = [step for step in said["steps"] if step["id"] == "copies"]
    assert copies["status"] == "unknown"
    assert "needs what step 'snapshots' makes" in copies["message"]


def test_a_local_plan_needs_no_ledger(lifeboat: Lifeboat, box: Control, books: str) -> None:
    os.environ["AWS_ENDPOINT_URL"] = box.url
    ended = lifeboat("plan", "backup", "--local", "--runbooks", books)
    assert ended.code == 0
    assert box.witness("dynamodb").list_tables()["TableNames"] == []


def test_an_unknown_input_ends_with_2_and_says_what_was_meant(lifeboat: Lifeboat, books: str) -> None:
    ended = lifeboat("plan", "backup", "--sandbox", "--runbooks", books, "--input", "teir=x", "--json")
    assert ended.code == 2
    assert ended.document["error"]["code"] == "input.invalid"
    assert "did you mean 'tier'?" in ended.document["error"]["message"]
