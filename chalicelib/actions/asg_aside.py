"""Unwell instances that are left alone for where they are: in a zone that its group, or its traffic, has left.

* A group that is enrolled in zonal shift with `IgnoreUnhealthy` replaces nothing in a zone that it is shifted away
  from; with `ReplaceUnhealthy` it does, and launches in other zones only:
  https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-zonal-shift.html
* What is left in a zone that `asg.evacuate_zone` took out of a group, the group's rebalancing brings over.
* An instance whose load balancer is shifted away from its zone gets no traffic. Its health goes on being checked, and
  counts; but replacing it helps nobody, and a group that is not shifted itself would launch in the same zone again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chalicelib.actions.asg_health import Health
from chalicelib.actions.asg_zones import evacuated
from chalicelib.aws.clients import Aws
from chalicelib.aws.groups import Member, ScalingGroup
from chalicelib.aws.shifts import Managed, managed_resources

READ = "arc-zonal-shift:ListManagedResources"


def with_aside(aws: Aws, region: str, groups: Iterable[ScalingGroup], health: Health) -> Health:
    """Return what was found of health with who is left alone, and why.

    One ListManagedResources, and only when an instance of a group that is enrolled in zonal shift is unwell.

    Raises:
        ActionError: AWS refused the read.
    """
    unwell = [(group, one) for group in groups for one in group.serving if one.instance_id in health.unwell]
    managed = managed_resources(aws, region) if any(group.shifts for group, _ in unwell) else {}
    found = {one.instance_id: _why(group, one, health, managed) for group, one in unwell}
    return replace(health, aside={instance: why for instance, why in found.items() if why})


def left_to_evacuation(group: ScalingGroup, member: Member) -> str:
    """Say that a zone was taken out of the group; "" when it was not."""
    if member.zone_id not in evacuated(group):
        return ""
    return f"{member.zone_id} was taken out of the group, whose rebalancing brings over what is left there"


def _why(group: ScalingGroup, member: Member, health: Health, managed: Mapping[str, Managed]) -> str:
    zone, mine = member.zone_id, managed.get(group.arn) if group.shifts else None
    if left_to_evacuation(group, member):
        return left_to_evacuation(group, member)
    if mine and zone in mine.away:
        return f"the group is shifted away from {zone}, and set to IgnoreUnhealthy there" if group.ignores else ""
    if member.instance_id in health.overridden:
        return f"its load balancer is shifted away from {zone}, so it gets no traffic; end the shift to replace it"
    return ""
