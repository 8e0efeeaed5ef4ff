"""Restores: from a snapshot or to a point in time, of instances and clusters; and CreateDBInstance for members.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html,
API_RestoreDBClusterFromSnapshot.html, API_RestoreDBInstanceToPointInTime.html, API_RestoreDBClusterToPointInTime.html
and API_CreateDBInstance.html. What is not given becomes a default; a restored cluster has no instances.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.ec2 import keys
from chalicelib.sandbox.ec2.snapshots import duration_s
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several, truth
from chalicelib.sandbox.rds import groups, placing
from chalicelib.sandbox.rds.backups import earliest_s, latest_s
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.notices import tell
from chalicelib.sandbox.rds.shapes import database_shape
from chalicelib.sandbox.rds.things import AVAILABLE, Database
from chalicelib.sandbox.rds.wire import tags_in
from chalicelib.sandbox.weather.sky import ACCOUNT

DEFAULT_SUBNETS = "default"
PORTS = {"mysql": 3306, "mariadb": 3306}
RETENTION = 7  # days; assumed to be as the source's


def instance_from_snapshot(call: RdsCall) -> Tree:
    """Answer RestoreDBInstanceFromDBSnapshot."""
    name = placing.free_name(call, "db", call.required("DBInstanceIdentifier"))
    snapshot = call.snapshot(_bare(call.required("DBSnapshotIdentifier")))
    if snapshot.status != AVAILABLE:
        raise AwsError("InvalidDBSnapshotState", f"The snapshot {snapshot.name} is {snapshot.status}.")
    _check_key(call, snapshot.encrypted_with)
    made = _instance(call, name, snapshot.source, snapshot.encrypted_with)
    tell(made, made.busy[0][1], "RDS-EVENT-0043", "restoration", f"Restored from snapshot {snapshot.name}.")
    return {"DBInstance": database_shape(made)}


def instance_to_time(call: RdsCall) -> Tree:
    """Answer RestoreDBInstanceToPointInTime."""
    source = _source(call, "db", "SourceDBInstanceIdentifier", "SourceDbiResourceId")
    name = placing.free_name(call, "db", call.required("TargetDBInstanceIdentifier"))
    _check_window(call, source, "RestoreTime")
    _check_key(call, source.encrypted_with)
    made = _instance(call, name, source, source.encrypted_with)
    words = f"Restored from DB instance {source.name} to {name}."
    tell(made, made.busy[0][1], "RDS-EVENT-0019", "restoration", words)
    return {"DBInstance": database_shape(made)}


def cluster_from_snapshot(call: RdsCall) -> Tree:
    """Answer RestoreDBClusterFromSnapshot; of clusters' snapshots only."""
    name = placing.free_name(call, "cluster", call.required("DBClusterIdentifier"))
    snapshot = call.snapshot(_bare(call.required("SnapshotIdentifier")))
    if snapshot.status != AVAILABLE:
        raise AwsError("InvalidDBClusterSnapshotStateFault", f"The snapshot {snapshot.name} is {snapshot.status}.")
    if call.required("Engine") != snapshot.source.engine:
        raise AwsError("InvalidParameterCombination", f"The snapshot is of {snapshot.source.engine}.")
    _check_key(call, snapshot.encrypted_with)
    made = _cluster(call, name, snapshot.source, snapshot.encrypted_with)
    return {"DBCluster": database_shape(made)}


def cluster_to_time(call: RdsCall) -> Tree:
    """Answer RestoreDBClusterToPointInTime."""
    source = _source(call, "cluster", "SourceDBClusterIdentifier", "SourceDbClusterResourceId")
    name = placing.free_name(call, "cluster", call.required("DBClusterIdentifier"))
    _check_window(call, source, "RestoreToTime")
    _check_key(call, source.encrypted_with)
    return {"DBCluster": database_shape(_cluster(call, name, source, source.encrypted_with))}


