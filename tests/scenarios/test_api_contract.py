"""The API keeps to its own OpenAPI document: no fault of ours, no answer that is not in it, whatever is sent."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as conformance

from chalicelib.api.openapi import document
from chalicelib.api.paging import token
from chalicelib.cli.options import Place
from chalicelib.cli.serve import served

SCHEMA = schemathesis.openapi.from_dict(document())
KEPT = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
    conformance.response_headers_conformance,
]


@pytest.fixture(scope="module", name="url")
def _url() -> Iterator[str]:
    with served(0, Place(sandbox=True)) as url:
        yield url


def ask(url: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read() or b"null")
    connection.close()
    return found


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_whatever_is_sent_is_answered_as_documented(case: Any, url: str) -> None:
    case.call_and_validate(base_url=url, checks=KEPT)


def test_the_same_request_from_eight_threads_at_once_makes_one_run(url: str) -> None:
    def start(_: int) -> tuple[int, Any]:
        return ask(url, "POST", "/runbooks/nightly-backup/runs", {}, **{"Idempotency-Key": "eight"})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(start, range(8)))
    assert {status for status, _ in answers} == {202}
    assert len({found["run_id"] for _, found in answers}) == 1
    assert sorted(found["how"] for _, found in answers).count("new") == 1
    _, listed = ask(url, "GET", "/runs?runbook=nightly-backup&limit=200")
    assert [run["key"] for run in listed["runs"]].count("eight") == 1
    status, problem = ask(
        url,
        "POST",
        "/runbooks/nightly-backup/runs",
        {"inputs": {"recovery_region": "eu-west-1"}},
        **{"Idempotency-Key": "eight"},
    )
    assert (status, problem["code"], "recovery_region" in problem["detail"]) == (409, "run.key_reused", True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/runbooks/nightly-backpu", None, 404, "runbook.unknown"),
        ("GET", "/runs/none", None, 404, "run.unknown"),
        ("DELETE", "/runs", None, 405, "request.method"),
        ("POST", "/runbooks/nightly-backup/runs", {}, 400, "request.no_key"),
        ("POST", "/runbooks/nightly-backup/plan", {"inputs": {"colour": "red"}}, 400, None),
        ("POST", "/pause", {"reason": "x", "everything": True}, 400, "request.invalid"),
        ("POST", "/pause", {"reason": "x"}, 400, "request.which"),
        ("POST", "/pause", {"reason": "x" * 70_000, "all": True}, 413, "request.too_large"),
        ("GET", "/runs?next=nonsense", None, 400, "request.bad_next"),
        ("GET", "/runs?limit=0", None, 400, "request.invalid"),
        ("GET", "/recovery-points?region=eu-west-9", None, 400, "request.region"),
        ("GET", "/runs?until=9999-12-31T23:59:59-12:00", None, 400, "request.invalid"),
        ("GET", "/runs?until=0001-01-01T00:00:00%2B14:00", None, 400, "request.invalid"),
        ("GET", "/runs?since=9999-12-31T23:59:59-12:00", None, 400, "request.invalid"),
        ("GET", f"/runs?next={token([chr(0xD800)])}", None, 400, "request.bad_next"),
        ("POST", "/runbooks/nightly-backup/plan", {"inputs": {"recovery_region": "\ud800"}}, 400, "request.not_json"),
        ("POST", "/runbooks/nightly-backup/plan", {"inputs": {"recovery_region": float("nan")}}, 400, None),
        ("POST", "/pause", {"reason": "\udfff", "all": True}, 400, "request.not_json"),
        ("GET", f"/recovery-points?next={token([0, 'forged', 0])}", None, 400, "request.bad_next"),
        ("GET", f"/recovery-points?next={token([0, '', 10**9])}", None, 400, "request.bad_next"),
        ("GET", f"/recovery-points?next={token([0, '', -1])}", None, 400, "request.bad_next"),
        ("GET", "/recovery-points?resource=*", None, 400, "request.invalid"),
        ("GET", "/recovery-points?resource=vol-*", None, 400, "request.invalid"),
        ("GET", "/recovery-points?policy=night*", None, 400, "request.invalid"),
        ("GET", "/recovery-points?policy=nightl?", None, 400, "request.invalid"),
    ],
)
def test_what_does_not_fit_is_a_problem_document_that_says_why(
    url: str, method: str, path: str, body: Any, status: int, code: str | None
) -> None:
    found, problem = ask(url, method, path, body)
    assert found == problem["status"] == status
    assert code in {None, problem["code"]}
    assert problem["type"] == f"urn:lifeboat:{problem['code']}"
    assert problem["detail"]


def test_a_key_may_be_sent_with_what_is_no_text_and_that_is_no_fault_of_ours(url: str) -> None:
    body = {"inputs": {"recovery_region": "\ud800"}}
    status, problem = ask(url, "POST", "/runbooks/nightly-backup/runs", body, **{"Idempotency-Key": "odd"})
    assert (status, problem["code"]) == (400, "request.not_json")


@pytest.mark.parametrize("limit", [3, 7])
def test_recovery_points_come_in_pages_no_longer_than_asked_each_once(url: str, limit: int) -> None:
    start = ask(url, "POST", "/runbooks/nightly-backup/runs", {}, **{"Idempotency-Key": "points"})
    run_until_ended(url, start[1]["run_id"])
    found, following = [], ""
    while following is not None:
        page = ask(url, "GET", f"/recovery-points?limit={limit}{following and f'&next={following}'}")[1]
        assert len(page["points"]) <= limit
        found += [point["snapshot"] for point in page["points"]]
        following = page["next"]
    every = ask(url, "GET", "/recovery-points?limit=200")[1]["points"]
    assert sorted(found) == sorted(point["snapshot"] for point in every if point["snapshot"].startswith("snap-"))
    assert len(found) > 2 * limit


def run_until_ended(url: str, run_id: str) -> None:
    for _ in range(200):
        if ask(url, "GET", f"/runs/{run_id}")[1]["state"] != "running":
            return
        time.sleep(0.1)
    raise AssertionError(run_id)


def test_only_json_is_taken_and_a_plan_is_what_the_command_prints(url: str) -> None:
    status, problem = ask(url, "POST", "/pause", {"reason": "x"}, **{"Content-Type": "text/plain"})
    assert (status, problem["code"]) == (415, "request.media_type")
    status, plan = ask(url, "POST", "/runbooks/nightly-backup/plan", {})
    assert (status, plan["runbook"], plan["changes"]["create"] > 0) == (200, "nightly-backup", True)


def test_the_changes_of_a_run_come_in_pages_each_once(url: str) -> None:
    key = {"Idempotency-Key": "paged"}
    run_id = ask(url, "POST", "/runbooks/nightly-backup/runs", {}, **key)[1]["run_id"]
    run_until_ended(url, run_id)
    found, following = [], ""
    while following is not None:
        page = ask(url, "GET", f"/runs/{run_id}/changes?limit=7{following and f'&next={following}'}")[1]
        found += [(one["step"], one["key"]) for one in page["changes"]]
        assert len(page["changes"]) <= 7
        following = page["next"]
    record = ask(url, "GET", f"/runs/{run_id}")[1]
    planned = {
        step["id"]: step["counts"]["planned"] for step in record["steps"] if step["id"] in {"snapshots", "copies"}
    }
    assert {step: sum(one == step for one, _ in found) for step in planned} == planned
    assert len(set(found)) == len(found)


def test_serve_says_where_it_is_and_ends_when_it_is_asked_to() -> None:
    code = "import sys; from chalicelib.cli.main import main; sys.argv = ['lifeboat', *sys.argv[1:]]; main()"
    command = [sys.executable, "-c", code, "serve", "--sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served_by:
        assert served_by.stdout is not None
        line = served_by.stdout.readline()
        address = next(word for word in line.replace(",", "").split() if word.startswith("http://127.0.0.1:"))
        assert ask(address, "GET", "/health")[0] == 200
        served_by.send_signal(signal.SIGTERM)
        assert served_by.wait(20) == 0
