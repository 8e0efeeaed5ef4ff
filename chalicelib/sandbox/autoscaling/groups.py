"""Making, changing and describing groups.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html and its neighbours.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.autoscaling import living, machines, targets
from chalicelib.sandbox.autoscaling.call import ScalingCall, refused
from chalicelib.sandbox.autoscaling.shapes import activity_shape, group_shape
from chalicelib.sandbox.autoscaling.things import PROCESSES, Group
from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.shifts.things import arc, manage

BEHAVIORS = ("ReplaceUnhealthy", "IgnoreUnhealthy")
NAMES = 50  # of groups in one request that does not say MaxRecords
# Fields that are kept and shown, and with which nothing is done.
KEPT = ("Context", "CapacityRebalance", "MaxInstanceLifetime", "DefaultInstanceWarmup", "DesiredCapacityType")


def create(call: ScalingCall) -> Tree:
    """Make a group; it launches at once."""
    name = call.required("AutoScalingGroupName")
    if name in call.land.groups:
        raise AwsError("AlreadyExists", f"AutoScalingGroup by this name already exists - {name}")
    minimum, maximum = call.number("MinSize"), call.number("MaxSize")
    if minimum is None or maximum is None:
        raise refused("MinSize and MaxSize are needed")
    sky = call.sky
    desired = call.number("DesiredCapacity")
    group = Group(
        name,
        call.land.region,
        sky.next_serial(),
        sky.now_s,
        minimum,
        maximum,
        minimum if desired is None else desired,
        {},
        upto_s=sky.now_s,
    )
    group.target_groups = [str(one) for one in call.members("TargetGroupARNs")]
    group.tags = {
        tag["Key"]: (tag.get("Value", ""), tag.get("PropagateAtLaunch") == "true") for tag in call.members("Tags")
    }
    _change(call, group)
    if not group.subnets:
        raise refused("The sandbox plays groups in subnets only: VPCZoneIdentifier is needed")
    call.land.groups[name] = group
    living.live(sky, group)
    return {}


def update(call: ScalingCall) -> Tree:
    """Change a group; what is left out stays."""
    group = call.group()
    _change(call, group)
    living.live(call.sky, group)
    return {}


def _change(call: ScalingCall, group: Group) -> None:
    subnets = _subnets(call)
    _sizes(call, group)
    if subnets is not None:
        group.subnets, group.zones = subnets
    given = call.form.get("LaunchTemplate")
    if isinstance(given, dict):
        group.template = _template(call, given)
    group.health_type = call.text("HealthCheckType") or group.health_type
    grace = call.number("HealthCheckGracePeriod")
    group.grace_s = group.grace_s if grace is None else grace
    group.new_protected = call.yes("NewInstancesProtectedFromScaleIn", default=group.new_protected)
    group.facts |= {name: call.text(name) for name in KEPT if call.text(name) is not None}
    _impairment(call, group)


def _sizes(call: ScalingCall, group: Group) -> None:
    minimum, maximum, desired = (call.number(name) for name in ("MinSize", "MaxSize", "DesiredCapacity"))
    low = group.minimum if minimum is None else minimum
    high = group.maximum if maximum is None else maximum
    if low > high:
        raise refused(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
    if desired is not None and not low <= desired <= high:
        raise refused(f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}")
    wanted = group.desired if desired is None else desired
    group.minimum, group.maximum, group.desired = low, high, min(max(wanted, low), high)


def _subnets(call: ScalingCall) -> tuple[list[str], list[str]] | None:
    text = call.text("VPCZoneIdentifier")
    if text is None:
        return None
    backend = call.sky.land(call.land.region).backend
    named = [one.strip() for one in text.split(",") if one.strip()]
    known = {one.id: one.availability_zone for some in backend.subnets.values() for one in some.values()}
    unknown = [one for one in named if one not in known]
    if unknown or not named:
        raise refused(f"The subnet ID '{', '.join(unknown)}' does not exist")
    return named, sorted({str(known[one]) for one in named})


def _template(call: ScalingCall, given: dict[str, Any]) -> dict[str, str]:
    backend = call.sky.land(call.land.region).backend
    named = given.get("LaunchTemplateId"), given.get("LaunchTemplateName")
    found = next((one for one in backend.launch_templates.values() if one.id in named or one.name in named), None)
    if found is None:
        raise refused(
            "You must use a valid fully-formed launch template. The specified launch template does not exist."
        )
    version = str(given.get("Version") or "$Default")
    return {"LaunchTemplateId": found.id, "LaunchTemplateName": found.name, "Version": version}


def _impairment(call: ScalingCall, group: Group) -> None:
    given = call.form.get("AvailabilityZoneImpairmentPolicy")
    if not isinstance(given, dict):
        return
    enabled = str(given.get("ZonalShiftEnabled", "")).lower() == "true"
    behavior = given.get("ImpairedZoneHealthCheckBehavior") or group.impairment.get("ImpairedZoneHealthCheckBehavior")
    if enabled and behavior not in BEHAVIORS:
        raise refused("ImpairedZoneHealthCheckBehavior is needed when zonal shift is enabled")
    group.impairment = {"ZonalShiftEnabled": enabled}
    if behavior:
        group.impairment["ImpairedZoneHealthCheckBehavior"] = behavior
    managed = arc(call.sky, group.region).managed
    if enabled:
        backend = call.sky.land(group.region).backend
        zones = tuple(machines.zone_id(backend, zone) for zone in group.zones)
        manage(call.sky, group.region, group.arn, group.name, zones)
    else:
        managed.pop(group.arn, None)


def describe(call: ScalingCall) -> Tree:
    """List groups, by name or by tag."""
    names = set(call.members("AutoScalingGroupNames"))
    if len(names) > (call.number("MaxRecords") or NAMES):
        raise refused(f"{len(names)} AutoScalingGroupNames are more than MaxRecords, which is {NAMES} unless given")
    there = [one for name, one in sorted(call.land.groups.items()) if not names or name in names]
    page, token = call.page([one for one in there if _fits(one, call.filters())])
    whole = call.yes("IncludeInstances", default=True)
    return {"AutoScalingGroups": [group_shape(one, with_instances=whole) for one in page], "NextToken": token}


def _fits(group: Group, filters: dict[str, list[str]]) -> bool:
    for name, values in filters.items():
        if name.startswith("tag:"):
            there = [group.tags[name[4:]][0]] if name[4:] in group.tags else []
        elif name in {"tag-key", "tag-value"}:
            there = [k if name == "tag-key" else value for k, (value, _) in group.tags.items()]
        else:
            raise refused(f"Filter name '{name}' is not valid")
        if not set(there) & set(values):
            return False
    return True


def set_desired(call: ScalingCall) -> Tree:
    """Set the desired capacity, within the bounds."""
    group, wanted = call.group(), call.number("DesiredCapacity")
    if wanted is None:
        raise refused("DesiredCapacity is needed")
    if not group.minimum <= wanted <= group.maximum:
        side, bound = ("below min", group.minimum) if wanted < group.minimum else ("above max", group.maximum)
        raise refused(f"New SetDesiredCapacity value {wanted} is {side} value {bound} for the AutoScalingGroup.")
    group.desired = wanted
    living.live(call.sky, group)
    return {}


def suspend(call: ScalingCall) -> Tree:
    """Suspend processes; without names all of them."""
    group = call.group()
    at = call.sky.clock.iso(timespec="seconds")
    for name in _processes(call):
        group.suspended.setdefault(name, f"User suspended at {at}")
    return {}


def resume(call: ScalingCall) -> Tree:
    """Let processes go on; without names all of them."""
    group = call.group()
    for name in _processes(call):
        group.suspended.pop(name, None)
    living.live(call.sky, group)
    return {}


def _processes(call: ScalingCall) -> list[str]:
    named = [str(one) for one in call.members("ScalingProcesses")] or list(PROCESSES)
    for name in named:
        if name not in PROCESSES:
            raise refused(f"{name} is not a valid Scaling Process")
    return named


def activities(call: ScalingCall) -> Tree:
    """List activities, the newest first."""
    named = call.text("AutoScalingGroupName")
    groups = [call.group(named)] if named else list(call.land.groups.values())
    every = [(activity, group) for group in groups for activity in group.activities]
    newest = sorted(every, key=lambda one: -one[0].serial)
    wanted = set(call.members("ActivityIds"))
    shown = [activity_shape(activity, group) for activity, group in newest]
    page, token = call.page([one for one in shown if not wanted or one["ActivityId"] in wanted], 100)
    return {"Activities": page, "NextToken": token}


def attach_target_groups(call: ScalingCall) -> Tree:
    """Attach target groups: members in service are registered in them."""
    group = call.group()
    for arn in call.members("TargetGroupARNs"):
        if arn not in group.target_groups:
            group.target_groups.append(str(arn))
    for member in group.serving():
        targets.register(call.sky, group, member, call.sky.now_s)
    return {}


def describe_target_groups(call: ScalingCall) -> Tree:
    """List a group's target groups."""
    page, token = call.page(call.group().target_groups, 100)
    shown = [{"LoadBalancerTargetGroupARN": arn, "State": "InService"} for arn in page]
    return {"LoadBalancerTargetGroups": shown, "NextToken": token}
