"""Whether groups are still as the evacuation of a zone left them.

Whoever applies a template again puts the zone back without knowing that it was left, and may remove the tags that
Lifeboat keeps on the group: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html.
Sizes and suspended processes are their owners' to change meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.actions.asg_return import ReturnZone
from chalicelib.actions.asg_zones import drift, earlier, listed, tags_for
from chalicelib.actions.base import StepContext
from chalicelib.aws.groups import ScalingGroup, by_name
from chalicelib.domain.change import Change

WATCHED = ReturnZone.name  # what a run owes for as long as a group is without its zone


def drifted(changes: Sequence[Change], ctx: StepContext) -> list[str]:
    """Say of each evacuated group how it is no longer as it was left; "" for one that is, or that is gone.

    A group that a run has returned is not asked about: that strikes out what was owed.

    Args:
        changes: Those that would return the groups.
        ctx: Reads only: DescribeAvailabilityZones, and DescribeAutoScalingGroups per 100, in each Region.

    Raises:
        ActionError: AWS refused a read.
    """
    groups = {
        region: by_name(ctx.aws, region, [str(change.params["group"]) for change in changes if change.region == region])
        for region in sorted({change.region for change in changes})
    }
    return [_said(groups[change.region].get(str(change.params["group"])), change) for change in changes]


def _said(group: ScalingGroup | None, change: Change) -> str:
    if group is None:
        return ""
    zone, told, tags = str(change.params["zone"]), drift(group, change), _of_tags(group, change)
    where = f"{group.resource} in {group.region}"
    if zone in group.zones or set(listed(change, "taken")) & set(group.subnets):
        there = sum(member.zone_id == zone for member in group.members)
        return (
            f"{where} launches in {zone} again, which it had left: {told}; {there} of its instances are there. {tags}"
            "Somebody has changed it since, perhaps by applying its template again. Take the zone out there too, and "
            "run the evacuation again; or, when the zone is well, return the group by asg.return_zone."
        )
    if tags:
        return f"{where} is without {zone}, and asg.return_zone does not find how to return it. {tags}".rstrip()
    if told:
        return (
            f"{where}, which left {zone}, was changed since: {told}. It does not return by itself like that: correct "
            "it, or return it with `even_if_changed: true`."
        )
    return ""


def _of_tags(group: ScalingGroup, change: Change) -> str:
    zone, before = str(change.params["zone"]), listed(change, "before")
    kept = earlier(group, zone)
    if set(kept) == set(before):
        return ""
    names = " and ".join(tags_for(zone, before))
    has = f"tell of {', '.join(kept)}" if kept else "are gone"
    return f"Its tags that tell its subnets of before ({names}) {has}. They were {', '.join(before)}. "
