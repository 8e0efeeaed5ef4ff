"""What is logged and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.telemetry import COUNTED, NAMESPACE, LambdaJournal

FIELDS = {"run_id": "r-1", "runbook": "toy", "action": "toy.make_things", "step": "things", "outcome": "failed"}


def told(sentence: str, capsys: pytest.CaptureFixture[str], **fields: Any) -> list[dict[str, Any]]:
    LambdaJournal().note(sentence, **{**FIELDS, **fields})
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]


@pytest.mark.parametrize("service_in_environment", [True, False])
@pytest.mark.parametrize("sentence", COUNTED)
def test_a_metric_has_the_stated_dimensions_wherever_it_is_told_and_never_the_run_id(
    sentence: str,
    service_in_environment: bool,  # noqa: FBT001 - a parameter of the test
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if service_in_environment:
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "lifeboat")
    (metric,) = told(sentence, capsys)
    (described,) = metric["_aws"]["CloudWatchMetrics"]
    name, dimensions = COUNTED[sentence]
    assert described["Namespace"] == NAMESPACE
    assert [each["Name"] for each in described["Metrics"]] == [name]
    assert [set(each) for each in described["Dimensions"]] == [{"service", *dimensions}]
    assert "run_id" not in metric


def test_what_is_only_told_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("handed over", capsys) == []
