"""Zonal shifts of ARC, read: what can be shifted, and what is.

Source: https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_ListManagedResources.html, API_ListZonalShifts.html.
All of it is data plane and works while a zone does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches
from chalicelib.aws.targets import Balanced, load_balancers

SERVICE = "arc-zonal-shift"
GROUPS_AT_ONCE = 50  # names of one DescribeAutoScalingGroups


@dataclass(frozen=True)
class Managed:
    """A resource that traffic can be shifted for.

    Attributes:
        zones: The IDs of its zones.
        away: Those of them that it is shifted away from now, by people, by a practice run or by AWS (autoshift).
    """

    arn: str
    name: str
    zones: tuple[str, ...]
    away: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Shift:
    """An active shift."""

    id: str
    resource: str
    away_from: str
    expires_at: datetime
    comment: str


def managed_resources(aws: Aws, region: str) -> dict[str, Managed]:
    """List what is enabled for zonal shift, by ARN.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    with translated(f"managed resources in {region}", service=SERVICE):
        pages = aws.client(SERVICE, region).get_paginator("list_managed_resources").paginate()
        found = [each for page in pages for each in page["items"]]
    return {each["arn"]: _managed(each) for each in found if "arn" in each}


def _managed(told: Mapping[str, Any]) -> Managed:
    away = frozenset(zone for zone, weight in told.get("appliedWeights", {}).items() if not weight)
    return Managed(told["arn"], told.get("name", ""), tuple(told["availabilityZones"]), away)


def active_shifts(aws: Aws, region: str) -> list[Shift]:
    """List the shifts that last.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    with translated(f"zonal shifts in {region}", service=SERVICE):
        pages = aws.client(SERVICE, region).get_paginator("list_zonal_shifts").paginate(status="ACTIVE")
        found = [each for page in pages for each in page["items"]]
    return [shift_of(each) for each in found if each.get("shiftType", "ZONAL_SHIFT") == "ZONAL_SHIFT"]


def shift_of(shown: Mapping[str, Any]) -> Shift:
    """Read a shift as ARC shows it."""
    expires: datetime = shown["expiryTime"]
    return Shift(
        shown["zonalShiftId"],
        shown["resourceIdentifier"],
        shown["awayFrom"],
        expires.astimezone(UTC),
        shown.get("comment", ""),
    )


def shiftable(aws: Aws, region: str, managed: Iterable[str]) -> list[Balanced]:
    """Return load balancers, and those Auto Scaling groups that are managed, with their tags.

    Load balancers that are not enabled for zonal shift are there too: somebody may believe that they are.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    groups = [arn for arn in managed if ":autoscaling:" in arn]
    return [*load_balancers(aws, region), *_groups(aws, region, groups)]


def _groups(aws: Aws, region: str, arns: Iterable[str]) -> list[Balanced]:
    found: list[Balanced] = []
    for some in batches(sorted(arn.rsplit("autoScalingGroupName/", 1)[-1] for arn in arns), GROUPS_AT_ONCE):
        with translated(f"Auto Scaling groups in {region}", service="autoscaling"):
            pages = (
                aws.client("autoscaling", region)
                .get_paginator("describe_auto_scaling_groups")
                .paginate(AutoScalingGroupNames=some)
            )
            for group in (each for page in pages for each in page["AutoScalingGroups"]):
                tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", [])}
                found.append(Balanced(group["AutoScalingGroupARN"], group["AutoScalingGroupName"], tags))
    return found
