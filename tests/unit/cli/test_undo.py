"""`lifeboat undo` and `lifeboat runs settle`: taking back what a run did, and doing what it owes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.serve import served
from chalicelib.cli.world import world
from chalicelib.domain.change import Change, ChangeKind, Obligation
from chalicelib.sandbox.client import Control
from tests.unit.cli.conftest import Lifeboat, snapshots

pytestmark = pytest.mark.usefixtures("box")


def backed_up(lifeboat: Lifeboat, books: str) -> str:
    ended = lifeboat("run", "backup", "--sandbox", "--runbooks", books, "--key", "k1", "--json")
    run_id: str = ended.document["run_id"]
    return run_id


def owe(run_id: str, *obligations: Obligation) -> None:
    with world(Place(sandbox=True)) as services:
        for each in obligations:
            services.ledger.owe(run_id, each, services.clock.now())


def test_the_plan_shows_what_would_be_taken_back_and_changes_nothing(lifeboat: Lifeboat, books: str) -> None:
    run_id = backed_up(lifeboat, books)
    shown = lifeboat("undo", run_id, "--sandbox", "--plan")
    assert shown.code == 0
    assert "Nothing was changed" in shown.out
    assert "undo-snapshots" in shown.out
    assert "cannot be taken back" in shown.out
    plan = lifeboat("undo", "k1", "--sandbox", "--plan", "--json").document
    assert [step["id"] for step in plan["steps"]] == ["undo-snapshots"]
    assert plan["steps"][0]["cannot"]
    assert lifeboat("runs", "show", run_id, "--sandbox", "--json").document["state"] == "succeeded"


def test_what_cannot_be_taken_back_is_named_and_stays(lifeboat: Lifeboat, books: str, box: Control) -> None:
    run_id = backed_up(lifeboat, books)
    before = len(snapshots(box))
    ended = lifeboat("undo", run_id, "--sandbox", "--reason", "a try", "--json")
    assert ended.code == 1
    assert ended.document["code"] == "run.undo_incomplete"
    [row] = [step for step in ended.document["steps"] if step["phase"] == "undo"]
    assert {failure["code"] for failure in row["failures"]} == {"undo.cannot"}
    assert len(snapshots(box)) == before


def test_nobody_to_ask_is_said(lifeboat: Lifeboat) -> None:
    ended = lifeboat("undo", "k1", "--local")
    assert (ended.code, "say --yes" in ended.err) == (2, True)


def test_over_the_api_it_is_the_same(lifeboat: Lifeboat, books: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = backed_up(lifeboat, books)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    owe(run_id, Obligation(name="look", why="Look at it."))
    with served(0, Place(sandbox=True)) as url:
        plan = lifeboat("undo", run_id, "--api", url, "--plan", "--json", "--region", "us-east-1")
        assert plan.document["run_id"] == run_id
        ended = lifeboat("undo", run_id, "--api", url, "--yes", "--json", "--region", "us-east-1")
        assert (ended.code, ended.document["state"]) == (1, "failed")
        there = ("--api", url, "--region", "us-east-1")
        assert lifeboat("runs", "settle", run_id, *there).code == 2
        done = lifeboat("runs", "settle", run_id, "look", "--done", "I looked", *there)
        assert "no longer owes look" in done.out


def test_what_is_due_is_tried_by_hand_and_what_was_done_is_struck_out(lifeboat: Lifeboat, books: str) -> None:
    run_id = backed_up(lifeboat, books)
    change = Change(key="k", kind=ChangeKind.MODIFY, resource="r", region="us-east-1", reason="because")
    with world(Place(sandbox=True)) as services:
        later = services.clock.now() + timedelta(days=1)
    owe(
        run_id,
        Obligation(name="look", why="Look at it."),
        Obligation(name="later", why="Do it.", uses="notify.send", change=change, due=later),
    )
    shown = lifeboat("runs", "show", run_id, "--sandbox").out
    assert "still owed: look: Look at it." in shown
    assert "Due 20" in shown
    assert lifeboat("runs", "settle", run_id, "--sandbox").out == "Nothing is due.\n"
    assert lifeboat("runs", "settle", run_id, "gone", "--sandbox").code == 2
    tried = lifeboat("runs", "settle", run_id, "look", "--sandbox", "--json").document["tried"]
    assert [one["outcome"] for one in tried] == ["left"]
    assert lifeboat("runs", "settle", run_id, "--sandbox", "--done", "why").code == 2
    done = lifeboat("runs", "settle", run_id, "look", "--sandbox", "--done", "I looked", "--json")
    assert done.document["asked"] is True
    again = lifeboat("runs", "settle", run_id, "look", "--sandbox", "--done", "I looked")
    assert (again.code, "it owes later" in again.err) == (2, True)
