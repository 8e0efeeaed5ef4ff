"""CloudWatch's alarms, read by name: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches

NAMES = 100  # of one request
BOTH = ["MetricAlarm", "CompositeAlarm"]  # without saying so, composite ones are not shown


@dataclass(frozen=True)
class AlarmNow:
    """An alarm as it is now. `rule` is that of a composite one."""

    name: str
    state: str
    dimensions: dict[str, str] = field(default_factory=dict)
    rule: str = ""


def alarms_named(aws: Aws, region: str, names: Iterable[str]) -> list[AlarmNow]:
    """Read alarms by name; those that do not exist are left out.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    found: list[AlarmNow] = []
    for some in batches(dict.fromkeys(names), NAMES):
        found += _read(aws, region, {"AlarmNames": some, "MaxRecords": NAMES})
    return found


def alarms_in(aws: Aws, region: str, state: str) -> list[AlarmNow]:
    """Read all alarms that are in a state.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    return _read(aws, region, {"StateValue": state})


def _read(aws: Aws, region: str, asked: dict[str, Any]) -> list[AlarmNow]:
    client = aws.client("cloudwatch", region)
    with translated(f"alarms in {region}", service="cloudwatch"):
        pages = client.get_paginator("describe_alarms").paginate(AlarmTypes=BOTH, **asked)
        return [alarm for page in pages for alarm in _alarms(page)]


def _alarms(page: dict[str, Any]) -> Sequence[AlarmNow]:
    metric = [
        AlarmNow(each["AlarmName"], each["StateValue"], _dimensions(each)) for each in page.get("MetricAlarms", [])
    ]
    composite = [
        AlarmNow(each["AlarmName"], each["StateValue"], {}, each.get("AlarmRule", ""))
        for each in page.get("CompositeAlarms", [])
    ]
    return [*metric, *composite]


def _dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    """Return the dimensions, also those of the metrics of an expression."""
    listed = list(alarm.get("Dimensions", []))
    for query in alarm.get("Metrics", []):
        listed += query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
    return {each["Name"]: each["Value"] for each in listed}
