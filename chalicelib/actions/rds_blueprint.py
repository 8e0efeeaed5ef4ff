"""What a restored database will be like, and the calls that make it. Pure.

Whatever a restore is not told becomes AWS's default (Single-AZ, default groups), so everything is told:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html, its siblings, and
API_CreateDBInstance.html for the instances of clusters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.actions.base import DrillSite
from chalicelib.actions.rds_preflight import SERVERLESS
from chalicelib.actions.rds_restore_given import Placement
from chalicelib.actions.rds_restore_points import Origin
from chalicelib.domain.database_manifest import DatabaseManifest, MemberFacts

ROOT = 34  # characters of a name that stay beside an effect id: names have 63


@dataclass(frozen=True)
class Blueprint:
    """What one database will be like. `zones` are IDs, best first; empty: AWS chooses."""

    origin: Origin
    manifest: DatabaseManifest
    subnet_group: str
    security_groups: Sequence[str]
    parameter_group: str
    option_group: str
    multi_az: bool
    zones: Sequence[str] = ()

    @property
    def members(self) -> Sequence[MemberFacts]:
        """The instances that are made one by one, the writer first: Aurora's; other clusters make theirs themselves."""
        if self.origin.kind != "cluster" or not self.manifest.engine.startswith("aurora"):
            return ()
        return sorted(self.manifest.members, key=lambda one: (not one.writer, one.tier or 0, one.name))

    def zone_of(self, number: int) -> str:
        """Return the zone of an instance; several are spread over the zones."""
        return self.zones[number % len(self.zones)] if self.zones else ""


def drawn(origin: Origin, given: Placement, drill: DrillSite | None) -> Blueprint | str:
    """Return what a database will be like, or what is missing to say so.

    In a drill it goes into the drill's subnet and security group, Single-AZ, whatever was recorded or stated.
    """
    known = origin.manifest or DatabaseManifest(engine=origin.engine)
    recorded = None if origin.elsewhere else origin.manifest  # groups belong to their Region
    subnets = drill.db_subnet_group if drill else given.subnet_group or (recorded.subnet_group if recorded else "")
    security = (
        [drill.security_group_id] if drill else given.security_groups or (recorded.security_groups if recorded else [])
    )
    parameters = given.parameter_group or known.parameter_group
    classes = {given.instance_class or one.instance_class for one in known.members} or {
        given.instance_class or known.instance_class
    }
    missing = [
        *(["subnet_group"] if not subnets else []),
        *(["security_groups"] if not security else []),
        *(["parameter_group"] if not parameters else []),
        *(["instance_class"] if "" in classes else []),
    ]
    if missing:
        where = f", and it belongs to {origin.elsewhere}" if origin.elsewhere else ""
        return f"its point does not say what a restore needs{where}: state {', '.join(missing)} under `with:`"
    if given.instance_class:
        known = known.model_copy(update={"instance_class": given.instance_class})
    if origin.kind == "cluster" and not known.members and known.engine.startswith("aurora"):
        only = MemberFacts(name=f"{origin.name}-1", writer=True, instance_class=known.instance_class)
        known = known.model_copy(update={"members": (only,)})
    multi_az = known.multi_az if given.multi_az is None else given.multi_az
    return Blueprint(
        origin,
        known.model_copy(update={"members": _classed(known, given.instance_class)}),
        subnets,
        sorted(security),
        parameters,
        given.option_group or origin.option_group or known.option_group,
        multi_az=multi_az and drill is None and origin.kind == "db",
    )


def _classed(known: DatabaseManifest, instance_class: str | None) -> tuple[MemberFacts, ...]:
    if instance_class is None:
        return known.members
    return tuple(one.model_copy(update={"instance_class": instance_class}) for one in known.members)


def rooted(name: str, suffix: str) -> str:
    """Return a name that begins like another and ends with a suffix, within 63 characters and without `--`."""
    return f"{name[:ROOT].rstrip('-')}-{suffix}"


