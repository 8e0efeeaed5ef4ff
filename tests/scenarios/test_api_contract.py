"""The API keeps to its own OpenAPI document: no fault of ours, no answer that is not in it, whatever is sent."""

from __future__ import annotations

import json
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
