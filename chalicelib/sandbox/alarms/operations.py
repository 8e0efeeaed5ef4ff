"""DescribeAlarms: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html.

Without `AlarmTypes` only metric alarms are shown, as AWS does. Every other operation of CloudWatch is moto's.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.sandbox.alarms.things import (
    NEEDED,
    PERIOD_S,
    THRESHOLD,
    WINDOW,
    Alarm,
    Composite,
    Turn,
    Watch,
)
from chalicelib.sandbox.query import page
from chalicelib.sandbox.request import Request, Response
from chalicelib.sandbox.weather.sky import Sky

MOST = 100
Json = dict[str, Any]


def serve(sky: Sky, watch: Watch, request: Request) -> Response | None:
    """Answer DescribeAlarms; None leaves the request to others."""
    if not (request.header("X-Amz-Target") or "").endswith(".DescribeAlarms"):
        return None
    body = json.dumps(describe_alarms(sky, watch, request.json())).encode()
    return Response(200, [("Content-Type", "application/x-amz-json-1.0")], body)


def describe_alarms(sky: Sky, watch: Watch, given: Json) -> Json:
    """List alarms, by name, prefix, kind and state."""
    kinds = given.get("AlarmTypes") or ["MetricAlarm"]
    found: list[Alarm | Composite] = []
    if "MetricAlarm" in kinds:
        found += watch.metric.values()
    if "CompositeAlarm" in kinds:
        found += watch.composite.values()
    for each in watch.composite.values():
        each.catch_up(sky.now_s)
    names, prefix, state = given.get("AlarmNames"), given.get("AlarmNamePrefix") or "", given.get("StateValue")
    wanted = [a for a in found if (not names or a.name in names) and a.name.startswith(prefix)]
    wanted = [a for a in wanted if state in {None, _turn(sky, a).state}]
    size = min(int(given.get("MaxRecords") or 50), MOST)
    shown, token = page(sorted(wanted, key=lambda a: a.name), given.get("NextToken"), size)
    return {
        "MetricAlarms": [_metric(sky, a) for a in shown if isinstance(a, Alarm)],
        "CompositeAlarms": [_composite(sky, a) for a in shown if isinstance(a, Composite)],
        **({"NextToken": token} if token else {}),
    }


def _turn(sky: Sky, alarm: Alarm | Composite) -> Turn:
    return alarm.turn_at(sky.now_s) if isinstance(alarm, Alarm) else alarm.turns[-1]


def _common(sky: Sky, alarm: Alarm | Composite) -> Json:
    turn = _turn(sky, alarm)
    return {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "ActionsEnabled": True,
        "StateValue": turn.state,
        "StateReason": turn.reason,
        "StateReasonData": turn.reason_data,
        "StateUpdatedTimestamp": turn.at_s,
        "StateTransitionedTimestamp": turn.at_s,
    }


def _metric(sky: Sky, alarm: Alarm) -> Json:
    return {
        **_common(sky, alarm),
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "HealthyHostCount",
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions.items()],
        "Statistic": "Minimum",
        "Period": PERIOD_S,
        "EvaluationPeriods": WINDOW,
        "DatapointsToAlarm": NEEDED,
        "Threshold": THRESHOLD,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }


def _composite(sky: Sky, alarm: Composite) -> Json:
    return {**_common(sky, alarm), "AlarmRule": alarm.rule}
