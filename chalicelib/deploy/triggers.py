"""What starts runbooks, as SAM writes it: schedules of EventBridge Scheduler and rules of EventBridge."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from chalicelib.deploy.names import DEAD_LETTERS, arn_of, logical
from chalicelib.domain.event import ALARM_DETAIL_TYPE
from chalicelib.domain.runbook import AlarmTrigger, EventTrigger, Runbook, ScheduleTrigger
from chalicelib.engine.breaches import PERIOD_MINUTES
from chalicelib.engine.intake import SWEEP, WATCHDOG

SWEEP_EVERY = "rate(5 minutes)"
FIRED_AT = "<aws.scheduler.scheduled-time>"  # Scheduler puts the time here at which it was meant to fire
RETRY_FOR_S = 3600  # how long AWS goes on delivering; Lifeboat itself refuses what has become too old by then


def schedules(runbooks: Iterable[Runbook], stem: str) -> dict[str, Any]:
    """Return an event for each schedule trigger, and the sweeper's.

    The input names the trigger and the time it was meant for, so that a firing delivered twice is one run. See
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html

    Args:
        runbooks: What is deployed.
        stem: What the names of the schedules start with; they are unique within an account and Region.
    """
    made = {
        "Sweep": _schedule(f"{stem}-sweep", SWEEP_EVERY, "UTC", SWEEP),
        "Watchdog": _schedule(f"{stem}-watchdog", f"rate({PERIOD_MINUTES} minutes)", "UTC", WATCHDOG),
    }
    for runbook in runbooks:
        for index, trigger in enumerate(runbook.when):
            if isinstance(trigger, ScheduleTrigger):
                firing = {"lifeboat": "schedule", "runbook": runbook.name, "trigger": index, "scheduled_at": FIRED_AT}
                name = f"{stem}-{runbook.name}-{index}"
                event = _schedule(name, trigger.schedule, trigger.timezone, firing)
                made[logical("at", runbook.name, str(index))] = event
    return made


def rules(runbooks: Iterable[Runbook]) -> dict[str, Any]:
    """Return an event for each different pattern; runbooks with the same pattern share a rule, and one delivery."""
    made: dict[str, Any] = {}
    for runbook in runbooks:
        for index, trigger in enumerate(runbook.when):
            pattern = pattern_of(trigger)
            if pattern is not None and pattern not in [rule["Properties"]["Pattern"] for rule in made.values()]:
                made[logical("on", runbook.name, str(index))] = _rule(pattern)
    return made


def pattern_of(trigger: AlarmTrigger | EventTrigger | ScheduleTrigger) -> dict[str, Any] | None:
    """Return what EventBridge is to let through for a trigger; None for schedules.

    It may be wider than the trigger, never narrower: the handler matches every event again.
    """
    if isinstance(trigger, EventTrigger):
        return trigger.event
    if isinstance(trigger, AlarmTrigger):
        name = _alarm_name(trigger.alarm)
        detail = {"alarmName": [name], "state": {"value": [trigger.state]}}
        return {"source": ["aws.cloudwatch"], "detail-type": [ALARM_DETAIL_TYPE], "detail": detail}
    return None


def _alarm_name(pattern: str) -> str | dict[str, str]:
    r"""EventBridge knows `*`, not `?`, no two in a row, and `\` before what means itself."""
    if not re.search(r"[*?]", pattern):
        return pattern
    return {"wildcard": re.sub(r"[*?]+", "*", pattern.replace("\\", "\\\\"))}


def _schedule(name: str, expression: str, timezone: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "ScheduleV2",
        "Properties": {
            "Name": name,
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Input": json.dumps(payload),
            "RoleArn": arn_of("SchedulerRole"),
            "RetryPolicy": {"MaximumEventAgeInSeconds": RETRY_FOR_S, "MaximumRetryAttempts": 20},
            "DeadLetterConfig": {"Arn": arn_of(DEAD_LETTERS)},
        },
    }


def _rule(pattern: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "EventBridgeRule",
        "Properties": {
            "Pattern": pattern,
            "RetryPolicy": {"MaximumEventAgeInSeconds": RETRY_FOR_S, "MaximumRetryAttempts": 20},
            "DeadLetterConfig": {"Arn": arn_of(DEAD_LETTERS)},
        },
    }
