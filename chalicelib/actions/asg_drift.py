"""Whether groups are still as the evacuation of a zone left them.

Whoever applies a template again puts the zone back without knowing that it was left:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.actions.asg_return import ReturnZone
from chalicelib.actions.asg_zones import drift, earlier, listed
from chalicelib.actions.base import StepContext
from chalicelib.aws.groups import ScalingGroup, by_name, subnet_zones
from chalicelib.domain.change import Change

WATCHED = ReturnZone.name  # what a run owes for as long as a group is without its zone


def drifted(changes: Sequence[Change], ctx: StepContext) -> list[str]:
    """Say of each evacuated group how it is no longer as it was left; "" for one that is, was returned, or is gone.

    Args:
        changes: Those that would return the groups.
        ctx: Reads only: DescribeAvailabilityZones and DescribeAutoScalingGroups per 50 in each Region, and
            DescribeSubnets where a group has subnets that it had not.

    Raises:
        ActionError: AWS refused a read.
    """
    said: dict[int, str] = {}
    for region in sorted({change.region for change in changes}):
        here = [(number, change) for number, change in enumerate(changes) if change.region == region]
        groups = by_name(ctx.aws, region, [str(change.params["group"]) for _, change in here])
        there = [
            (number, change, groups[name]) for number, change in here if (name := change.params["group"]) in groups
        ]
        new = {
            subnet for _, change, group in there for subnet in group.subnets if subnet not in listed(change, "before")
        }
        where = subnet_zones(ctx.aws, region, new) if new else {}
        said |= {
            number: _said(group, change, {one for one in new if where.get(one) == change.params["zone"]})
            for number, change, group in there
        }
    return [said.get(number, "") for number in range(len(changes))]


def _said(group: ScalingGroup, change: Change, in_zone: set[str]) -> str:
    zone, taken = str(change.params["zone"]), set(listed(change, "taken"))
    if not earlier(group, zone):
        if taken <= set(group.subnets):
            return ""
        kept = ", ".join(listed(change, "before"))
        return (
            f"{group.resource} in {group.region} is without {zone}, and the tags that tell its subnets of before are "
            f"gone, so asg.return_zone does not find it. They were {kept}: give it these when the zone is well."
        )
    told = drift(group, change)
    if not told:
        return ""
    if taken & set(group.subnets) or in_zone & set(group.subnets):
        return (
            f"{group.resource} in {group.region} launches in {zone} again, which it had left: {told}. Somebody has "
            "changed it since, perhaps by applying its template again. Take the zone out there too, and run the "
            "evacuation again; or, when the zone is well, return the group by asg.return_zone."
        )
    return (
        f"{group.resource} in {group.region}, which left {zone}, was changed since: {told}. It does not return by "
        "itself like that: correct it, or return it with `even_if_changed: true`."
    )
