"""Steps that ask people, over the API and the command line: answered first, too late, to something else, or never."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.serve import served
from tests.scenarios.conftest import Stage, exit_code, step
from tests.scenarios.test_api_contract import ask
from tests.unit.cli.conftest import Ended, invoke

CHOICES = [f"policy-{number}" for number in range(8)]
BOOK = """\
version: 1
name: {name}
guard: {{regions: [us-east-1]}}
steps:
  - id: agreed
    uses: ask.approval
    within: {within}
    with: {{question: "Snapshot the shop now?"{choices}}}
  - id: snapshots
    uses: ebs.create_snapshots
    with: {{select: {{tags: {{backup: nightly}}}}, policy: {policy}}}
"""
CHOSEN = "${{ steps.agreed.choice }}"


def books(at: Path) -> Path:
    written = {
        "careful": BOOK.format(name="careful", within="5h", choices="", policy="careful"),
        "brief": BOOK.format(name="brief", within="3m", choices="", policy="brief"),
        "choosing": BOOK.format(name="choosing", within="5h", choices=f", choices: {CHOICES}", policy=f'"{CHOSEN}"'),
    }
    for name, text in written.items():
        (at / f"{name}.yaml").write_text(text)
    return at


@pytest.fixture(scope="module", name="url")
def _url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    before = dict(os.environ)
    with served(0, Place(sandbox=True, runbooks=books(tmp_path_factory.mktemp("books")))) as url:
        yield url
    os.environ.clear()
    os.environ.update(before)


def lifeboat(url: str, *arguments: str) -> Ended:
    return invoke(*arguments, "--api", url)


def waiting(url: str, book: str, key: str) -> Any:
    """Start a run and return the question that it comes to."""
    run_id = lifeboat(url, "run", book, "--key", key, "--yes", "--no-wait", "--json").document["run_id"]
    return until(url, run_id, lambda run: run["steps"][0]["question"])["steps"][0]["question"]


def until(url: str, run_id: str, wanted: Callable[[Any], Any]) -> Any:
    found: Any = None
    for _ in range(200):
        _, found = ask(url, "GET", f"/runs/{run_id}")
        if wanted(found):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def ended(url: str, run_id: str) -> Any:
    return until(url, run_id, lambda run: run["state"] != "running")


def path(asked: Any, verb: str) -> str:
    return f"/runs/{asked['run_id']}/steps/{asked['step']}/{verb}"


def test_what_waits_is_listed_and_a_yes_by_the_api_lets_it_go_on(url: str) -> None:
    asked = waiting(url, "careful", "yes")
    _, listed = ask(url, "GET", "/approvals?runbook=careful")
    assert [one for one in listed["approvals"] if one["run_id"] == asked["run_id"]] == [asked]
    assert (asked["reason"], asked["changes"]) == ("Snapshot the shop now?", {})
    body = {"digest": asked["digest"], "reason": "it is time"}
    status, said = ask(url, "POST", path(asked, "approve"), body)
    assert (status, said["question"], said["answer"]["yes"], said["answer"]["reason"]) == (200, 1, True, "it is time")
    run = ended(url, asked["run_id"])
    assert run["state"] == "succeeded"
    assert run["steps"][0]["outputs"]["by"] == said["answer"]["by"]
    assert ask(url, "GET", "/approvals?runbook=careful")[1]["approvals"] == []


def test_a_no_by_the_command_line_fails_the_step_and_nothing_was_done(url: str) -> None:
    asked = waiting(url, "careful", "no")
    assert "Snapshot the shop now?" in lifeboat(url, "approvals").out
    said = lifeboat(url, "decline", "no", "agreed", "--reason", "not tonight")
    assert (said.code, "declined" in said.out) == (0, True)
    run = ended(url, asked["run_id"])
    assert [(one["state"], one["code"]) for one in run["steps"]] == [("failed", "ask.declined"), ("skipped", "")]
    shown = lifeboat(url, "runs", "show", "no")
    assert "not tonight" in shown.out
    late = lifeboat(url, "approve", "no", "agreed", "--digest", asked["digest"], "--json")
    assert (late.code, late.document["error"]["code"]) == (3, "ask.answered")
    assert "declined" in late.document["error"]["message"]


def test_a_question_that_nobody_answers_expires_and_approves_nothing(url: str) -> None:
    asked = waiting(url, "brief", "silence")
    run = ended(url, asked["run_id"])
    assert [(one["state"], one["code"]) for one in run["steps"]] == [("failed", "ask.expired"), ("skipped", "")]
    status, problem = ask(url, "POST", path(asked, "approve"), {"digest": asked["digest"]})
    assert (status, problem["code"]) == (409, "ask.not_waiting")
    said = lifeboat(url, "approve", "silence", "agreed", "--json")
    assert (said.code, said.document["error"]["code"]) == (3, "ask.not_waiting")


def test_of_eight_answers_at_once_one_counts_and_the_others_are_told_which(url: str) -> None:
    asked = waiting(url, "choosing", "eight")

    def answer(choice: str) -> tuple[int, Any]:
        return ask(url, "POST", path(asked, "approve"), {"digest": asked["digest"], "choice": choice})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(answer, CHOICES))
    [won] = [found["answer"]["choice"] for status, found in answers if status == 200]
    lost = [found for status, found in answers if status == 409]
    assert {(problem["code"], problem["details"]["choice"]) for problem in lost} == {("ask.answered", won)}
    assert len(lost) == 7
    run = ended(url, asked["run_id"])
    assert (run["state"], run["steps"][0]["outputs"]["choice"]) == ("succeeded", won)
    assert answer(won)[0] == 200  # the same answer by the same person, sent again
    points = lifeboat(url, "recovery-points", "--policy", won, "--json").document["points"]
    assert points


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("approve", {"digest": "0" * 16, "choice": "policy-1"}, 409, "ask.stale"),
        ("decline", {"digest": "0" * 16}, 409, "ask.stale"),
        ("approve", {"choice": "policy-1"}, 400, "request.invalid"),
        ("approve", {"digest": "DIGEST"}, 400, "ask.choice"),
        ("approve", {"digest": "DIGEST", "choice": "policy-9"}, 400, "ask.choice"),
        ("approve", {"digest": "DIGEST", "choice": "policy-1", "who": "me"}, 400, "request.invalid"),
    ],
)
def test_what_is_no_answer_to_this_question_is_refused(
    url: str, open_one: Any, verb: str, body: dict[str, str], status: int, code: str
) -> None:
    told = {name: value.replace("DIGEST", open_one["digest"]) for name, value in body.items()}
    found, problem = ask(url, "POST", path(open_one, verb), told)
    assert (found, problem["code"]) == (status, code)


@pytest.fixture(scope="module", name="open_one")
def _open_one(url: str) -> Any:
    return waiting(url, "choosing", "open")


def test_other_steps_and_other_runs_wait_for_nobody(url: str, open_one: Any) -> None:
    body = {"digest": open_one["digest"], "choice": "policy-1"}
    later = path({**open_one, "step": "snapshots"}, "approve")
    assert [found["code"] for _, found in (
        ask(url, "POST", later, body),
        ask(url, "POST", path({**open_one, "step": "none"}, "approve"), body),
        ask(url, "POST", path({**open_one, "run_id": "none"}, "approve"), body),
    )] == ["ask.not_waiting", "runbook.no_step", "run.unknown"]  # fmt: skip
    said = lifeboat(url, "approve", "open", "snapshots", "--json")
    assert (said.code, said.document["error"]["code"]) == (3, "ask.not_waiting")
    assert "steps that do: agreed" in said.document["error"]["message"]


def test_approvals_are_listed_in_pages(url: str, open_one: Any) -> None:
    other = waiting(url, "careful", "second")
    found, following = [], ""
    for _ in range(9):
        _, page = ask(url, "GET", f"/approvals?limit=1{following}")
        found += [one["run_id"] for one in page["approvals"]]
        if page["next"] is None:
            break
        following = f"&next={page['next']}"
    assert found[:2] == [other["run_id"], open_one["run_id"]]
    listed = lifeboat(url, "approvals", "--json").document["approvals"]
    assert [one["run_id"] for one in listed] == found


@pytest.mark.usefixtures("open_one")
def test_the_command_line_shows_what_it_answers_and_follows_a_run_that_waits(url: str) -> None:
    said = lifeboat(url, "approve", "open", "agreed", "--choice", "policy-3")
    assert said.code == 0, said.err
    assert "Snapshot the shop now?" in said.err
    assert "approved with 'policy-3'" in said.out
    followed = lifeboat(url, "run", "brief", "--yes")
    assert followed.code == 3
    assert "agreed waits for a person: Snapshot the shop now?" in followed.err
    assert "lifeboat approve" in followed.err


def test_on_a_ledger_of_ones_own_the_command_answers_without_an_api(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.services.catalog.directory = books(tmp_path)
    monkeypatch.setenv("LIFEBOAT_SANDBOX_URL", stage.control.url)
    said: list[Ended] = []

    def between() -> None:
        if not said:
            said.append(invoke("approvals", "--sandbox"))
            said.append(invoke("approve", "k1", "agreed", "--sandbox", "--json"))

    found = stage.drive(stage.start(stage.book("careful")), between)
    assert (said[0].code, "Snapshot the shop" in said[0].out, said[1].code) == (0, True, 0), said
    assert (found.state.value, exit_code(found)) == ("succeeded", 0)
    answer = step(found, "agreed").answer
    assert answer is not None
    assert said[1].document["answer"]["by"] == answer.by
    asked = [fields for sentence, fields in stage.notes if sentence == "asked"]
    assert [one["step"] for one in asked] == ["agreed"]
