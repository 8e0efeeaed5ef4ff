"""The one Powertools Logger and Tracer, the names of metrics, and the journal that speaks through them.

Logs: a fixed sentence plus fields (`run_id runbook step action change region duration_s outcome error_code`). Metrics:
dimensions service, runbook, action, outcome; never a run id, which would make a metric of every run. Each is written
where it is counted, because a durable execution has no end of an invocation at which to flush.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Tracer

if TYPE_CHECKING:
    from chalicelib.domain.run import Run, StepRow

SERVICE = "lifeboat"
NAMESPACE = "Lifeboat"

# What is counted, by the sentence that tells it: the metric's name, and the fields that become its dimensions.
COUNTED = {
    "run ended": ("RunEnded", ("runbook", "outcome")),
    "step ended": ("StepEnded", ("action", "outcome")),
    "event taken in": ("EventTakenIn", ("runbook", "outcome")),
    "event ignored": ("EventIgnored", ()),
    "runbook ignored": ("RunbookIgnored", ("runbook",)),
    "run restarted": ("RunRestarted", ()),
    "runs left to people": ("RunsLeftToPeople", ()),
    "notice given up": ("NoticesGivenUp", ("channel",)),
    "looked at everything": ("WatchdogLooked", ()),
}
# What is measured: the metric's name and unit, the field that is its value, and those that become its dimensions.
MEASURED = {
    "step ended": ("StepDuration", "Seconds", "duration_s", ("action", "outcome")),
    "recovery point age": ("RecoveryPointAge", "Seconds", "age_s", ("runbook", "policy")),
    "copy lag": ("CopyLag", "Seconds", "lag_s", ("runbook",)),
    "run ended": ("LeftBehind", "Count", "left_behind", ("runbook",)),
    "objective watched": ("RecoveryPointAgeWatched", "Seconds", "age_s", ("runbook", "policy")),
    "watched": ("Breaches", "Count", "breaches", ()),
}
# What a person should look at some time.
WARNINGS = frozenset(
    {
        "event ignored",
        "runbook ignored",
        "restart failed",
        "runs left to people",
        "could not look",
        "could not watch",
        "could not tell",
        "notice given up",
    }
)

logger = Logger(service=SERVICE)
tracer = Tracer(service=SERVICE)


class LambdaJournal:
    """Tells what happens through logs and metrics. Called from inside durable steps only, so nothing is told twice."""

    def note(self, sentence: str, **fields: Any) -> None:
        """Log one thing, and count what is worth a metric."""
        if sentence in WARNINGS:
            logger.warning(sentence, extra=fields)
        else:
            logger.info(sentence, extra=fields)
        if sentence in COUNTED:
            name, dimensions = COUNTED[sentence]
            self._emit(name, "Count", 1, dimensions, fields)
        if sentence in MEASURED:
            name, unit, value, dimensions = MEASURED[sentence]
            self._emit(name, unit, fields[value], dimensions, fields)

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        """Do nothing: the ledger holds the progress, and logs are for what changed."""

    @staticmethod
    def _emit(name: str, unit: str, value: float, dimensions: Sequence[str], fields: dict[str, Any]) -> None:
        from aws_lambda_powertools import single_metric
        from aws_lambda_powertools.metrics import MetricUnit

        with single_metric(name=name, unit=MetricUnit(unit), value=value, namespace=NAMESPACE) as metric:
            metric.add_dimension(name="service", value=SERVICE)  # else it is there only where the environment names it
            for dimension in dimensions:
                metric.add_dimension(name=dimension, value=str(fields[dimension]))
