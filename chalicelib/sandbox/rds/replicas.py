"""Read replicas of the demo's databases, and how far they are behind, as CloudWatch tells it.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html (ReplicaLag, in seconds; -1 when it
does not replicate) and https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
(AuroraBinlogReplicaLag, of the writer of a replica cluster).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.rds.backups import members_of, writes_until_s
from chalicelib.sandbox.rds.things import Database, land
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

TOLD_S, KEPT = 60, 10  # a datapoint a minute; as many are told again as anybody asks for


def build(sky: Sky, home: str, away: str, zone: str, away_zone: str, key_arn: str) -> dict[str, Any]:
    """Add a replica of `orders` at home and one of `events` in the other Region; returns name to resource id."""
    here, there = land(home), land(away)
    orders, events = here.databases["db", "orders"], here.databases["cluster", "events"]
    facts = {**orders.facts, "AvailabilityZone": zone, "MultiAZ": False, "SecondaryAvailabilityZone": None}
    made = [
        Database("db", "orders-replica", home, "", orders.engine, orders.gib, facts, {"app": "shop"}),
        Database("cluster", "events-away", away, "", events.engine, events.gib, dict(events.facts), {"app": "shop"}),
    ]
    made[0].option_group, made[0].encrypted_with = orders.option_group, orders.encrypted_with
    made[0].replica_of, made[1].replica_of = orders, events
    writer = {**here.databases["db", "events-1"].facts, "AvailabilityZone": away_zone}
    made.append(Database("db", "events-away-1", away, "", events.engine, 1, writer, {}, "events-away", key_arn))
    made[1].writer, made[1].encrypted_with = "events-away-1", key_arn
    for one in made:
        one.serial, one.born_s = sky.next_serial(), sky.now_s
        one.resource_id = f"{one.kind}-{one.name.upper().replace('-', '')}{one.serial:020}"
        (here if one.region == home else there).databases[one.kind, one.name] = one
    return {one.name: one.resource_id for one in made}


def lag_s(sky: Sky, replica: Database) -> float:
    """Return how far a replica is behind, in seconds; -1 when it does not replicate."""
    told = sky.settings.rds.replica_lags.get(replica.name)
    if told is not None or replica.replica_of is None:
        return -1.0 if told is None else told
    return sky.settings.rds.replica_lag_s + (sky.now_s - writes_until_s(replica.replica_of))


def tell_lag(sky: Sky, region: str) -> None:
    """Put the newest minutes of every replica's lag into CloudWatch, where they can be asked for."""
    from moto.cloudwatch.models import cloudwatch_backends

    last_s = sky.now_s // TOLD_S * TOLD_S
    for replica in land(region).databases.values():
        if replica.replica_of is None:
            continue
        known = replica.told_s or last_s - TOLD_S * KEPT
        name, of = _metric(replica)
        for since_s in range(int(max(known, last_s - TOLD_S * KEPT)), int(last_s), TOLD_S):
            told = _datum(
                name, of, datetime.fromtimestamp(since_s + TOLD_S, UTC).replace(tzinfo=None), lag_s(sky, replica)
            )
            cloudwatch_backends[ACCOUNT][region].put_metric_data("AWS/RDS", [told])
        replica.told_s = last_s


def _metric(replica: Database) -> tuple[str, str]:
    if replica.kind == "db":
        return "ReplicaLag", replica.name
    members = members_of(replica)
    return "AuroraBinlogReplicaLag", members[0].name if members else replica.name


def _datum(name: str, instance: str, at: datetime, value: float) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Value": value,
        "Timestamp": at,
        "Unit": "Seconds",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": instance}],
    }
