"""Auto Scaling's events in AWS's shapes, on a best-effort basis as AWS says: the weather may lose them.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html. A launch is told
when its instance is in service (or waits in the warm pool), a termination when its instance is gone; what fails, at
once.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.sandbox.autoscaling.things import LAUNCH_HOOK, Activity, Group, Hook, Member
from chalicelib.sandbox.ec2.notices import uuid_of
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

METADATA = "NotificationMetadata"
EC2, GROUP, WARM = "EC2", "AutoScalingGroup", "WarmPool"


def launched(sky: Sky, group: Group, member: Member, at_s: float, to: str = GROUP) -> None:
    """Tell that an instance is in service, or in the warm pool."""
    if member.launch:
        _of_activity(sky, group, member.launch, "Launch Successful", at_s, (member.origin, to))


def not_launched(sky: Sky, group: Group, activity: Activity) -> None:
    """Tell that EC2 refused a launch: there is no instance."""
    _of_activity(sky, group, activity, "Launch Unsuccessful", activity.began_s, (EC2, GROUP))


def terminated(sky: Sky, group: Group, member: Member, at_s: float) -> None:
    """Tell that an instance is gone."""
    if member.leaving:
        _of_activity(sky, group, member.leaving, "Terminate Successful", at_s, (GROUP, EC2))


def not_terminated(sky: Sky, group: Group, member: Member, at_s: float, why: str) -> None:
    """Tell, once, that EC2 does not terminate an instance."""
    if member.leaving and not member.leaving.message:
        member.leaving.message = why
        _of_activity(sky, group, member.leaving, "Terminate Unsuccessful", at_s, (GROUP, EC2))


def waits(sky: Sky, group: Group, member: Member, hook: Hook, at_s: float) -> None:
    """Tell that an instance waits for a lifecycle action."""
    launching = hook.transition == LAUNCH_HOOK
    detail = {
        "LifecycleActionToken": member.token,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": member.instance_id,
        "LifecycleTransition": hook.transition,
        "Origin": member.origin if launching else GROUP,
        "Destination": GROUP if launching else EC2,
    }
    if METADATA in hook.facts:
        detail[METADATA] = hook.facts[METADATA]
    what = f"EC2 Instance-{'launch' if launching else 'terminate'} Lifecycle Action"
    _post(sky, group, what, [group.arn], detail, at_s)


def _of_activity(sky: Sky, group: Group, activity: Activity, what: str, at_s: float, way: tuple[str, str]) -> None:
    failed = what.endswith("Unsuccessful")
    detail = {
        "StatusCode": "Failed" if failed else "InProgress",
        "Description": activity.description,
        "AutoScalingGroupName": group.name,
        "ActivityId": activity.id,
        "Details": json.loads(activity.details),
        "RequestId": uuid_of("request", activity.serial),
        "StatusMessage": activity.message if failed else "",
        "EndTime": iso(at_s, timespec="seconds"),
        "EC2InstanceId": activity.instance_id,
        "StartTime": iso(activity.began_s, timespec="seconds"),
        "Cause": activity.cause,
        "Origin": way[0],
        "Destination": way[1],
    }
    arn = f"arn:aws:ec2:{group.region}:{ACCOUNT}:instance/{activity.instance_id}"
    _post(sky, group, f"EC2 Instance {what}", [group.arn, *([arn] if activity.instance_id else [])], detail, at_s)


def _post(sky: Sky, group: Group, what: str, resources: list[str], detail: dict[str, Any], at_s: float) -> None:
    if group.quiet:
        return
    event = {
        "version": "0",
        "id": uuid_of("event id", what, *resources, detail.get("ActivityId", detail.get("LifecycleActionToken")), at_s),
        "detail-type": what,
        "source": "aws.autoscaling",
        "account": ACCOUNT,
        "time": iso(at_s, timespec="seconds"),
        "region": group.region,
        "resources": resources,
        "detail": detail,
    }
    sky.mail.post(at_s, "event", lambda: event)
