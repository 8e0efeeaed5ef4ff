"""What is logged and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.telemetry import COUNTED, MEASURED, NAMESPACE, LambdaJournal

FIELDS: dict[str, Any] = {"run_id": "r-1", "runbook": "toy", "action": "toy.make_things", "step": "things"}
FIELDS |= {"outcome": "failed", "policy": "nightly", "channel": "sns"}
FIELDS |= {"duration_s": 9, "age_s": 60, "lag_s": 5, "left_behind": 1, "breaches": 2}


def told(sentence: str, capsys: pytest.CaptureFixture[str], **fields: Any) -> list[dict[str, Any]]:
    LambdaJournal().note(sentence, **{**FIELDS, **fields})
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]


@pytest.mark.parametrize("service_in_environment", [True, False])
@pytest.mark.parametrize("sentence", sorted({*COUNTED, *MEASURED}))
def test_a_metric_has_the_stated_dimensions_wherever_it_is_told_and_never_the_run_id(
    sentence: str,
    service_in_environment: bool,  # noqa: FBT001 - a parameter of the test
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if service_in_environment:
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "lifeboat")
    wanted = {COUNTED[sentence][0]: set(COUNTED[sentence][1])} if sentence in COUNTED else {}
    wanted |= {MEASURED[sentence][0]: set(MEASURED[sentence][3])} if sentence in MEASURED else {}
    metrics = told(sentence, capsys)
    for metric in metrics:
        (described,) = metric["_aws"]["CloudWatchMetrics"]
        [(name, value)] = [(each["Name"], metric[each["Name"]]) for each in described["Metrics"]]
        assert described["Namespace"] == NAMESPACE
        assert [set(each) for each in described["Dimensions"]] == [{"service", *wanted[name]}]
        assert value == [1.0 if sentence in COUNTED and name == COUNTED[sentence][0] else FIELDS[MEASURED[sentence][2]]]
        assert "run_id" not in metric
    assert len(metrics) == len(wanted)


def test_what_is_only_told_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("handed over", capsys) == []
