"""The Auto Scaling operations that the sandbox answers; every other one is refused: moto's knows nothing of these."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.autoscaling import groups, instances, tagging, waiting
from chalicelib.sandbox.autoscaling.call import ScalingCall
from chalicelib.sandbox.ec2.wire import AwsError, Tree

Operation = Callable[[ScalingCall], Tree]

OPERATIONS: dict[str, Operation] = {
    "AttachLoadBalancerTargetGroups": groups.attach_target_groups,
    "CompleteLifecycleAction": waiting.complete,
    "CreateAutoScalingGroup": groups.create,
    "CreateOrUpdateTags": tagging.put,
    "DeleteLifecycleHook": waiting.delete_hook,
    "DeleteTags": tagging.delete,
    "DeleteWarmPool": waiting.delete_warm_pool,
    "DescribeAutoScalingGroups": groups.describe,
    "DescribeAutoScalingInstances": instances.describe,
    "DescribeLifecycleHooks": waiting.describe_hooks,
    "DescribeLoadBalancerTargetGroups": groups.describe_target_groups,
    "DescribeScalingActivities": groups.activities,
    "DescribeTags": tagging.describe,
    "DescribeWarmPool": waiting.describe_warm_pool,
    "EnterStandby": instances.enter_standby,
    "ExitStandby": instances.exit_standby,
    "PutLifecycleHook": waiting.put_hook,
    "PutWarmPool": waiting.put_warm_pool,
    "ResumeProcesses": groups.resume,
    "SetDesiredCapacity": groups.set_desired,
    "SetInstanceHealth": instances.set_health,
    "SetInstanceProtection": instances.protect,
    "SuspendProcesses": groups.suspend,
    "TerminateInstanceInAutoScalingGroup": instances.terminate,
    "UpdateAutoScalingGroup": groups.update,
}


def perform(call: ScalingCall) -> Tree:
    """Carry out a call.

    Raises:
        AwsError: Auto Scaling refuses it, or the sandbox does not play it.
        Hung: it acts on something in a dark zone and is never answered.
    """
    if call.operation not in OPERATIONS:
        raise AwsError("InvalidAction", f"The sandbox does not play autoscaling:{call.operation}.")
    return OPERATIONS[call.operation](call)
