"""The RDS operations that the sandbox answers; every other one is refused: moto's RDS knows nothing of these."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.rds import (
    backups,
    changing,
    copies,
    events,
    groups,
    lifecycle,
    reading,
    restores,
    snapshots,
    tagging,
)
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.things import land

Operation = Callable[[RdsCall], Tree]


def _delete(call: RdsCall) -> Tree:
    told = snapshots.delete(call)
    shown = next(iter(told.values()))
    arn = str(shown.get("DBSnapshotArn") or shown.get("DBClusterSnapshotArn"))
    for region in list(call.sky.databases):
        copies.cut_short(arn, land(region), call.sky.now_s)
    return told


OPERATIONS: dict[str, Operation] = {
    "AddTagsToResource": tagging.add_tags,
    "CopyDBClusterSnapshot": copies.copy,
    "CopyDBSnapshot": copies.copy,
    "CreateDBClusterSnapshot": snapshots.create,
    "CreateDBInstance": restores.member,
    "CreateDBSnapshot": snapshots.create,
    "DeleteDBCluster": changing.delete,
    "DeleteDBClusterSnapshot": _delete,
    "DeleteDBInstance": changing.delete,
    "DeleteDBSnapshot": _delete,
    "DescribeDBClusterParameterGroups": groups.describe_parameters,
    "DescribeDBClusterSnapshots": reading.snapshots,
    "DescribeDBClusters": reading.databases,
    "DescribeDBInstanceAutomatedBackups": backups.automated,
    "DescribeDBInstances": reading.databases,
    "DescribeDBParameterGroups": groups.describe_parameters,
    "DescribeDBSnapshots": reading.snapshots,
    "DescribeDBSubnetGroups": groups.describe_subnets,
    "DescribeEvents": events.describe,
    "DescribeOptionGroups": groups.describe_options,
    "DescribeOrderableDBInstanceOptions": groups.describe_orderable,
    "FailoverDBCluster": changing.fail_over_cluster,
    "ListTagsForResource": tagging.list_tags,
    "ModifyDBCluster": changing.modify,
    "ModifyDBInstance": changing.modify,
    "PromoteReadReplica": changing.promote,
    "PromoteReadReplicaDBCluster": changing.promote,
    "RebootDBInstance": changing.reboot,
    "RemoveTagsFromResource": tagging.remove_tags,
    "RestoreDBClusterFromSnapshot": restores.cluster_from_snapshot,
    "RestoreDBClusterToPointInTime": restores.cluster_to_time,
    "RestoreDBInstanceFromDBSnapshot": restores.instance_from_snapshot,
    "RestoreDBInstanceToPointInTime": restores.instance_to_time,
}


def perform(call: RdsCall) -> Tree:
    """Carry out a call.

    Raises:
        AwsError: RDS refuses it, or the sandbox does not play it.
    """
    if call.operation not in OPERATIONS:
        raise AwsError("InvalidAction", f"The sandbox does not play rds:{call.operation}.")
    lifecycle.catch_up(call.sky, call.land)
    return OPERATIONS[call.operation](call)
