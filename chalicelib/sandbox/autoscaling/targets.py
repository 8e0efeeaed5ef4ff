"""A group's instances as targets of load balancers: registered when in service, taken out before they are terminated.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-load-balancer-asg.html
"""

from __future__ import annotations

from chalicelib.sandbox.autoscaling.things import Group, Member
from chalicelib.sandbox.elb.things import Group as TargetGroup
from chalicelib.sandbox.elb.things import Member as Registered
from chalicelib.sandbox.elb.things import front
from chalicelib.sandbox.weather.sky import Sky


def register(sky: Sky, group: Group, member: Member, at_s: float) -> None:
    """Register a member in its group's target groups, those that exist. Twice is once."""
    for there in _of(sky, group):
        key = (member.instance_id, there.port)
        before = there.members.get(key)
        if group.runs("AddToLoadBalancer") and (before is None or before.leaving_s is not None):
            there.members[key] = Registered(*key, since_s=at_s)


def deregister(sky: Sky, group: Group, member: Member, at_s: float) -> None:
    """Take a member out of its group's target groups: connections drain."""
    for there in _of(sky, group):
        found = there.members.get((member.instance_id, there.port))
        if found is not None and found.leaving_s is None:
            found.leaving_s = at_s


def _of(sky: Sky, group: Group) -> list[TargetGroup]:
    known = front(sky, group.region).groups
    return [known[arn] for arn in group.target_groups if arn in known]
