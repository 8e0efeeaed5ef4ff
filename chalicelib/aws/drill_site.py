"""Reads whether a place for drills is production's, and finds what drills have made.

Facts: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html (instances, their interfaces,
groups and profile), https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html (tags).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.aws import tags
from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.errors import RefusedError

GONE = frozenset({"terminated", "shutting-down"})
EC2_READS = ("ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeImages")
RDS_READS = ("rds:DescribeDBInstances", "rds:DescribeDBClusters", "rds:ListTagsForResource")
SITE_READS = ("ec2:DescribeSubnets", "ec2:DescribeSecurityGroups")


@dataclass(frozen=True)
class Made:
    """Something that carries a drill's tag: its id, the run that it names, and the effect that it carries."""

    id: str
    run_id: str
    effect: str


def must_be_isolated(aws: Aws, region: str, subnet_id: str, group_id: str, profile: str, db_subnets: str = "") -> None:
    """Make sure that nothing but drills uses a place.

    Args:
        aws: The way to AWS; read only.
        region: The Region.
        subnet_id: No instance may be in it.
        group_id: No instance may have it, and where databases are restored, no database.
        profile: No instance may have it.
        db_subnets: The DB subnet group in which databases are restored: no database may be in it. Empty = none are.

    Raises:
        RefusedError: something uses it, or subnet and group are of different VPCs (`drill.production_site`).
        ActionError: AWS refuses to tell.
    """
    ec2 = aws.client("ec2", region, "read")
    with translated(f"subnet {subnet_id}", service="ec2"):
        subnet = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]
    with translated(f"security group {group_id}", service="ec2"):
        group = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    if subnet["VpcId"] != group["VpcId"]:
        raise _refused(f"{group_id} is of {group['VpcId']} and {subnet_id} of {subnet['VpcId']}")
    if group.get("GroupName") == "default":
        raise _refused(f"{group_id} is the default group of {group['VpcId']}, which everything gets that names none")
    for user, used in _uses(aws, ec2, region, (subnet_id, group_id, profile, db_subnets)):
        raise _refused(f"{used} is used by {user}")


def _uses(aws: Aws, ec2: Any, region: str, place: tuple[str, str, str, str]) -> Iterator[tuple[str, str]]:
    """Yield what no drill has made and uses a place, with what it uses of it."""
    subnet_id, group_id, profile, db_subnets = place
    for instance in _instances(ec2):
        used = _used(instance, subnet_id, group_id, profile)
        if used and tags.DRILL not in tags.of(instance):
            yield instance["InstanceId"], used
    for name, one, mine in _databases(aws, region) if db_subnets else ():
        used = _used_by_database(one, group_id, db_subnets)
        if used and tags.DRILL not in mine:
            yield name, used


def _instances(ec2: Any, *filters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    with translated("instances", service="ec2"):
        for page in ec2.get_paginator("describe_instances").paginate(Filters=list(filters)):
            for reservation in page["Reservations"]:
                yield from (one for one in reservation["Instances"] if one["State"]["Name"] not in GONE)


def _used(instance: Mapping[str, Any], subnet_id: str, group_id: str, profile: str) -> str:
    interfaces = instance.get("NetworkInterfaces") or ()
    subnets = {instance.get("SubnetId"), *(each.get("SubnetId") for each in interfaces)}
    groups = {each["GroupId"] for holder in (instance, *interfaces) for each in _groups(holder)}
    arn = (instance.get("IamInstanceProfile") or {}).get("Arn", "")
    if subnet_id in subnets:
        return subnet_id
    if group_id in groups:
        return group_id
    return f"the instance profile {profile}" if arn.rpartition("/")[2] == profile else ""


def _used_by_database(one: Mapping[str, Any], group_id: str, db_subnets: str) -> str:
    subnets = one.get("DBSubnetGroup") or ""
    within = subnets if isinstance(subnets, str) else subnets.get("DBSubnetGroupName", "")
    if within.lower() == db_subnets.lower():  # RDS keeps these names in lower case
        return db_subnets
    return group_id if group_id in {each["VpcSecurityGroupId"] for each in one.get("VpcSecurityGroups") or ()} else ""


def _groups(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(holder.get("SecurityGroups") or holder.get("Groups") or ())


def _refused(why: str) -> RefusedError:
    said = f"A drill needs a subnet, a security group and an instance profile that nothing else uses: {why}."
    return RefusedError("drill.production_site", f"{said} Nothing was made there.")


def made_by_drills(aws: Aws, region: str, *, databases: bool) -> list[Made]:
    """Return everything in a Region that carries a drill's tag and is not on its way out already.

    Args:
        aws: The way to AWS; read only.
        region: The Region.
        databases: Whether drills make databases too, so that RDS is asked.

    Raises:
        ActionError: AWS refuses to tell.
    """
    ec2 = aws.client("ec2", region, "read")
    tagged = {"Name": "tag-key", "Values": [tags.DRILL]}
    found = [_made(one["InstanceId"], tags.of(one)) for one in _instances(ec2, tagged)]
    for operation, field, name, more in (
        ("describe_volumes", "Volumes", "VolumeId", {}),
        ("describe_images", "Images", "ImageId", {"Owners": ["self"]}),
        ("describe_snapshots", "Snapshots", "SnapshotId", {"OwnerIds": ["self"]}),
    ):
        with translated(operation, service="ec2"):
            for page in ec2.get_paginator(operation).paginate(Filters=[tagged], **more):
                found += [_made(one[name], tags.of(one)) for one in page[field]]
    if databases:
        found += [
            _made(name, mine) for name, one, mine in _databases(aws, region) if tags.DRILL in mine and not _leaves(one)
        ]
    return found


def _leaves(one: Mapping[str, Any]) -> bool:
    return "deleting" in {one.get("DBInstanceStatus"), one.get("Status")}


def _databases(aws: Aws, region: str) -> Iterator[tuple[str, Mapping[str, Any], dict[str, str]]]:
    """Yield all DB instances and clusters of a Region: the name, all that RDS tells, and the tags."""
    rds = aws.client("rds", region, "read")
    for operation, field, name in (
        ("describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
        ("describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    ):
        with translated(operation, service="rds"):
            for page in rds.get_paginator(operation).paginate():
                for one in page[field]:
                    yield one[name], one, {tag["Key"]: tag["Value"] for tag in one.get("TagList") or ()}


def _made(name: str, mine: Mapping[str, str]) -> Made:
    return Made(name, mine.get(tags.DRILL, ""), mine.get(tags.EFFECT, ""))
