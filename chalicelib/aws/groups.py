"""Auto Scaling groups as AWS describes them, read in pages and filtered on the server.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingGroups.html (pages of up to 100,
filters by tag; as many names as MaxRecords says, 50 without it; a name that does not exist is left out, not an error).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.aws import tags
from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches
from chalicelib.aws.zones import Zones, read_zones

PAGE = 100
NAMES = PAGE  # in one request: 50, or as many as it asks for per page
LAST = 20  # scaling activities that are looked at
IN_SERVICE = "InService"
SERVICE = "autoscaling"


@dataclass(frozen=True)
class Member:
    """One instance of a group. `healthy` is what the group itself says."""

    instance_id: str
    zone_id: str
    lifecycle: str
    healthy: bool
    protected: bool = False

    @property
    def serves(self) -> bool:
        """True when the group has it in service."""
        return self.lifecycle == IN_SERVICE


@dataclass(frozen=True)
class ScalingGroup:
    """A group.

    Attributes:
        arn: What ARC calls it.
        subnets: The subnets in which it launches, as it lists them.
        zones: The IDs of the zones in which it launches.
        suspended: The names of its suspended processes.
        grace_s: How long the health of a new instance does not count.
        shifts: True when it is enrolled in zonal shift.
        ignores: True when it leaves unhealthy instances of a zone alone that traffic is shifted away from.
    """

    name: str
    region: str
    minimum: int
    maximum: int
    desired: int
    subnets: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    suspended: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    grace_s: int = 0
    target_groups: tuple[str, ...] = ()
    shifts: bool = False
    ignores: bool = False
    arn: str = ""

    @property
    def resource(self) -> str:
        """What an operator calls it: `asg:web`."""
        return f"asg:{self.name}"

    @property
    def serving(self) -> tuple[Member, ...]:
        """The members in service."""
        return tuple(one for one in self.members if one.serves)

    def member(self, instance_id: str) -> Member | None:
        """Return one member."""
        return next((one for one in self.members if one.instance_id == instance_id), None)


def groups(
    aws: Aws,
    region: str,
    *,
    wanted: Mapping[str, str | list[str]] | None = None,
    names: Sequence[str] = (),
    zones: Zones | None = None,
) -> list[ScalingGroup]:
    """List groups by tag, or by name, or those that fit both; sorted by name.

    Raises:
        ActionError: AWS refused a read.
    """
    zones = zones or read_zones(aws, region)
    filters = [{"Name": f"tag:{k}", "Values": [v] if isinstance(v, str) else v} for k, v in (wanted or {}).items()]
    found = []
    for some in batches(sorted(set(names)), NAMES) if names else [[]]:
        asked: dict[str, Any] = {"AutoScalingGroupNames": some} if some else {}
        if filters:
            asked["Filters"] = filters
        with translated(f"Auto Scaling groups in {region}", service=SERVICE):
            pages = aws.client(SERVICE, region).get_paginator("describe_auto_scaling_groups")
            found += [
                one
                for page in pages.paginate(**asked, PaginationConfig={"PageSize": PAGE})
                for one in page["AutoScalingGroups"]
            ]
    return sorted((_group(one, region, zones) for one in found), key=lambda one: one.name)


def by_name(aws: Aws, region: str, names: Iterable[str]) -> dict[str, ScalingGroup]:
    """Return groups by name; those that are gone are left out."""
    wanted = sorted(set(names))
    return {one.name: one for one in groups(aws, region, names=wanted)} if wanted else {}


def subnet_zones(aws: Aws, region: str, subnets: Iterable[str]) -> dict[str, str]:
    """Return the zone ID of each subnet; those that are gone are left out."""
    found: dict[str, str] = {}
    for some in batches(sorted(set(subnets))):
        with translated(f"subnets in {region}"):
            pages = aws.ec2(region).get_paginator("describe_subnets")
            for page in pages.paginate(Filters=[{"Name": "subnet-id", "Values": some}]):
                found |= {one["SubnetId"]: one["AvailabilityZoneId"] for one in page["Subnets"]}
    return found


def last_failure(aws: Aws, region: str, group: str, since: datetime) -> str:
    """Return what the newest scaling activity of a group that failed since then says; "" when none of the last did.

    Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-verify-scaling-activity.html (the newest first).
    """
    with translated(f"the scaling activities of {group} in {region}", service=SERVICE):
        told = aws.client(SERVICE, region).describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=LAST)
    failed = [one for one in told["Activities"] if one["StatusCode"] == "Failed" and one["StartTime"] >= since]
    return str(failed[0].get("StatusMessage", "")) if failed else ""


def tag_of(group: str, key: str, value: str | None = None) -> dict[str, Any]:
    """Return a tag of a group as AWS takes it; without a value as DeleteTags does."""
    tag = {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key, "PropagateAtLaunch": False}
    return tag if value is None else {**tag, "Value": value}


def _group(told: Mapping[str, Any], region: str, zones: Zones) -> ScalingGroup:
    policy = told.get("AvailabilityZoneImpairmentPolicy") or {}
    return ScalingGroup(
        name=told["AutoScalingGroupName"],
        region=region,
        minimum=told["MinSize"],
        maximum=told["MaxSize"],
        desired=told["DesiredCapacity"],
        subnets=tuple(one.strip() for one in told.get("VPCZoneIdentifier", "").split(",") if one.strip()),
        zones=tuple(sorted(zones.id_of(one) for one in told.get("AvailabilityZones", []))),
        members=tuple(_member(one, zones) for one in told.get("Instances", [])),
        suspended=frozenset(one["ProcessName"] for one in told.get("SuspendedProcesses", [])),
        tags=tags.of(told),
        grace_s=told.get("HealthCheckGracePeriod", 0),
        target_groups=tuple(told.get("TargetGroupARNs", [])),
        shifts=bool(policy.get("ZonalShiftEnabled")),
        ignores=policy.get("ImpairedZoneHealthCheckBehavior") == "IgnoreUnhealthy",
        arn=told.get("AutoScalingGroupARN", ""),
    )


def _member(told: Mapping[str, Any], zones: Zones) -> Member:
    return Member(
        told["InstanceId"],
        told.get("AvailabilityZoneId") or zones.id_of(told["AvailabilityZone"]),
        told["LifecycleState"],
        told["HealthStatus"].lower() == "healthy",
        bool(told.get("ProtectedFromScaleIn")),
    )
