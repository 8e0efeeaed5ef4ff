"""What people are told about runs, in words that fit a phone at 3 a.m. Pure: a record goes in, a notice comes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue

from chalicelib.domain.report import Objective, RunRecord, StepRecord
from chalicelib.domain.run import BAD_STATES, RunState, StepState
from chalicelib.domain.types import Strict, format_duration

SUBJECT_LENGTH = 100  # what SNS takes: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
OWED = 5  # obligations named in a notice
TROUBLES = 12  # named in a notice; the rest is counted
SLOWEST = 8  # recoveries that a notice lists


class NoticeKind(StrEnum):
    """What a notice is about. EventBridge's detail-type is `Lifeboat` and this word."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"
    UNDONE = "undone"
    WAITING = "waiting"
    BREACH = "breach"
    CLEARED = "cleared"


# Codes of what Lifeboat was asked to do and did not let itself do, or was not let do by a person.
# Nobody's answer is no decision: that is a failure, and somebody is to be woken.
REFUSALS = ("guard.", "run.leased", "ask.declined")


class Telling(Strict):
    """What became of telling one notice through one channel.

    Attributes:
        since: When it was tried first.
        tried_at: When it was tried last.
        settled: True when it was taken, or given up.
    """

    since: datetime
    tried_at: datetime
    settled: bool = False


class Notice(Strict):
    """One thing to tell.

    Attributes:
        id: The same for the same thing: whoever gets it twice can tell.
        subject: One line of printable ASCII, at most 100 characters.
        lines: The text.
        facts: The same for machines, JSON-safe.
    """

    kind: NoticeKind
    id: str
    at: datetime
    region: str
    subject: str
    lines: tuple[str, ...]
    runbook: str = ""
    run_id: str = ""
    facts: dict[str, JsonValue] = Field(default_factory=dict)


def headline(text: str) -> str:
    """Return a text as SNS takes subjects."""
    plain = "".join(sign if " " <= sign <= "~" else "?" for sign in " ".join(text.split()))
    return plain[:SUBJECT_LENGTH]


def notice_id(run_id: str, kind: NoticeKind, name: str) -> str:
    """Name what is told of a run; see `of_run`."""
    return f"{run_id}.{kind.value}.{name}"


def end_kind(record: RunRecord) -> NoticeKind:
    """Return what the end of a run is told as.

    Refused is a run of whose steps those that failed were not allowed by the guard, a lease or a person, so nothing is
    broken in AWS: a runbook is to be changed, another run waited for, or somebody asked again. That checks then find
    nothing does not make it failed.
    """
    if record.state is RunState.FAILED:
        bad = [step for step in record.steps if step.phase == "steps" and step.state in BAD_STATES]
        return NoticeKind.REFUSED if bad and all(_refused(step) for step in bad) else NoticeKind.FAILED
    return NoticeKind(record.state.value)


def _refused(step: StepRecord) -> bool:
    if step.code == "step.failures" and step.state is StepState.FAILED:
        return all(failure.code.startswith(REFUSALS) for failure in step.failures)
    return step.code.startswith(REFUSALS)


def of_run(record: RunRecord, kind: NoticeKind, name: str, at: datetime, why: str = "") -> Notice:
    """Return what is told of a run.

    Args:
        record: The run as it is now.
        kind: What is told.
        name: What makes this telling of that kind the same one, e.g. the round that ended.
        at: The time (UTC).
        why: For `waiting` and `refused`: what it waits for, or why it is refused.
    """
    lines = [why] if why else []
    lines.append(f"Run {record.run_id}: {record.cause.summary}.")
    if kind is not NoticeKind.STARTED:
        lines += list(_summary(record))
    lines.append(f"More: lifeboat runs show {record.run_id}")
    return Notice(
        kind=kind,
        id=notice_id(record.run_id, kind, name),
        at=at,
        region=record.region,
        subject=headline(f"Lifeboat: {record.runbook} {kind.value} in {record.region}"),
        lines=tuple(lines),
        runbook=record.runbook,
        run_id=record.run_id,
        facts=_facts(record, why),
    )


def _summary(record: RunRecord) -> Iterator[str]:
    if record.message:
        yield f"Why: {record.message}"
    yield f"Took {format_duration(timedelta(seconds=record.times.duration_s))}."
    for name, one in (("RPO", record.objectives.rpo), ("RTO", record.objectives.rto)):
        if one.objective_s is not None or one.measured_s is not None:
            yield f"{name}: {_length(one.measured_s)}, wanted {_length(one.objective_s)}{_verdict(one)}."
    yield from _recovered(record)
    for step in record.steps:
        if step.started_at is not None:
            counts = step.counts
            yield f"- {step.id}: {step.state.value}, {counts.done} of {counts.planned} done, {counts.failed} failed"
    troubles = list(_troubles(record))
    yield from troubles[:TROUBLES]
    if len(troubles) > TROUBLES:
        yield f"... and {len(troubles) - TROUBLES} more."
    yield from _owed(record)


def _recovered(record: RunRecord) -> Iterator[str]:
    if not record.recovered:
        return
    yield f"Brought back: {len(record.recovered)}. The slowest:"
    for one in record.recovered[:SLOWEST]:
        now = f" as {one.replacement}" if one.replacement else ""
        lost = "nothing lost" if one.rpo_s is None else f"{_length(one.rpo_s)} lost"
        yield f"+ {one.resource}{now} in {one.zone_id or one.region}: back after {_length(one.rto_s)}, {lost}"


def _owed(record: RunRecord) -> Iterator[str]:
    yield from (f"Still owed, {name}: {owed.why}" for name, owed in sorted(record.owes.items())[:OWED])
    if len(record.owes) > OWED:
        yield f"... and {len(record.owes) - OWED} more that is owed."


def _troubles(record: RunRecord) -> Iterator[str]:
    for step in record.steps:
        if step.message and step.code:
            yield f"! {step.id}: {step.message}"
        yield from (f"! {failure.message}" for failure in step.failures)
        yield from (f"! {finding.message}" for finding in step.findings if not finding.ok)


def _length(seconds: int | None) -> str:
    return "unknown" if seconds is None else format_duration(timedelta(seconds=seconds))


def _verdict(one: Objective) -> str:
    return {True: ", met", False: ", NOT met", None: ""}[one.met]


def _facts(record: RunRecord, why: str) -> dict[str, Any]:
    said = record.model_dump(mode="json", include={"run_id", "key", "runbook", "region", "state", "code", "message"})
    return {
        **said,
        "why": why,
        "cause": record.cause.model_dump(mode="json"),
        "times": record.times.model_dump(mode="json"),
        "objectives": record.objectives.model_dump(mode="json"),
        "steps": [
            {"id": step.id, "uses": step.uses, "state": step.state.value, "counts": step.counts.model_dump()}
            for step in record.steps
        ],
    }
