"""Covers when an alarm's trouble began, and where, as far as its event tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.alarm_reason import began_at, dimensions_of, triggers_of

START = "2031-01-06T01:00:00.000+0000"
LESS = "Threshold Crossed: 3 out of the last 5 datapoints [0.0 (06/01/31 01:04:00)] were less than the threshold (1.0)."


def state(reason: str = LESS, **data: Any) -> dict[str, Any]:
    known = {"startDate": START, "period": 60, "recentDatapoints": [2.0, 2.0, 0.0, 0.0, 0.0], "threshold": 1.0}
    return {"value": "ALARM", "reason": reason, "reasonData": json.dumps({**known, **data})}


def at(minute: int) -> datetime:
    return datetime(2031, 1, 6, 1, minute, tzinfo=UTC)


def test_trouble_began_with_the_first_bad_datapoint() -> None:
    assert began_at(state()) == at(2)


@pytest.mark.parametrize(
    ("words", "values", "minute"),
    [
        ("was less than the threshold", [1.0, 0.5], 1),
        ("were lower than the threshold", [1.0, 0.5], 1),
        ("was less than or equal to the threshold", [2.0, 1.0], 1),
        ("was greater than the threshold", [1.0, 1.5], 1),
        ("was greater than or equal to the threshold", [0.0, 1.0], 1),
        ("were not less than the threshold", [0.5, 1.0], 1),
        ("was outside what is usual", [1.0, 0.5], 0),
        ("was less than the threshold", ["odd", 0.5], 0),
        ("was less than the threshold", [5.0, 5.0], 0),
    ],
)
def test_which_side_is_bad_stands_in_the_words(words: str, values: list[Any], minute: int) -> None:
    assert began_at(state(f"Threshold Crossed: 1 datapoint {words} (1.0).", recentDatapoints=values)) == at(minute)


@pytest.mark.parametrize("threshold", [None, "1", True])
def test_without_a_threshold_the_oldest_datapoint_counts(threshold: object) -> None:
    assert began_at(state(threshold=threshold)) == at(0)


def test_a_composite_alarm_began_with_the_first_of_its_alarms() -> None:
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
    triggers = [
        {"arn": f"{arn}b", "state": {"value": "ALARM", "timestamp": "2031-01-06T01:04:00.000+0000"}},
        {"arn": f"{arn}a", "state": {"value": "ALARM", "timestamp": "2031-01-06T01:03:00.000+0000"}},
        {"arn": 5, "state": "odd"},
        "odd",
    ]
    found = {"reasonData": json.dumps({"triggeringAlarms": triggers})}
    assert began_at(found) == at(3)
    assert triggers_of(found) == ("b", "a")
    odd = {"reasonData": json.dumps({"triggeringAlarms": "odd"})}
    assert (began_at(odd), triggers_of(odd), triggers_of({})) == (None, (), ())


def test_datapoints_that_did_not_come_count_where_they_are_bad() -> None:
    missing = {
        "recentDatapoints": [],
        "evaluatedDatapoints": [{"timestamp": "2031-01-06T01:04:00.000+0000"}, {"timestamp": START}, "odd"],
    }
    reason = "no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
    assert began_at(state(reason, **missing)) == at(0)
    assert began_at(state("no datapoints were received", **missing)) is None
    assert began_at(state(reason, recentDatapoints=[], evaluatedDatapoints="odd")) is None


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"reasonData": None},
        {"reasonData": "no json"},
        {"reasonData": "[1]"},
        state(startDate="yesterday"),
        state(startDate="2031-01-06T01:00:00"),
        state(period="60"),
        state(recentDatapoints="odd"),
    ],
)
def test_what_cannot_be_read_tells_nothing(found: dict[str, Any]) -> None:
    assert began_at(found) is None


def test_the_dimensions_of_all_metrics_are_taken_together() -> None:
    def metric(**dimensions: str) -> dict[str, Any]:
        return {"metricStat": {"metric": {"dimensions": dimensions}}}

    found = {"metrics": [metric(AvailabilityZone="us-east-1a"), metric(LoadBalancer="app/shop"), {"expression": "a"}]}
    assert dimensions_of(found) == {"AvailabilityZone": "us-east-1a", "LoadBalancer": "app/shop"}


@pytest.mark.parametrize(
    "odd", [None, {}, {"metrics": 1}, {"metrics": [1, {"metricStat": 1}, {"metricStat": {"metric": {}}}]}]
)
def test_odd_configurations_have_no_dimensions(odd: Any) -> None:
    assert dimensions_of(odd) == {}
