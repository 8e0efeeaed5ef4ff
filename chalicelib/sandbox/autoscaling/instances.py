"""What is done to single instances of groups.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html and its
neighbours. Terminating by hand minds neither protection nor Standby; putting on Standby minds the minimum.
"""

from __future__ import annotations

from chalicelib.sandbox.autoscaling import living, machines, targets
from chalicelib.sandbox.autoscaling.call import ScalingCall, refused
from chalicelib.sandbox.autoscaling.shapes import activity_shape, instance_shape
from chalicelib.sandbox.autoscaling.things import IN_SERVICE, LEAVING, STANDBY, Group, Member
from chalicelib.sandbox.ec2.wire import Tree


def describe(call: ScalingCall) -> Tree:
    """List instances of groups; those that no group has are left out."""
    wanted = set(call.members("InstanceIds"))
    every = [(member, group) for group in call.land.groups.values() for member in group.members.values()]
    page, token = call.page([one for one in every if not wanted or one[0].instance_id in wanted])
    return {"AutoScalingInstances": [instance_shape(*one) for one in page], "NextToken": token}


def set_health(call: ScalingCall) -> Tree:
    """Say how an instance is, within its grace period only when told not to mind that."""
    group, member = call.member(call.required("InstanceId"))
    call.reach(member)
    health = call.required("HealthStatus")
    if health not in {"Healthy", "Unhealthy"}:
        raise refused(f"HealthStatus {health} is not one of Healthy, Unhealthy")
    if member.lifecycle in LEAVING:
        return {}
    graceful = call.yes("ShouldRespectGracePeriod", default=True)
    if health == "Unhealthy" and graceful and call.sky.now_s < member.in_service_s + group.grace_s:
        return {}
    member.health, member.failing_since_s = health, None
    living.live(call.sky, group)
    return {}


def terminate(call: ScalingCall) -> Tree:
    """Terminate one instance; without a decrement another one is launched."""
    group, member = call.member(call.required("InstanceId"))
    call.reach(member)
    if member.lifecycle in LEAVING:
        raise refused(f"Instance {member.instance_id} is not in a state in which it can be terminated")
    if call.yes("ShouldDecrementDesiredCapacity"):
        if group.desired - 1 < group.minimum:
            raise refused("Currently, desiredSize equals minSize. Terminating instance without replacement will fail.")
        group.desired -= 1
    machines.leave(call.sky, group, member, call.sky.now_s, "a user request")
    told = activity_shape(group.activities[-1], group)
    living.live(call.sky, group)
    return {"Activity": {**told, "StatusCode": "InProgress", "EndTime": None, "Progress": 0}}


def enter_standby(call: ScalingCall) -> Tree:
    """Take instances out of service without terminating them."""
    group = call.group()
    there = _named(call, group)
    decrement = call.yes("ShouldDecrementDesiredCapacity")
    if any(one.lifecycle != IN_SERVICE for one in there):
        raise refused("The instances are not in InService.")
    if decrement and group.desired - len(there) < group.minimum:
        raise refused(
            f"AutoScalingGroup {group.name} has min-size={group.minimum}, max-size={group.maximum}, and "
            f"desired-size={group.desired}. To place into standby {len(there)} instance(s), update the min-size."
        )
    group.desired -= len(there) if decrement else 0
    return _moved(call, group, there, STANDBY, "Moving EC2 instance to Standby")


def exit_standby(call: ScalingCall) -> Tree:
    """Put instances back into service; the desired capacity grows with them."""
    group = call.group()
    there = _named(call, group)
    if any(one.lifecycle != STANDBY for one in there):
        raise refused("The instances are not in Standby.")
    if group.desired + len(there) > group.maximum:
        raise refused(f"AutoScalingGroup {group.name} would be above its max-size={group.maximum}.")
    group.desired += len(there)
    return _moved(call, group, there, IN_SERVICE, "Moving EC2 instance out of Standby")


def protect(call: ScalingCall) -> Tree:
    """Protect instances from scale-in, or no longer."""
    group = call.group()
    for member in _named(call, group):
        member.protected = call.yes("ProtectedFromScaleIn")
    living.live(call.sky, group)
    return {}


def _moved(call: ScalingCall, group: Group, there: list[Member], lifecycle: str, said: str) -> Tree:
    told = []
    for member in there:
        call.reach(member)
        member.go(lifecycle, call.sky.now_s)
        member.in_service_s, member.failing_since_s = call.sky.now_s, None
        tell = targets.register if lifecycle == IN_SERVICE else targets.deregister
        tell(call.sky, group, member, call.sky.now_s)
        group.tell(f"{said}: {member.instance_id}", "At the request of a user.", call.sky.now_s)
        told.append(activity_shape(group.activities[-1], group))
    living.live(call.sky, group)
    return {"Activities": told}


def _named(call: ScalingCall, group: Group) -> list[Member]:
    named = [str(one) for one in call.members("InstanceIds")]
    unknown = [one for one in named if one not in group.members]
    if unknown or not named:
        raise refused(f"The instance {', '.join(unknown)} is not part of Auto Scaling group {group.name}.")
    return [group.members[one] for one in named]
