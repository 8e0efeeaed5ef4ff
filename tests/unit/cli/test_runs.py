"""`lifeboat runs`: finding, showing, stopping, continuing and releasing runs."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.run import cause_of
from chalicelib.cli.schema import Subject, schema_of
from chalicelib.cli.world import world
from chalicelib.domain.run import Run
from chalicelib.domain.template import check_inputs
from chalicelib.engine.local import hold
from chalicelib.sandbox.client import Control
from tests.unit.cli.conftest import Lifeboat, snapshots

pytestmark = pytest.mark.usefixtures("box")


def started(books: str, key: str) -> Run:
    """Start a run that was let go before its first slice."""
    with world(Place(sandbox=True, runbooks=Path(books))) as services:
        book = services.catalog.load("backup")
        cause = cause_of("backup", key, {}, services.clock.now())
        run = hold(services.starter.start(book, cause, check_inputs(book, {})).run, services.starter, new=True)
        services.ledger.rest(run)
        return run


def test_without_runs_the_list_says_so(lifeboat: Lifeboat) -> None:
    ended = lifeboat("runs", "list", "--sandbox")
    assert ended.code == 0
    assert "There are no such runs." in ended.out


def test_the_list_has_the_newest_first_and_can_be_narrowed(lifeboat: Lifeboat, books: str) -> None:
    for key in ("k1", "k2"):
        lifeboat("run", "backup", "--sandbox", "--runbooks", books, "--key", key)
    running = started(books, "k3")
    listed = lifeboat("runs", "list", "--sandbox", "--json").document["runs"]
    assert [run["key"] for run in listed] == ["k3", "k2", "k1"]
    assert [run["key"] for run in lifeboat("runs", "list", "--sandbox", "--limit", "1", "--json").document["runs"]] == [
        "k3"
    ]
    alive = lifeboat("runs", "list", "--sandbox", "--running").out
    assert running.run_id in alive
    assert alive.count("backup_") == 1
    assert "no such runs" in lifeboat("runs", "list", "--sandbox", "--runbook", "other").out


@pytest.mark.parametrize("how", ["id", "beginning", "last part", "key"])
def test_a_run_is_found_by(lifeboat: Lifeboat, books: str, how: str) -> None:
    run = started(books, "monday")
    text = {
        "id": run.run_id,
        "beginning": run.run_id[:22],
        "last part": run.run_id[-12:-6],
        "key": "monday",
    }[how]
    ended = lifeboat("runs", "show", text, "--sandbox", "--json")
    assert ended.code == 0
    assert ended.document["run_id"] == run.run_id
    jsonschema.Draft202012Validator(schema_of(Subject.RUN_RECORD)).validate(ended.document)


def test_a_beginning_of_two_runs_is_refused_with_their_names(lifeboat: Lifeboat, books: str) -> None:
    runs = [started(books, key) for key in ("k1", "k2")]
    ended = lifeboat("runs", "show", "us-east-1_backup", "--sandbox")
    assert ended.code == 2
    assert all(run.run_id in ended.err for run in runs)


def test_an_unknown_run_ends_with_2(lifeboat: Lifeboat) -> None:
    ended = lifeboat("runs", "show", "nothing", "--sandbox", "--json")
    assert ended.code == 2
    assert ended.document["error"]["code"] == "run.unknown"


def test_a_run_that_another_process_drives_is_refused_with_3(lifeboat: Lifeboat, books: str) -> None:
    with world(Place(sandbox=True, runbooks=Path(books))) as services:
        run = started(books, "k1")
        stolen = run.model_copy(update={"holder": "local:elsewhere:0:1"})
        assert run.beat_until is not None
        services.ledger.take(stolen, holder=stolen.holder, beat_until=run.beat_until, fence_until=None)
    ended = lifeboat("run", "backup", "--sandbox", "--runbooks", books, "--key", "k1", "--json")
    assert ended.code == 3
    assert ended.document["error"]["code"] == "run.held"
    released = lifeboat("runs", "release", "k1", "--reason", "it is dead", "--sandbox", "--json")
    assert released.document["released"] == ["held by local:elsewhere:0:1"]
    assert lifeboat("runs", "continue", "k1", "--sandbox").code == 0


def test_a_stopped_run_ends_with_130_makes_nothing_and_can_be_continued(
    lifeboat: Lifeboat, box: Control, books: str
) -> None:
    run = started(books, "k1")
    asked = lifeboat("runs", "stop", "k1", "--reason", "wrong night", "--sandbox")
    assert asked.code == 0
    assert "was asked to stop" in asked.out
    stopped = lifeboat("runs", "continue", "k1", "--sandbox", "--json")
    assert stopped.code == 130
    assert stopped.document["state"] == "stopped"
    assert stopped.document["message"] == "wrong night"
    assert snapshots(box) == []
    assert f"lifeboat runs continue {run.run_id}" in lifeboat("runs", "show", "k1", "--sandbox").out
    assert lifeboat("runs", "continue", "k1", "--sandbox").code == 0
    assert snapshots(box)


def test_stopping_or_continuing_an_ended_run_changes_nothing(lifeboat: Lifeboat, books: str) -> None:
    lifeboat("run", "backup", "--sandbox", "--runbooks", books, "--key", "k1")
    said = lifeboat("runs", "stop", "k1", "--reason", "late", "--sandbox", "--json").document
    assert (said["asked"], said["state"]) == (False, "succeeded")
    again = lifeboat("runs", "continue", "k1", "--sandbox")
    assert again.code == 0
    assert "nothing is done again" in again.err


@pytest.mark.parametrize("verb", ["stop", "release"])
def test_a_reason_must_be_given(lifeboat: Lifeboat, books: str, verb: str) -> None:
    started(books, "k1")
    assert lifeboat("runs", verb, "k1", "--sandbox").code == 2
    assert lifeboat("runs", verb, "k1", "--sandbox", "--reason", " ").code == 2
    assert lifeboat("runs", "show", "k1", "--sandbox", "--json").document["state"] == "running"


def test_releasing_what_holds_nothing_says_so(lifeboat: Lifeboat, books: str) -> None:
    lifeboat("run", "backup", "--sandbox", "--runbooks", books, "--key", "k1")
    assert "held nothing" in lifeboat("runs", "release", "k1", "--reason", "tidy", "--sandbox").out
