"""Who watches the watchman: alarms on what Lifeboat itself must not do, silence before all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.deploy.names import DEAD_LETTERS, ON_SCHEDULE, RUN, TOPIC, logical
from chalicelib.domain.runbook import Runbook
from chalicelib.telemetry import NAMESPACE, SERVICE

HAS_TOPIC = "HasAlarmTopic"


def alarms(runbooks: Iterable[Runbook]) -> dict[str, Any]:
    """Return the alarms by logical id. They tell the topic of parameter `AlarmTopicArn`, if it is given."""
    made = {
        "AlarmSilence": _alarm(
            "Lifeboat's sweeper has not run for 15 minutes: schedules may be off, and dead runs stay dead.",
            "AWS/Lambda",
            "Invocations",
            {"FunctionName": {"Ref": ON_SCHEDULE}},
            below=1,
            period_s=900,
        ),
        "AlarmDeadLetters": _alarm(
            "An event or an execution could not be delivered; see docs/operations.md on redriving.",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": {"Fn::GetAtt": [DEAD_LETTERS, "QueueName"]}},
            statistic="Maximum",
        ),
        "AlarmRunErrors": _alarm(
            "Invocations of the durable function fail; the sweeper restarts the runs.",
            "AWS/Lambda",
            "Errors",
            {"FunctionName": {"Ref": RUN}},
        ),
    }
    made |= _of_people_and_time()
    for runbook in runbooks:
        made |= _of_runbook(runbook.name)
    return made


def _of_people_and_time() -> dict[str, Any]:
    """Return the alarms on what waits for people, and on what should have happened and has not."""
    ours = {"service": SERVICE}
    left = "A run that somebody drove from their own machine is abandoned; `lifeboat runs list --running` names it."
    breach = "A schedule or a recovery point objective is in breach; `lifeboat health` names it."
    silent = "Lifeboat's watchdog has not looked at everything for an hour: backups may be missing and nobody knows."
    return {
        "AlarmLeftToPeople": _alarm(left, NAMESPACE, "RunsLeftToPeople", ours),
        "AlarmBreaches": _alarm(breach, NAMESPACE, "Breaches", ours, statistic="Maximum", period_s=900),
        "AlarmWatchdog": _alarm(silent, NAMESPACE, "WatchdogLooked", ours, below=1, period_s=3600),
    }


def _of_runbook(name: str) -> dict[str, Any]:
    """Return the alarms of one runbook: its runs fail, or its triggers do not make any."""
    return {
        logical("alarm-failed", name): _alarm(
            f"A run of {name} failed; `lifeboat runs list --runbook {name}` names it.",
            NAMESPACE,
            "RunEnded",
            {"service": SERVICE, "runbook": name, "outcome": "failed"},
        ),
        logical("alarm-refused", name): _alarm(
            f"A trigger of {name} was refused, so it did not run; the log of the handler says why.",
            NAMESPACE,
            "EventTakenIn",
            {"service": SERVICE, "runbook": name, "outcome": "refused"},
        ),
    }


def _alarm(
    description: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, Any],
    *,
    below: int | None = None,
    statistic: str = "Sum",
    period_s: int = 300,
) -> dict[str, Any]:
    """Return an alarm on anything at all within a period, or on less than `below` in it, silence included."""
    silent = below is not None
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": statistic,
            "Period": period_s,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "LessThanThreshold" if silent else "GreaterThanThreshold",
            "Threshold": below if below is not None else 0,
            "TreatMissingData": "breaching" if silent else "notBreaching",
            "AlarmActions": {"Fn::If": [HAS_TOPIC, [{"Ref": TOPIC}], {"Ref": "AWS::NoValue"}]},
        },
    }