def member(call: RdsCall) -> Tree:
    """Answer CreateDBInstance for a member of a cluster; the first one writes."""
    name = placing.free_name(call, "db", call.required("DBInstanceIdentifier"))
    cluster = call.land.databases.get(("cluster", call.required("DBClusterIdentifier").lower()))
    if cluster is None:
        raise AwsError("DBClusterNotFoundFault", f"DBCluster {call.text('DBClusterIdentifier')} not found.", 404)
    if cluster.status != AVAILABLE:
        raise AwsError("InvalidDBClusterStateFault", f"DB cluster {cluster.name} is {cluster.status}.")
    if call.required("Engine") != cluster.engine:
        raise AwsError("InvalidParameterCombination", f"The cluster's engine is {cluster.engine}.")
    made = _member(call, name, cluster)
    cluster.writer = cluster.writer or name
    return {"DBInstance": database_shape(made)}


def _member(call: RdsCall, name: str, cluster: Database) -> Database:
    subnets, instance_class = str(cluster.facts["DBSubnetGroup"]), call.required("DBInstanceClass")
    parameters = call.text("DBParameterGroupName") or f"default.{cluster.engine}"
    groups.check_parameters(call, parameters, of_cluster=False)
    at = placing.place(call, subnets, instance_class, multi_az=False)
    facts = {
        "EngineVersion": cluster.facts.get("EngineVersion"),
        "DBInstanceClass": instance_class,
        "AvailabilityZone": at.primary,
        "MultiAZ": False,
        "StorageType": "aurora",
        "DBSubnetGroup": {"DBSubnetGroupName": subnets, "VpcId": "vpc-shop"},
        "VpcSecurityGroups": cluster.facts.get("VpcSecurityGroups"),
        "DBParameterGroups": [{"DBParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}],
        "Endpoint": {"Port": cluster.facts.get("Port")},
        "BackupRetentionPeriod": RETENTION,
        "DeletionProtection": False,
        "PromotionTier": int(call.text("PromotionTier") or 1),
    }
    made = Database("db", name, call.land.region, "", cluster.engine, 1, facts, tags_in(call.form), cluster.name)
    made.encrypted_with = cluster.encrypted_with
    return _begin(call, made, call.sky.settings.rds.create_s)


def _instance(call: RdsCall, name: str, source: Database, key: str) -> Database:
    multi_az = truth(call.text("MultiAZ"))
    subnets = call.text("DBSubnetGroupName") or DEFAULT_SUBNETS
    instance_class = call.text("DBInstanceClass") or str(source.facts.get("DBInstanceClass"))
    options = call.text("OptionGroupName") or f"default:{source.engine}"
    groups.check_options(call, options)
    parameters = call.text("DBParameterGroupName") or f"default.{source.engine}"
    groups.check_parameters(call, parameters, of_cluster=False)
    at = placing.place(call, subnets, instance_class, multi_az=multi_az)
    facts = {
        "EngineVersion": source.facts.get("EngineVersion"),
        "DBInstanceClass": instance_class,
        "AvailabilityZone": at.primary,
        "SecondaryAvailabilityZone": at.standby or None,
        "MultiAZ": multi_az,
        "StorageType": call.text("StorageType") or source.facts.get("StorageType"),
        "Iops": int(call.text("Iops") or 0) or source.facts.get("Iops"),
        "StorageThroughput": int(call.text("StorageThroughput") or 0) or source.facts.get("StorageThroughput"),
        "DBSubnetGroup": {"DBSubnetGroupName": subnets, "VpcId": "vpc-shop"},
        "VpcSecurityGroups": _security(call),
        "DBParameterGroups": [{"DBParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}],
        "Endpoint": {"Port": int(call.text("Port") or PORTS.get(source.engine, 5432))},
        "BackupRetentionPeriod": RETENTION,
        "DeletionProtection": truth(call.text("DeletionProtection")),
        "PubliclyAccessible": truth(call.text("PubliclyAccessible")),
        "CopyTagsToSnapshot": truth(call.text("CopyTagsToSnapshot")),
    }
    made = Database("db", name, call.land.region, "", source.engine, source.gib, facts, tags_in(call.form))
    made.encrypted_with, made.option_group = key, options
    return _begin(call, made, _takes_s(call, made))


def _cluster(call: RdsCall, name: str, source: Database, key: str) -> Database:
    subnets = call.text("DBSubnetGroupName") or DEFAULT_SUBNETS
    zones = groups.subnet_zones(call, subnets)
    parameters = call.text("DBClusterParameterGroupName") or f"default.{source.engine}"
    groups.check_parameters(call, parameters, of_cluster=True)
    facts: dict[str, Any] = {
        "EngineVersion": source.facts.get("EngineVersion"),
        "AvailabilityZones": list(zones),
        "DBSubnetGroup": subnets,
        "DBClusterParameterGroup": parameters,
        "VpcSecurityGroups": _security(call),
        "Port": int(call.text("Port") or PORTS.get(source.engine, 5432)),
        "BackupRetentionPeriod": RETENTION,
        "DeletionProtection": truth(call.text("DeletionProtection")),
        "HostedZoneId": f"Z{ACCOUNT}",
    }
    made = Database("cluster", name, call.land.region, "", source.engine, source.gib, facts, tags_in(call.form))
    made.encrypted_with = key
    return _begin(call, made, _takes_s(call, made))


def _security(call: RdsCall) -> list[Tree]:
    given = several(call.form.get("VpcSecurityGroupIds", {}).get("VpcSecurityGroupId"))
    return [{"VpcSecurityGroupId": one, "Status": "active"} for one in given or ["sg-default"]]


def _takes_s(call: RdsCall, made: Database) -> float:
    return duration_s(call.sky, call.sky.settings.rds.restores, made.gib, call.land.region, made.name)


def _begin(call: RdsCall, made: Database, takes_s: float) -> Database:
    sky, now_s = call.sky, call.sky.now_s
    made.serial, made.born_s = sky.next_serial(), now_s
    made.resource_id = f"{made.kind}-{made.name.upper().replace('-', '')[:12]}{made.serial:014}"
    made.visible_at_s, made.windows_until_s = now_s + sky.settings.visibility_s, now_s
    made.busy.append((now_s, now_s + takes_s, "creating"))
    if made.name in sky.settings.rds.fail_restores:
        made.lost_s = now_s + takes_s
    if sky.darkness.over(made.region, made.zone):
        made.busy[0] = (now_s, float("inf"), "creating")
    call.land.databases[made.kind, made.name] = made
    return made


def _bare(named: str) -> str:
    """Return the name in what may be an ARN."""
    return named.split(":", 6)[-1] if named.startswith("arn:") else named


def _source(call: RdsCall, kind: str, by_name: str, by_id: str) -> Database:
    name, resource_id = call.text(by_name), call.text(by_id)
    if name:
        return call.database(_bare(name))
    for one in call.land.databases.values():
        if one.kind == kind and resource_id and one.resource_id == resource_id:
            return one
    return call.database(resource_id or "none-was-named")


def _check_window(call: RdsCall, source: Database, field: str) -> None:
    if not latest_s(source):
        raise AwsError("PointInTimeRestoreNotEnabled", f"Point in time restore is not enabled for {source.name}")
    said, latest = call.text(field), truth(call.text("UseLatestRestorableTime"))
    if bool(said) == latest:
        raise AwsError("InvalidParameterCombination", f"Specify either UseLatestRestorableTime or {field}.")
    if said:
        at_s = datetime.fromisoformat(said).replace(tzinfo=datetime.fromisoformat(said).tzinfo or UTC).timestamp()
        if not earliest_s(source) <= at_s <= latest_s(source):
            raise AwsError("InvalidParameterValue", f"{source.name} cannot be restored to {said}: outside its window.")


def _check_key(call: RdsCall, key: str) -> None:
    problem = keys.resolve(call.sky.land(call.land.region), key)[1] if key else None
    if problem:
        raise AwsError("KMSKeyNotAccessibleFault", f"The specified KMS key {key} cannot be used: {problem}")
