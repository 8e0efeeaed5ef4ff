"""The demo's databases: two DB instances and an Aurora cluster that are protected, and what belongs to others."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.rds.snapshots import begin
from chalicelib.sandbox.rds.things import Database, land
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

HOUR_S = 3600
AGE_S = 30 * 86_400  # they have been there for longer than their backups are kept
PROTECTED = {"app": "shop", "backup": "nightly"}


def build(sky: Sky, home: str, away: str, zones: list[str], key_arn: str) -> dict[str, Any]:
    """Make the databases, available at once.

    Returns:
        `databases`: name to resource id; `protected_databases`: ARN resource parts such as `db:orders`;
        `foreign_snapshot`: the name of a snapshot that somebody else made.
    """
    where = land(home)
    land(away).subnet_groups |= {"recovery-private": tuple(f"{away}{letter}" for letter in "abc")}
    where.option_groups |= {"orders-options", "default:mysql-8-0"}
    where.subnet_groups |= {"default": tuple(zones), "shop-private": tuple(zones), "drill-private": tuple(zones[:2])}
    where.parameter_groups |= {f"{name}-params" for name in ("orders", "accounts", "events-1", "events-2", "scratch")}
    where.parameter_groups.add("cluster:events-params")
    made = [
        _instance(
            home, "orders", "mysql", 200, zones[0], PROTECTED, key_arn, option_group="orders-options", standby=zones[1]
        ),
        _instance(home, "accounts", "postgres", 100, zones[1], PROTECTED),
        _cluster(home, "events", zones, PROTECTED, key_arn),
        _instance(home, "events-1", "aurora-postgresql", 1, zones[0], {}, key_arn, cluster="events"),
        _instance(home, "events-2", "aurora-postgresql", 1, zones[1], {}, key_arn, cluster="events"),
        _instance(home, "scratch", "mysql", 20, zones[2], {"app": "lab"}),
    ]
    for number, database in enumerate(made):
        database.serial, database.born_s = sky.next_serial(), sky.now_s - AGE_S
        database.resource_id = f"{database.kind}-{database.name.upper().replace('-', '')}{database.serial:020}"
        database.windows_until_s = sky.now_s
        database.window_s = 2 * HOUR_S + number * 300  # the shipped schedules fire at 02:00 or 01:00 UTC
        where.databases[database.kind, database.name] = database
    foreign = begin(sky, where, where.databases["db", "scratch"], "before-upgrade", {"owner": "lab"})
    foreign.ready_at_s = foreign.visible_at_s = sky.now_s
    where.databases["db", "scratch"].busy.clear()
    where.databases["db", "scratch"].facts["CopyTagsToSnapshot"] = True  # only since that snapshot was made
    return {
        "databases": {one.name: one.resource_id for one in made},
        "protected_databases": ["db:orders", "db:accounts", "cluster:events"],
        "foreign_snapshot": foreign.name,
    }


def _instance(
    region: str,
    name: str,
    engine: str,
    gib: int,
    zone: str,
    tags: dict[str, str],
    key_arn: str = "",
    *,
    cluster: str = "",
    option_group: str = "",
    standby: str = "",
) -> Database:
    facts: dict[str, Any] = {
        "EngineVersion": {"mysql": "8.0.42", "postgres": "16.9"}.get(engine, "16.8"),
        "DBInstanceClass": "db.r6g.large",
        "AvailabilityZone": zone,
        "MultiAZ": name == "orders",
        "SecondaryAvailabilityZone": standby or None,
        "StorageType": "aurora" if cluster else "gp3",
        "Iops": None if cluster else 3000,
        "StorageThroughput": None if cluster else 125,
        "DBSubnetGroup": {"DBSubnetGroupName": "shop-private", "VpcId": "vpc-shop"},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-0db", "Status": "active"}],
        "DBParameterGroups": [{"DBParameterGroupName": f"{name}-params", "ParameterApplyStatus": "in-sync"}],
        "Endpoint": {"Address": f"{name}.abc.{region}.rds.amazonaws.com", "Port": 3306 if engine == "mysql" else 5432},
        "BackupRetentionPeriod": 7,
        "DeletionProtection": True,
        "CopyTagsToSnapshot": False,
        "PromotionTier": 1 if cluster else None,
    }
    return Database(
        "db", name, region, "", engine, gib, facts, dict(tags), cluster, key_arn, option_group or _default(engine)
    )


def _default(engine: str) -> str:
    return "" if engine.startswith("aurora") else f"default:{engine}"


def _cluster(region: str, name: str, zones: list[str], tags: dict[str, str], key_arn: str) -> Database:
    facts: dict[str, Any] = {
        "EngineVersion": "16.8",
        "AvailabilityZones": zones,
        "DBSubnetGroup": "shop-private",
        "DBClusterParameterGroup": "events-params",
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-0db", "Status": "active"}],
        "Port": 5432,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 16.0},
        "MultiAZ": True,
        "Endpoint": f"{name}.cluster-abc.{region}.rds.amazonaws.com",
        "BackupRetentionPeriod": 7,
        "DeletionProtection": True,
        "HostedZoneId": f"Z{ACCOUNT}",
    }
    return Database("cluster", name, region, "", "aurora-postgresql", 300, facts, dict(tags), encrypted_with=key_arn)
