"""The command over the API: everything that can be done in this process can be done over HTTP, by the same words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.serve import served
from tests.unit.cli.conftest import Ended, invoke

NIGHT = "nightly-backup"


@pytest.fixture(scope="module", name="url")
def _url() -> Iterator[str]:
    before = dict(os.environ)
    with served(0, Place(sandbox=True)) as url:
        yield url
    os.environ.clear()
    os.environ.update(before)


def lifeboat(url: str, *arguments: str) -> Ended:
    return invoke(*arguments, "--api", url)


def test_a_run_is_started_once_followed_and_told_with_the_exit_code_that_it_deserves(url: str) -> None:
    first = lifeboat(url, "run", NIGHT, "--key", "once", "--yes", "--json")
    assert first.code == 0, first.err
    assert first.document["state"] == "succeeded"
    assert "snapshots: succeeded" in first.err
    again = lifeboat(url, "run", NIGHT, "--key", "once", "--yes", "--json")
    assert again.document["run_id"] == first.document["run_id"]
    assert "existing" in again.err
    other = lifeboat(url, "run", NIGHT, "--key", "once", "--yes", "--json", "-i", "recovery_region=eu-west-1")
    assert (other.code, other.document["error"]["code"]) == (3, "run.key_reused")
    wrong = lifeboat(url, "run", "nightly-bakcup", "--yes", "--json")
    assert (wrong.code, wrong.document["error"]["code"]) == (2, "runbook.unknown")
    assert "nightly-backup" in wrong.document["error"]["message"]


def test_runs_are_listed_in_pages_and_shown_by_the_beginning_of_their_key(url: str) -> None:
    keys = [f"listed-{number}" for number in range(3)]
    for key in keys:
        assert lifeboat(url, "run", "snapshot-now", "--key", key, "--yes", "--json").code != 0  # it names no volume
    listed = lifeboat(url, "runs", "list", "--runbook", "snapshot-now", "--limit", "2", "--json").document["runs"]
    assert [run["key"] for run in listed] == ["listed-2", "listed-1"]
    assert "listed-2" in lifeboat(url, "runs", "list").out or "snapshot-now" in lifeboat(url, "runs", "list").out
    shown = lifeboat(url, "runs", "show", "listed-1", "--json").document
    assert (shown["key"], shown["state"]) == ("listed-1", "failed")
    many = lifeboat(url, "runs", "show", "listed", "--json")
    assert (many.code, many.document["error"]["code"]) == (2, "run.ambiguous")
    none = lifeboat(url, "runs", "show", "nothing-like-it", "--json")
    assert (none.code, none.document["error"]["code"]) == (2, "run.unknown")


def test_a_paused_run_makes_nothing_until_resumed_and_a_stopped_one_is_continued(url: str) -> None:
    paused = lifeboat(url, "pause", NIGHT, "--reason", "an audit", "--json").document["paused"]
    assert [(one["runbook"], one["reason"]) for one in paused] == [(NIGHT, "an audit")]
    started = lifeboat(url, "run", NIGHT, "--key", "held", "--yes", "--no-wait", "--json").document
    run_id = started["run_id"]
    held = _until(url, run_id, lambda run: run["paused"] is not None)
    assert (held["state"], held["paused"]["reason"]) == ("running", "an audit")
    assert sum(step["counts"]["applied"] for step in held["steps"]) == 0
    assert "paused" in lifeboat(url, "health").out.lower()
    assert lifeboat(url, "runs", "stop", "held", "--reason", "enough", "--json").document["asked"]
    stopped = _until(url, run_id, lambda run: run["state"] == "stopped")
    assert {step["id"]: step["state"] for step in stopped["steps"]}["always-1"] == "succeeded"
    nothing = lifeboat(url, "resume", "--json")
    assert (nothing.code, nothing.document["error"]["code"]) == (2, "usage.which")
    assert lifeboat(url, "resume", NIGHT, "--json").document["paused"] == []
    gone_on = lifeboat(url, "runs", "continue", "held", "--yes", "--json")
    assert (gone_on.code, gone_on.document["state"], gone_on.document["run_id"]) == (0, "succeeded", run_id)
    ended = lifeboat(url, "runs", "continue", "held", "--yes", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (3, "run.not_continuable")


def test_resuming_in_the_middle_lets_the_run_go_on_to_its_end(url: str) -> None:
    lifeboat(url, "pause", "--all", "--reason", "storm")
    run_id = lifeboat(url, "run", NIGHT, "--key", "resumed", "--yes", "--no-wait", "--json").document["run_id"]
    _until(url, run_id, lambda run: run["paused"] is not None)
    assert "storm" in lifeboat(url, "resume", "--all").out
    found = _until(url, run_id, lambda run: run["state"] != "running")
    assert (found["state"], found["paused"]) == ("succeeded", None)


def test_recovery_points_and_health_are_told(url: str) -> None:
    lifeboat(url, "run", NIGHT, "--key", "points", "--yes")
    points = lifeboat(url, "recovery-points", "--limit", "7", "--json").document["points"]
    assert len(points) == 7
    one = points[0]["resource"]
    mine = lifeboat(url, "recovery-points", "--resource", one, "--in", "us-west-2", "--json").document["points"]
    assert {(point["resource"], point["region"]) for point in mine} == {(one, "us-west-2")}
    assert one in lifeboat(url, "recovery-points", "--resource", one).out
    young = lifeboat(url, "recovery-points", "--max-age", "1s", "--json").document["points"]
    assert young == []
    assert lifeboat(url, "health", "--json").document["status"] in {"pass", "warn"}


def test_what_is_not_the_api_is_said_to_be_none() -> None:
    nowhere = invoke("runs", "list", "--api", "ftp://example.org", "--json")
    assert (nowhere.code, nowhere.document["error"]["code"]) == (2, "usage.api")
    plain = invoke("runs", "list", "--api", "http://example.org", "--json")
    assert (plain.code, "https" in plain.document["error"]["message"]) == (2, True)


def _until(url: str, run_id: str, wanted: Callable[[Any], bool]) -> Any:
    found: Any = None
    for _ in range(100):
        found = lifeboat(url, "runs", "show", run_id, "--json").document
        if wanted(found):
            return found
        time.sleep(0.1)
    raise AssertionError(found)
