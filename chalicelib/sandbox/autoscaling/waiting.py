"""Lifecycle hooks, and warm pools.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html and
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html
"""

from __future__ import annotations

from chalicelib.sandbox.autoscaling import living, machines
from chalicelib.sandbox.autoscaling.call import ScalingCall, refused
from chalicelib.sandbox.autoscaling.shapes import member_shape, pool_shape
from chalicelib.sandbox.autoscaling.things import (
    LAUNCH_HOOK,
    PENDING_WAIT,
    TERMINATE_HOOK,
    TERMINATING_WAIT,
    Hook,
    Member,
    Pool,
)
from chalicelib.sandbox.ec2.wire import Tree

WAITING = frozenset({PENDING_WAIT, TERMINATING_WAIT})
NAMED = ("NotificationTargetARN", "RoleARN", "NotificationMetadata")


def put_hook(call: ScalingCall) -> Tree:
    """Make a hook, or change it."""
    group, name = call.group(), call.required("LifecycleHookName")
    before = group.hooks.get(name)
    transition = call.text("LifecycleTransition") or (before.transition if before else "")
    if transition not in {LAUNCH_HOOK, TERMINATE_HOOK}:
        raise refused(f"Lifecycle Transition '{transition}' is not valid")
    timeout = call.number("HeartbeatTimeout") or (before.timeout_s if before else 3600)
    default = call.text("DefaultResult") or (before.default if before else "ABANDON")
    facts = {field: value for field in NAMED if (value := call.text(field))}
    group.hooks[name] = Hook(name, transition, timeout, default, facts)
    return {}


def delete_hook(call: ScalingCall) -> Tree:
    """Delete a hook; what waits for it goes on at its timeout."""
    if call.group().hooks.pop(call.required("LifecycleHookName"), None) is None:
        raise refused("No Lifecycle Hook found")
    return {}


def describe_hooks(call: ScalingCall) -> Tree:
    """List a group's hooks."""
    group, names = call.group(), set(call.members("LifecycleHookNames"))
    shown = [
        {
            "LifecycleHookName": hook.name,
            "AutoScalingGroupName": group.name,
            "LifecycleTransition": hook.transition,
            **hook.facts,
            "HeartbeatTimeout": hook.timeout_s,
            "GlobalTimeout": min(hook.timeout_s * 100, 172_800),
            "DefaultResult": hook.default,
        }
        for hook in group.hooks.values()
        if not names or hook.name in names
    ]
    return {"LifecycleHooks": shown}


def complete(call: ScalingCall) -> Tree:
    """Let what waits for a hook go on."""
    group, result = call.group(), call.required("LifecycleActionResult")
    if call.required("LifecycleHookName") not in group.hooks or result not in {"CONTINUE", "ABANDON"}:
        raise refused("No active Lifecycle Action found")
    instance_id, token = call.text("InstanceId"), call.text("LifecycleActionToken")
    named = [one for one in group.members.values() if one.instance_id == instance_id or (token and one.token == token)]
    there = [one for one in named if one.lifecycle in WAITING]
    if not there:
        raise refused(f"No active Lifecycle Action found with instance ID {instance_id}")
    for member in there:
        _go_on(call, member, result)
    living.live(call.sky, group)
    return {}


def _go_on(call: ScalingCall, member: Member, result: str) -> None:
    member.hook_result, member.until_s, member.token = result, call.sky.now_s, ""


def put_warm_pool(call: ScalingCall) -> Tree:
    """Make a warm pool, or change it; it is filled as time goes on."""
    group = call.group()
    state = call.text("PoolState") or "Stopped"
    if state not in {"Stopped", "Running", "Hibernated"}:
        raise refused(f"PoolState {state} is not valid")
    pool = group.pool or Pool()
    pool.minimum, pool.prepared = call.number("MinSize") or 0, call.number("MaxGroupPreparedCapacity")
    pool.state = state
    group.pool = pool
    living.live(call.sky, group)
    return {}


def describe_warm_pool(call: ScalingCall) -> Tree:
    """Describe a warm pool and who waits in it."""
    group = call.group()
    page, token = call.page(list(group.pool.members.values()) if group.pool else [])
    shown = [member_shape(one, group) for one in page]
    configuration = pool_shape(group.pool) if group.pool else None
    return {"WarmPoolConfiguration": configuration, "Instances": shown, "NextToken": token}


def delete_warm_pool(call: ScalingCall) -> Tree:
    """Delete a warm pool: who waits in it is terminated."""
    group = call.group()
    for member in group.pool.members.values() if group.pool else ():
        machines.end(call.sky, group.region, member.instance_id, call.sky.now_s)
    group.pool = None
    return {}
