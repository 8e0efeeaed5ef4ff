"""How far replicas are behind, by CloudWatch's newest datapoint.

`ReplicaLag` of an instance, in seconds, -1 when it does not replicate:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html. `AuroraBinlogReplicaLag` of the writer of a
cluster that replicates from another one:
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches
from chalicelib.aws.live_databases import Live, LiveCluster

QUERIES = 100  # of one request; AWS allows 500
RECENT = timedelta(minutes=10)  # an older datapoint says nothing about now
PERIOD_S = 60


def lags(aws: Aws, region: str, replicas: Sequence[Live], now: datetime) -> dict[str, float | None]:
    """Return how far replicas are behind, in seconds, by resource; None: not known, or it does not replicate.

    Raises:
        ActionError: AWS refused the read.
    """
    found: dict[str, float | None] = dict.fromkeys((one.resource for one in replicas), None)
    for some in batches(replicas, QUERIES):
        names = {f"lag{number}": one.resource for number, one in enumerate(some)}
        queries = [_query(f"lag{number}", one) for number, one in enumerate(some)]
        with translated(f"replica lag in {region}", service="cloudwatch"):
            pages = (
                aws.client("cloudwatch", region)
                .get_paginator("get_metric_data")
                .paginate(
                    MetricDataQueries=queries,
                    StartTime=now - RECENT,
                    EndTime=now + timedelta(seconds=PERIOD_S),
                    ScanBy="TimestampDescending",
                )
            )
            for page in pages:
                found |= {names[one["Id"]]: _newest(one, found[names[one["Id"]]]) for one in page["MetricDataResults"]}
    return found


def _query(name: str, one: Live) -> Mapping[str, Any]:
    cluster = isinstance(one, LiveCluster)
    instance = one.writer.instance.name if isinstance(one, LiveCluster) and one.writer else one.name
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "AuroraBinlogReplicaLag" if cluster else "ReplicaLag",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": instance}],
    }
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": PERIOD_S, "Stat": "Maximum"}, "ReturnData": True}


def _newest(told: Mapping[str, Any], before: float | None) -> float | None:
    points = sorted(zip(told.get("Timestamps") or (), told.get("Values") or (), strict=False), reverse=True)
    if before is not None or not points:
        return before
    return float(points[0][1]) if points[0][1] >= 0 else None