def restore_call(plan: Blueprint, target: str, zone_name: str) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters that restore a database, without its tags."""
    return _cluster_call(plan, target) if plan.origin.kind == "cluster" else _instance_call(plan, target, zone_name)


def _instance_call(plan: Blueprint, target: str, zone_name: str) -> tuple[str, dict[str, Any]]:
    known, origin = plan.manifest, plan.origin
    params: dict[str, Any] = {
        "DBInstanceClass": known.instance_class,
        "MultiAZ": plan.multi_az,
        "AvailabilityZone": zone_name if not plan.multi_az else None,
        "DBSubnetGroupName": plan.subnet_group,
        "VpcSecurityGroupIds": list(plan.security_groups),
        "DBParameterGroupName": plan.parameter_group,
        "OptionGroupName": plan.option_group,
        "Port": known.port,
        "PubliclyAccessible": known.public,
        "CopyTagsToSnapshot": False,
    }
    if known.storage_type in {"io1", "io2"}:
        params |= {"StorageType": known.storage_type, "Iops": known.iops}
    elif known.storage_type:
        params |= {"StorageType": known.storage_type}
    if origin.snapshot:
        return _without_nothing(
            "RestoreDBInstanceFromDBSnapshot",
            {"DBInstanceIdentifier": target, "DBSnapshotIdentifier": origin.snapshot, **params},
        )
    when = {"RestoreTime": origin.to} if origin.to else {"UseLatestRestorableTime": True}
    source = {"SourceDbiResourceId": origin.resource_id, "TargetDBInstanceIdentifier": target}
    return _without_nothing("RestoreDBInstanceToPointInTime", {**source, **when, **params})


def _cluster_call(plan: Blueprint, target: str) -> tuple[str, dict[str, Any]]:
    known, origin = plan.manifest, plan.origin
    params: dict[str, Any] = {
        "DBClusterIdentifier": target,
        "DBSubnetGroupName": plan.subnet_group,
        "VpcSecurityGroupIds": list(plan.security_groups),
        "DBClusterParameterGroupName": plan.parameter_group,
        "Port": known.port,
    }
    if known.min_acu is not None and known.max_acu is not None:
        params["ServerlessV2ScalingConfiguration"] = {"MinCapacity": known.min_acu, "MaxCapacity": known.max_acu}
    if not known.engine.startswith("aurora"):
        params |= {
            "DBClusterInstanceClass": known.instance_class,
            "StorageType": known.storage_type,
            "Iops": known.iops,
        }
    if origin.snapshot:
        engine = {"Engine": known.engine, "EngineVersion": known.version, "SnapshotIdentifier": origin.snapshot}
        return _without_nothing("RestoreDBClusterFromSnapshot", {**params, **engine})
    when = {"RestoreToTime": origin.to} if origin.to else {"UseLatestRestorableTime": True}
    source = {"SourceDbClusterResourceId": origin.resource_id}
    return _without_nothing("RestoreDBClusterToPointInTime", {**params, **source, **when})


def member_call(
    plan: Blueprint, one: MemberFacts, name: str, cluster: str, zone_name: str
) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters that make one instance of a restored cluster, without its tags."""
    return _without_nothing(
        "CreateDBInstance",
        {
            "DBInstanceIdentifier": name,
            "DBClusterIdentifier": cluster,
            "DBInstanceClass": one.instance_class,
            "Engine": plan.manifest.engine,
            "DBParameterGroupName": one.parameter_group,
            "PromotionTier": one.tier,
            "AvailabilityZone": zone_name,
        },
    )


def rename_call(kind: str, name: str, to: str) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters that rename a database at once; its endpoint changes with its name."""
    field = "DBClusterIdentifier" if kind == "cluster" else "DBInstanceIdentifier"
    operation = "ModifyDBCluster" if kind == "cluster" else "ModifyDBInstance"
    return operation, {field: name, f"New{field}": to, "ApplyImmediately": True}


def classes_of(plan: Blueprint) -> Sequence[str]:
    """Return the classes that must be orderable; `db.serverless` is not listed as orderable."""
    wanted = {one.instance_class for one in plan.members} if plan.members else {plan.manifest.instance_class}
    return sorted(wanted - {SERVERLESS})


def _without_nothing(operation: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return operation, {name: value for name, value in params.items() if value not in (None, "", [])}
