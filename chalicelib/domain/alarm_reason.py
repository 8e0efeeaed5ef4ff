"""What an alarm's event says of when its trouble began, and where.

`reasonData` is JSON in a text: the datapoints that were looked at, oldest first, a period apart from `startDate` on.
Only the newest of them has its time beside it. Which side of the threshold is bad only the words of `reason` say:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_SIDE = re.compile(r"(not )?(greater than or equal to|greater than|less than or equal to|less than|lower than) the")


def began_at(state: Mapping[str, Any]) -> datetime | None:
    """Return the time (UTC) of the first bad datapoint that an alarm's state tells of.

    Of a composite alarm: when the first of the alarms that set it off changed. When the data is not readable: None.
    """
    data = _data(state)
    if "triggeringAlarms" in data:
        return _first_trigger(data["triggeringAlarms"])
    start, period, values = _instant(data.get("startDate")), data.get("period"), data.get("recentDatapoints")
    if start is None or not isinstance(period, int) or not isinstance(values, list):
        return _first_missing(state, data)
    bad = _bad_side(str(state.get("reason", "")), data.get("threshold"))
    for number, value in enumerate(values):
        if bad(value):
            return start + timedelta(seconds=number * period)
    return start if values else _first_missing(state, data)


def dimensions_of(configuration: Any) -> dict[str, str]:
    """Return the dimensions of an alarm's metrics, all together; none of a composite alarm."""
    found: dict[str, str] = {}
    metrics = configuration.get("metrics") if isinstance(configuration, Mapping) else None
    for each in metrics if isinstance(metrics, list) else ():
        stat = each.get("metricStat") if isinstance(each, Mapping) else None
        metric = stat.get("metric") if isinstance(stat, Mapping) else None
        named = metric.get("dimensions") if isinstance(metric, Mapping) else None
        if isinstance(named, Mapping):
            found |= {str(name): str(value) for name, value in named.items()}
    return found


def triggers_of(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the alarms that set a composite alarm off."""
    listed = _data(state).get("triggeringAlarms")
    arns = [each.get("arn") for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    return tuple(arn.split(":alarm:", 1)[1] for arn in arns if isinstance(arn, str) and ":alarm:" in arn)


def _data(state: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        data = json.loads(state.get("reasonData") or "")
    except (TypeError, ValueError):
        return {}
    return data if isinstance(data, Mapping) else {}


def _first_trigger(triggers: Any) -> datetime | None:
    states = [each.get("state") for each in triggers if isinstance(each, Mapping)] if isinstance(triggers, list) else []
    times = [_instant(each.get("timestamp")) for each in states if isinstance(each, Mapping)]
    return min((time for time in times if time), default=None)


def _first_missing(state: Mapping[str, Any], data: Mapping[str, Any]) -> datetime | None:
    """Return the first datapoint that did not come, where missing ones count as bad."""
    if "treated as [Breaching]" not in str(state.get("reason", "")):
        return None
    points = data.get("evaluatedDatapoints")
    named = [each.get("timestamp") for each in points if isinstance(each, Mapping)] if isinstance(points, list) else []
    return min((time for time in map(_instant, named) if time), default=None)


def _bad_side(reason: str, threshold: Any) -> Any:
    """Return a test for a bad value; when nothing is known of the threshold, every value is."""
    found = _SIDE.search(reason)
    if found is None or isinstance(threshold, bool) or not isinstance(threshold, int | float):
        return lambda _: True
    how, negated = found[2], bool(found[1])

    def bad(value: Any) -> bool:
        if not isinstance(value, int | float):
            return True
        crossed = {
            "greater than or equal to": value >= threshold,
            "greater than": value > threshold,
            "less than or equal to": value <= threshold,
        }.get(how, value < threshold)
        return crossed is not negated

    return bad


def _instant(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found and found.tzinfo else None
