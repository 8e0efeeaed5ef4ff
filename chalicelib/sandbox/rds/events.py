"""DescribeEvents: what RDS has told of DB instances and clusters in the last 14 days.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html (the last hour unless stated).
Events of snapshots are posted only, and not told here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.weather.clock import iso

KEPT_S = 14 * 86_400
HOUR_S = 3600
PAGE_SIZES = range(20, 101)
KINDS = {"db-instance": "DB_INSTANCE", "db-cluster": "CLUSTER"}


def describe(call: RdsCall) -> Tree:
    """Answer DescribeEvents, oldest first, in pages."""
    now_s, kind, source = call.sky.now_s, call.text("SourceType"), call.text("SourceIdentifier")
    if kind is not None and kind not in KINDS:
        raise AwsError("InvalidParameterValue", f"The sandbox tells events of {', '.join(KINDS)} only, not of {kind}.")
    begin_s, end_s = _instant(call, "StartTime", now_s - HOUR_S), _instant(call, "EndTime", now_s)
    if begin_s < now_s - KEPT_S:
        raise AwsError("InvalidParameterValue", "StartTime must be within the last 14 days.")
    given = call.form.get("EventCategories")
    wanted = {str(one) for one in several(given.get("EventCategory"))} if isinstance(given, dict) else set()
    there = [
        one
        for one in sorted(call.land.told, key=lambda one: float(one["at_s"]))
        if begin_s <= one["at_s"] <= min(end_s, now_s)
        and (kind is None or one["SourceType"] == KINDS[kind])
        and (not source or one["SourceIdentifier"] == source.lower())
        and (not wanted or wanted & set(one["EventCategories"]))
    ]
    size, after = int(call.text("MaxRecords") or 100), int(call.text("Marker") or 0)
    if size not in PAGE_SIZES:
        raise AwsError("InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between 20 and 100.")
    more = str(after + size) if len(there) > after + size else None
    return {"Marker": more, "Events": [_shape(one) for one in there[after : after + size]]}


def _instant(call: RdsCall, name: str, otherwise_s: float) -> float:
    said = call.text(name)
    return datetime.fromisoformat(said).timestamp() if said else otherwise_s


def _shape(one: dict[str, Any]) -> Tree:
    kinds = {known: name for name, known in KINDS.items()}
    return {
        "SourceIdentifier": one["SourceIdentifier"],
        "SourceType": kinds[one["SourceType"]],
        "Message": one["Message"],
        "EventCategories": one["EventCategories"],
        "Date": iso(one["at_s"]),
        "SourceArn": one["SourceArn"],
    }
