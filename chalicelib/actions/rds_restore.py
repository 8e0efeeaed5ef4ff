"""rds.restore: databases come back from their points, as they were.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html and
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html. The calls take no
token: the new name is the key, and what carries our tag under it is ours.
"""

from __future__ import annotations

from typing import ClassVar

from chalicelib.actions.base import ActionModel, StepContext
from chalicelib.actions.rds_restore_given import RestoreInput
from chalicelib.actions.rds_restore_plan import drafted
from chalicelib.actions.rds_restore_points import from_points
from chalicelib.actions.rds_restoring import Restoring
from chalicelib.domain.change import Plan

READS = (
    "ec2:DescribeAvailabilityZones",
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBSubnetGroups",
    "rds:DescribeDBParameterGroups",
    "rds:DescribeDBClusterParameterGroups",
    "rds:DescribeOptionGroups",
    "rds:DescribeOrderableDBInstanceOptions",
    "kms:DescribeKey",
)
CHANGES = (
    "kms:CreateGrant",
    "rds:AddTagsToResource",
    "rds:CreateDBInstance",
    "rds:ModifyDBInstance",
    "rds:ModifyDBCluster",
)
LOOKED_UP = (
    "DescribeDBSubnetGroups, DescribeOptionGroups, DescribeDBParameterGroups, DescribeDBClusterParameterGroups, "
    "DescribeOrderableDBInstanceOptions and DescribeKey per different one"
)
REREAD = (
    "Before each wave: DescribeAvailabilityZones, the databases by id and by name, the snapshots by name, 100 a call. "
    "Observe: the databases by name, per 100."
)


class Restore(Restoring[RestoreInput]):
    """Restore DB instances and clusters from their newest good points, with everything that was recorded of them.

    Sizes are GiB, times UTC, zones IDs. Class, Multi-AZ, port, subnet, security, parameter and option groups come from
    what is kept with the point, unless stated; an Aurora cluster gets its instances again, the writer first. Everything
    is looked up before anything is changed: groups, zones, whether the class can be ordered there, the key. A point
    without a record needs `instance_class`, `subnet_group`, `security_groups` and `parameter_group`; so do copies in
    another Region, for groups belong to their Region.

    With `replace: rename` the old database is renamed away first and kept, then the restored one takes its name and
    endpoint; instances of a cluster get new names. Nothing is overwritten or deleted. What was written after the point
    is not in the restored database, so a person is asked unless the step is approved in advance. Done is what AWS shows
    as available; an effect whose answer was lost is found by its name, and adopted only with our tag.
    """

    name: ClassVar[str] = "rds.restore"
    given: ClassVar[type[ActionModel]] = RestoreInput
    permissions: ClassVar[tuple[str, ...]] = (
        *READS,
        *CHANGES,
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBClusterFromSnapshot",
    )
    calls: ClassVar[str] = (
        "Plan: DescribeDBSnapshots and DescribeDBClusterSnapshots per 100, the databases by name, and of "
        f"{LOOKED_UP}. {REREAD} Apply: ModifyDBInstance or ModifyDBCluster per rename, "
        "RestoreDBInstanceFromDBSnapshot or RestoreDBClusterFromSnapshot per database, CreateDBInstance per instance "
        "of a cluster."
    )

    def plan(self, given: RestoreInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        return drafted(from_points(given, region, ctx), given, region, ctx)
