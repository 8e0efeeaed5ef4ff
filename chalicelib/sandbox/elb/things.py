"""Load balancers and target groups. Health is a function of time, darkness, the instance's state and the knob `sick`.

States and reasons: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chalicelib.sandbox.weather.sky import Sky

UNHEALTHY_AFTER_S = 20.0  # two failed checks, ten seconds apart
HEALTHY_AFTER_S = 50.0  # five good checks, ten seconds apart
DRAINS_S = 300.0  # the default of deregistration_delay.timeout_seconds

Health = tuple[str, str, str]  # state, reason, description


@dataclass
class Member:
    """A target of a group. `leaving_s` is when it was taken out."""

    instance_id: str
    port: int
    since_s: float
    leaving_s: float | None = None


@dataclass
class Group:
    """A target group of instances."""

    name: str
    region: str
    arn: str
    port: int
    vpc_id: str
    balancer: str  # ARN
    tags: dict[str, str] = field(default_factory=dict)
    members: dict[tuple[str, int], Member] = field(default_factory=dict)


@dataclass
class Balancer:
    """A load balancer; `zones` maps zone name to subnet."""

    name: str
    region: str
    arn: str
    vpc_id: str
    zones: dict[str, str]
    born_s: float
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Front:
    """What Elastic Load Balancing keeps in one Region, by ARN."""

    region: str
    balancers: dict[str, Balancer] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


def front(sky: Sky, region: str) -> Front:
    """Return what Elastic Load Balancing keeps in a Region."""
    found: Front = sky.fronts.setdefault(region, Front(region))
    return found


def let_go(sky: Sky, group: Group) -> None:
    """Drop the targets that have drained, and those whose instance is terminated. Idempotent."""
    instances = sky.land(group.region).instances
    for key, member in list(group.members.items()):
        instance = instances.get(member.instance_id)
        drained = member.leaving_s is not None and sky.now_s >= member.leaving_s + DRAINS_S
        if drained or instance is None or instance.state_now[1] == "terminated":
            del group.members[key]


def health_of(sky: Sky, group: Group, member: Member) -> Health:
    """Return how a target is now."""
    instance = sky.land(group.region).instances[member.instance_id]
    state = instance.state_now[1]
    if member.leaving_s is not None:
        return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
    if state in {"stopped", "stopping", "shutting-down"}:
        return "unused", "Target.InvalidState", "Target is in the stopped state"
    if state == "pending":
        return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
    if member.instance_id in sky.settings.sick:
        return "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"
    return _by_zone(sky, group.region, member, instance)


def _by_zone(sky: Sky, region: str, member: Member, instance: Any) -> Health:
    began_s = max(member.since_s, instance.settled_at_s)
    dark = sky.darkness.over(region, instance.availability_zone)
    lifted_s = sky.darkness.lifted.get((region, instance.availability_zone), 0.0)
    if dark and sky.now_s >= max(began_s, dark.since_s) + UNHEALTHY_AFTER_S:
        return "unhealthy", "Target.Timeout", "Request timed out"
    if not dark and began_s <= lifted_s and sky.now_s < lifted_s + HEALTHY_AFTER_S:
        return "unhealthy", "Target.Timeout", "Request timed out"
    if sky.now_s < began_s + HEALTHY_AFTER_S:
        return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
    return "healthy", "", ""
