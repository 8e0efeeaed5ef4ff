"""The RDS operations that the sandbox answers; every other one is refused: moto's RDS knows nothing of these."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.rds import copies, reading, snapshots, tagging
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
    "CreateDBSnapshot": snapshots.create,
    "DeleteDBClusterSnapshot": _delete,
    "DeleteDBSnapshot": _delete,
    "DescribeDBClusterSnapshots": reading.snapshots,
    "DescribeDBClusters": reading.databases,
    "DescribeDBInstances": reading.databases,
    "DescribeDBSnapshots": reading.snapshots,
    "ListTagsForResource": tagging.list_tags,
    "RemoveTagsFromResource": tagging.remove_tags,
}


def perform(call: RdsCall) -> Tree:
    """Carry out a call.

    Raises:
        AwsError: RDS refuses it, or the sandbox does not play it.
    """
    if call.operation not in OPERATIONS:
        raise AwsError("InvalidAction", f"The sandbox does not play rds:{call.operation}.")
    return OPERATIONS[call.operation](call)
