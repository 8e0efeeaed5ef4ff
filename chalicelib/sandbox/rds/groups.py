"""Subnet, parameter and option groups, and which instance classes can be ordered where.

Source: DescribeDBSubnetGroups, DescribeDBParameterGroups, DescribeDBClusterParameterGroups, DescribeOptionGroups and
DescribeOrderableDBInstanceOptions of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/.
"""

from __future__ import annotations

import re

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.rds.call import RdsCall

CLASS = re.compile(r"db\.[a-z]\d[a-z]*\.\w+")
STORAGE = ("gp3", "io2")


def subnet_zones(call: RdsCall, name: str) -> tuple[str, ...]:
    """Return the names of the zones that a subnet group covers.

    Raises:
        AwsError: DBSubnetGroupNotFoundFault.
    """
    found = call.land.subnet_groups.get(name.lower())
    if found is None:
        raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404)
    return found


def check_parameters(call: RdsCall, name: str, *, of_cluster: bool) -> None:
    """Refuse a parameter group that is not there; defaults always are.

    Raises:
        AwsError: DBParameterGroupNotFound, DBClusterParameterGroupNotFound.
    """
    prefix = "cluster:" if of_cluster else ""
    if not name.startswith("default.") and f"{prefix}{name}" not in call.land.parameter_groups:
        code = "DBClusterParameterGroupNotFound" if of_cluster else "DBParameterGroupNotFound"
        raise AwsError(code, f"DB{'Cluster' if of_cluster else ''}ParameterGroup not found: {name}", 404)


def check_options(call: RdsCall, name: str) -> None:
    """Refuse an option group that is not there; defaults always are.

    Raises:
        AwsError: OptionGroupNotFoundFault.
    """
    if name not in call.land.option_groups and not name.startswith("default:"):
        raise AwsError("OptionGroupNotFoundFault", f"Specified OptionGroupName: {name} not found.", 404)


def describe_subnets(call: RdsCall) -> Tree:
    """Answer DescribeDBSubnetGroups."""
    name = call.text("DBSubnetGroupName")
    names = [name.lower()] if name else sorted(call.land.subnet_groups)
    return {"DBSubnetGroups": [_subnet_group(call, one) for one in names]}


def _subnet_group(call: RdsCall, name: str) -> Tree:
    zones = subnet_zones(call, name)
    return {
        "DBSubnetGroupName": name,
        "VpcId": "vpc-shop",
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": f"subnet-{name}-{zone[-1]}",
                "SubnetAvailabilityZone": {"Name": zone},
                "SubnetStatus": "Active",
            }
            for zone in zones
        ],
    }


def describe_parameters(call: RdsCall) -> Tree:
    """Answer DescribeDBParameterGroups and DescribeDBClusterParameterGroups."""
    cluster = call.of_cluster
    field = "DBClusterParameterGroupName" if cluster else "DBParameterGroupName"
    name = call.required(field)
    try:
        check_parameters(call, name, of_cluster=cluster)
    except AwsError as missing:
        raise AwsError("DBParameterGroupNotFound", missing.message, 404) from None
    return {f"{'DBCluster' if cluster else 'DB'}ParameterGroups": [{field: name, "Description": name}]}


def describe_options(call: RdsCall) -> Tree:
    """Answer DescribeOptionGroups."""
    name = call.required("OptionGroupName")
    check_options(call, name)
    return {"OptionGroupsList": [{"OptionGroupName": name, "AllowsVpcAndNonVpcInstanceMemberships": True}]}


def describe_orderable(call: RdsCall) -> Tree:
    """Answer DescribeOrderableDBInstanceOptions for one class: an option per kind of storage, none if not offered."""
    engine, instance_class = call.required("Engine"), call.required("DBInstanceClass")
    zones = [{"Name": zone} for zone in offered_zones(call, instance_class)]
    kinds = ("aurora",) if engine.startswith("aurora") else STORAGE
    return {
        "OrderableDBInstanceOptions": [
            {
                "Engine": engine,
                "EngineVersion": call.text("EngineVersion"),
                "DBInstanceClass": instance_class,
                "AvailabilityZones": zones,
                "MultiAZCapable": not engine.startswith("aurora"),
                "StorageType": kind,
            }
            for kind in kinds
            if zones
        ]
    }


def offered_zones(call: RdsCall, instance_class: str) -> list[str]:
    """Return the names of the zones in which a class can be ordered."""
    if not CLASS.fullmatch(instance_class) or instance_class in call.sky.settings.rds.not_offered:
        return []
    return [str(zone.name) for zone in call.sky.land(call.land.region).backend.describe_availability_zones()]
