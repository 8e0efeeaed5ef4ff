"""Databases and snapshots as RDS describes them, in AWS's names."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.wire import Tree
from chalicelib.sandbox.rds.backups import latest_s
from chalicelib.sandbox.rds.looks import cluster_looks, instance_looks
from chalicelib.sandbox.rds.things import Database, DatabaseSnapshot
from chalicelib.sandbox.weather.clock import iso


def tag_list(tags: dict[str, str]) -> list[Tree]:
    """Return tags as RDS lists them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def database_shape(database: Database) -> Tree:
    """Describe a DB instance or a cluster."""
    common: Tree = {
        **database.facts,
        "Engine": database.engine,
        "AllocatedStorage": database.gib,
        "StorageEncrypted": bool(database.encrypted_with),
        "KmsKeyId": database.encrypted_with or None,
        "TagList": tag_list(database.tags),
        "LatestRestorableTime": iso(latest_s(database)) if latest_s(database) else None,
    }
    if database.kind == "cluster":
        return {
            **common,
            "DBClusterIdentifier": database.name,
            "Status": database.status,
            "DbClusterResourceId": database.resource_id,
            "DBClusterArn": database.arn,
            "ClusterCreateTime": iso(database.born_s),
            **cluster_looks(database),
        }
    return {
        **common,
        "DBInstanceIdentifier": database.name,
        "DBInstanceStatus": database.status,
        "DbiResourceId": database.resource_id,
        "DBInstanceArn": database.arn,
        "InstanceCreateTime": iso(database.born_s),
        "DBClusterIdentifier": database.cluster or None,
        "OptionGroupMemberships": [{"OptionGroupName": database.option_group, "Status": "in-sync"}]
        if database.option_group
        else [],
        **instance_looks(database),
    }


def snapshot_shape(snapshot: DatabaseSnapshot) -> Tree:
    """Describe a snapshot. While it is being created it has no time yet."""
    made = snapshot.status != "creating"
    source = snapshot.source
    common: Tree = {
        "SnapshotCreateTime": iso(snapshot.began_s) if made else None,
        "Engine": source.engine,
        "EngineVersion": source.facts.get("EngineVersion"),
        "AllocatedStorage": source.gib,
        "Status": snapshot.status,
        "SnapshotType": snapshot.type,
        "PercentProgress": snapshot.progress,
        "KmsKeyId": snapshot.encrypted_with or None,
        "TagList": tag_list(snapshot.tags),
    }
    return {**common, **(_of_cluster(snapshot) if snapshot.kind == "cluster-snapshot" else _of_instance(snapshot))}


def _of_cluster(snapshot: DatabaseSnapshot) -> Tree:
    return {
        "DBClusterSnapshotIdentifier": snapshot.name,
        "DBClusterIdentifier": snapshot.source.name,
        "DBClusterSnapshotArn": snapshot.arn,
        "DbClusterResourceId": snapshot.source.resource_id,
        "StorageEncrypted": bool(snapshot.encrypted_with),
        "SourceDBClusterSnapshotArn": snapshot.copy_of or None,
    }


def _of_instance(snapshot: DatabaseSnapshot) -> Tree:
    made = snapshot.status != "creating"
    shown: dict[str, Any] = {
        "DBSnapshotIdentifier": snapshot.name,
        "DBInstanceIdentifier": snapshot.source.name,
        "DBSnapshotArn": snapshot.arn,
        "DbiResourceId": snapshot.source.resource_id,
        "Encrypted": bool(snapshot.encrypted_with),
        "OptionGroupName": snapshot.option_group or None,
        "OriginalSnapshotCreateTime": iso(snapshot.taken_s) if made else None,
        "SnapshotDatabaseTime": iso(snapshot.database_s) if made else None,
        "SourceRegion": snapshot.copied_from or None,
        "SourceDBSnapshotIdentifier": snapshot.copy_of if snapshot.copied_from != snapshot.region else None,
    }
    return shown
