"""Launching and terminating a group's instances in the sandbox's EC2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.autoscaling import notices, targets
from chalicelib.sandbox.autoscaling.health import dark
from chalicelib.sandbox.autoscaling.things import (
    IN_SERVICE,
    LAUNCH_HOOK,
    PENDING,
    PENDING_WAIT,
    TERMINATE_HOOK,
    TERMINATING,
    TERMINATING_WAIT,
    Group,
    Hook,
    Member,
)
from chalicelib.sandbox.ec2 import capacity
from chalicelib.sandbox.ec2.wire import AwsError
from chalicelib.sandbox.weather.sky import Sky

NAME_TAG = "aws:autoscaling:groupName"
NEEDED = "An instance was started in response to a difference between desired and actual capacity."
WARM_SHARE = 0.3  # of the usual time that an instance of a warm pool takes to start: assumed


def launch(sky: Sky, group: Group, zone: str, at_s: float, lifecycle: str = PENDING) -> Member | None:
    """Start an instance in a zone, or return None when EC2 cannot: the zone is dark, or has no capacity.

    What the failed activity says: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-capacity.html
    """
    backend = sky.land(group.region).backend
    data, where = _template(backend, group), (zone, _subnet(backend, group, zone) or "")
    kind = data.get("InstanceType", "m6i.large")
    try:
        if dark(sky, group.region, zone, at_s):
            sky.books.fault("zone_dark")
            raise AwsError("InternalError", "An internal error has occurred", 500)
        capacity.check(sky, group.region, zone, kind)
    except AwsError as refused:
        said = (
            f"Could not launch On-Demand Instances. {refused.code} - {refused.message} Launching EC2 instance failed."
        )
        told = group.tell("Launching a new EC2 instance.", NEEDED, at_s, failed=said, where=where)
        notices.not_launched(sky, group, told)
        return None
    instance = _run(sky, group, zone, {**data, "InstanceType": kind})
    instance.started_at_s, instance.settled_at_s = at_s, at_s + sky.settings.instance_start_s
    instance.visible_at_s = at_s + sky.settings.visibility_s
    instance.launch_time = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
    there = zone_id(backend, zone)
    member = Member(instance.id, instance.instance_type, zone, there, lifecycle, at_s, instance.settled_at_s)
    member.protected = group.new_protected
    said = f"Launching a new EC2 instance: {instance.id}"
    member.launch = group.tell(said, NEEDED, at_s, instance_id=instance.id, where=where)
    return member


def _run(sky: Sky, group: Group, zone: str, data: dict[str, Any]) -> Any:
    backend = sky.land(group.region).backend
    reservation = backend.run_instances(
        data.get("ImageId", ""),
        1,
        None,
        [],
        region_name=group.region,
        is_instance_type_default=False,
        instance_type=data["InstanceType"],
        subnet_id=_subnet(backend, group, zone),
        placement=zone,
        security_group_ids=data.get("SecurityGroupIds", []),
        block_device_mappings=[],
        tags={"instance": {**{k: v for k, (v, told) in group.tags.items() if told}, NAME_TAG: group.name}},
    )
    [instance] = reservation.instances
    return instance


def from_pool(sky: Sky, group: Group, zones: list[str], at_s: float) -> Member | None:
    """Take an instance that waits in the warm pool, in one of these zones; it starts faster than a new one."""
    waiting = group.pool.members if group.pool else {}
    ready = [m for m in waiting.values() if m.lifecycle in {"Warmed:Stopped", "Warmed:Running"} and m.zone in zones]
    ready = [m for m in ready if not dark(sky, group.region, m.zone, at_s)]
    if not ready:
        return None
    member = min(ready, key=lambda one: (zones.index(one.zone), one.since_s, one.instance_id))
    del waiting[member.instance_id]
    instance = sky.land(group.region).instances[member.instance_id]
    if instance.state_now[1] == "stopped":
        instance.start()
    instance.started_at_s, instance.settled_at_s = at_s, at_s + sky.settings.instance_start_s * WARM_SHARE
    member.go(PENDING, at_s, instance.settled_at_s)
    member.protected = group.new_protected
    said = f"Launching a new EC2 instance from warm pool: {member.instance_id}"
    where = (member.zone, _subnet(sky.land(group.region).backend, group, member.zone) or "")
    member.origin = notices.WARM
    member.launch = group.tell(said, NEEDED, at_s, instance_id=member.instance_id, where=where)
    return member


def arrive(sky: Sky, group: Group, member: Member, at_s: float) -> None:
    """Let a launched member wait for its hook, or come into service."""
    hook = group.hook(LAUNCH_HOOK)
    if member.lifecycle == PENDING and hook:
        wait(sky, group, member, hook, at_s)
        return
    if member.hook_result == "ABANDON":
        leave(sky, group, member, at_s, "the lifecycle hook was abandoned")
        return
    member.go(IN_SERVICE, at_s)
    member.in_service_s, member.failing_since_s, member.hook_result = at_s, None, ""
    targets.register(sky, group, member, at_s)
    notices.launched(sky, group, member, at_s)


def leave(sky: Sky, group: Group, member: Member, at_s: float, cause: str) -> None:
    """Begin to terminate a member: first its hook, if the group has one and it was in service."""
    where = (member.zone, _subnet(sky.land(group.region).backend, group, member.zone) or "")
    said, why = f"Terminating EC2 instance: {member.instance_id}", f"At the request of: {cause}."
    member.leaving = group.tell(said, why, at_s, instance_id=member.instance_id, where=where)
    targets.deregister(sky, group, member, at_s)
    hook = group.hook(TERMINATE_HOOK)
    if hook and member.lifecycle != PENDING_WAIT:
        wait(sky, group, member, hook, at_s)
        return
    member.go(TERMINATING, at_s, at_s)


def wait(sky: Sky, group: Group, member: Member, hook: Hook, at_s: float) -> None:
    """Wait for a lifecycle action to be completed, or for its timeout."""
    lifecycle = PENDING_WAIT if hook.transition == LAUNCH_HOOK else TERMINATING_WAIT
    member.go(lifecycle, at_s, at_s + hook.timeout_s)
    member.hook_result = hook.default
    half = int(sky.draw("lifecycle", member.instance_id, lifecycle) * 2**48)
    member.token = f"{half >> 16:08x}-{half & 0xFFFF:04x}-4000-8000-{half:012x}"
    notices.waits(sky, group, member, hook, at_s)


def depart(sky: Sky, group: Group, member: Member, at_s: float) -> bool:
    """Go on with terminating; returns True when the instance is gone. In a dark zone nothing happens."""
    if dark(sky, group.region, member.zone, at_s):
        member.until_s = None
        notices.not_terminated(sky, group, member, at_s, "An internal error has occurred")
        return False
    if not member.sent:
        end(sky, group.region, member.instance_id, at_s)
        member.sent = True
        member.go(TERMINATING, at_s, at_s + sky.settings.instance_stop_s)
        return False
    return member.until_s is None or member.until_s <= at_s


def end(sky: Sky, region: str, instance_id: str, at_s: float) -> None:
    """Terminate an instance in EC2, unless somebody has already."""
    land = sky.land(region)
    instance = land.instances.get(instance_id)
    if instance is None or instance.state_now[1] in {"terminated", "shutting-down"}:
        return
    land.backend.terminate_instances([instance_id])
    instance.settled_at_s = at_s + sky.settings.instance_stop_s


def zone_id(backend: Any, zone: str) -> str:
    """Return the ID of a zone's name."""
    return str(backend.get_zone_by_name(zone).zone_id)


def _template(backend: Any, group: Group) -> dict[str, Any]:
    given = group.template
    found = backend.launch_templates.get(given.get("LaunchTemplateId", ""))
    if found is None:
        found = next(
            (one for one in backend.launch_templates.values() if one.name == given.get("LaunchTemplateName")), None
        )
    if found is None:
        return {}
    data: dict[str, Any] = found.get_version(given.get("Version") or "$Default").data
    return data


def _subnet(backend: Any, group: Group, zone: str) -> str | None:
    named = (backend.get_subnet(one) for one in group.subnets)
    return next((str(one.id) for one in named if one.availability_zone == zone), None)
