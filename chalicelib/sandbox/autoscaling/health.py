"""Who is unwell: what EC2's status checks and a load balancer's checks say of an instance at this moment.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html
"""

from __future__ import annotations

from chalicelib.sandbox.autoscaling.things import Group, Member
from chalicelib.sandbox.shifts.things import arc
from chalicelib.sandbox.weather.sky import Sky


def dark(sky: Sky, region: str, zone: str, at_s: float) -> bool:
    """Whether a zone is dark and was so at an instant."""
    over = sky.darkness.over(region, zone)
    return over is not None and over.since_s <= at_s


def unwell(sky: Sky, group: Group, member: Member, at_s: float) -> bool:
    """Whether an instance fails EC2's status checks and its load balancer's: it is `sick`, or its zone is dark."""
    return member.instance_id in sky.settings.sick or dark(sky, group.region, member.zone, at_s)


def runs(sky: Sky, region: str, instance_id: str) -> bool:
    """Whether EC2 shows an instance as running, or on its way to that."""
    instance = sky.land(region).instances.get(instance_id)
    return instance is not None and instance.state_now[1] in {"pending", "running"}


def notice(sky: Sky, group: Group, member: Member, at_s: float) -> None:
    """Mark a member unhealthy when it has failed for long enough, outside its grace period. Never marks it healthy.

    An instance that does not run is unhealthy whatever the grace period.
    """
    if not group.runs("HealthCheck") or member.health != "Healthy":
        return
    stopped = not runs(sky, group.region, member.instance_id)
    if not stopped and not unwell(sky, group, member, at_s):
        member.failing_since_s = None
        return
    if member.failing_since_s is None:
        member.failing_since_s = at_s
    if at_s >= noticed_at(sky, group, member, stopped=stopped):
        member.health = "Unhealthy"


def noticed_at(sky: Sky, group: Group, member: Member, *, stopped: bool) -> float:
    """Return when the failing of a member is noticed."""
    noticed_s = (member.failing_since_s or 0.0) + sky.settings.scaling.notice_s
    return noticed_s if stopped else max(noticed_s, member.in_service_s + group.grace_s)


def shielded(sky: Sky, group: Group, member: Member) -> bool:
    """Whether an unhealthy member is left alone: its zone is shifted away from, and the group ignores what is there.

    Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-zonal-shift.html
    """
    ignores = group.impairment.get("ImpairedZoneHealthCheckBehavior") == "IgnoreUnhealthy"
    return ignores and member.zone_id in shifted(sky, group)


def shifted(sky: Sky, group: Group) -> set[str]:
    """Return the IDs of zones that traffic of an enrolled group is shifted away from."""
    return (
        arc(sky, group.region).away_from(group.arn, sky.now_s) if group.impairment.get("ZonalShiftEnabled") else set()
    )
