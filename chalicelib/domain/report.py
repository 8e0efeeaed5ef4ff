"""The run record: what happened, beside what was wanted. Made from the ledger's rows alone; what `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import Field, JsonValue

from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Failure, Finding
from chalicelib.domain.drilling import DrillRecord, drill_record
from chalicelib.domain.owing import Owed
from chalicelib.domain.question import Asked, OpenQuestion, shown
from chalicelib.domain.recovery import Measured, measured, recoveries_in, worst
from chalicelib.domain.run import DRILL, CallCount, Counts, Pause, Run, RunCause, RunState, StepRow, StepState
from chalicelib.domain.runbook import PHASES, Runbook
from chalicelib.domain.types import Strict


class Objective(Strict):
    """One objective beside what was measured, both in seconds; `met` is None when either is unknown."""

    objective_s: int | None = None
    measured_s: int | None = None
    met: bool | None = None


class Objectives(Strict):
    """Recovery point and recovery time, wanted and reached.

    Of a run that recovered something, `rpo` is the largest time between a point that was restored and the beginning of
    the trouble, and `rto` the longest time from there until a resource was back. Of a backup, `rpo` is the age of the
    oldest newest usable recovery point, as its checks of recovery points saw it; it has no `rto`.
    """

    rpo: Objective = Objective()
    rto: Objective = Objective()


class StepRecord(Strict):
    """What one step came to. `question` is what it asks of people now, `answer` what was answered."""

    id: str
    phase: str
    uses: str
    state: StepState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    counts: Counts = Counts()
    code: str = ""
    message: str = ""
    failures: tuple[Failure, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    outputs: dict[str, JsonValue] = Field(default_factory=dict)
    question: OpenQuestion | None = None
    answer: Answer | None = None


class Times(Strict):
    """When; aware, UTC. `duration_s` is in seconds, up to now for a run that has not ended.

    `troubled_since` is what recovery times count from: when the trouble began, if the cause tells, else `caused_at`.
    """

    caused_at: datetime
    troubled_since: datetime
    started_at: datetime
    ended_at: datetime | None = None
    duration_s: int


class RunRecord(Strict):
    """Everything about one run. `calls` are the run's AWS calls, retries included, as far as they were recorded.

    `paused` is what holds its effects back now; None when nothing does, or when it has ended.
    """

    run_id: str
    key: str
    runbook: str
    region: str
    mode: str
    state: RunState
    code: str = ""
    message: str = ""
    cause: RunCause
    joined: tuple[RunCause, ...] = ()
    times: Times
    inputs: dict[str, JsonValue]
    objectives: Objectives
    recovered: tuple[Measured, ...] = ()
    steps: tuple[StepRecord, ...]
    calls: tuple[CallCount, ...]
    generation: int
    holder: str = ""
    paused: Pause | None = None
    owes: dict[str, Owed] = Field(default_factory=dict)
    drill: DrillRecord | None = None


def record_of(run: Run, runbook: Runbook, rows: Sequence[StepRow], owed: dict[str, Owed], now: datetime) -> RunRecord:
    """Make the record of a run, ended or not. Steps that were not reached are told as waiting or skipped."""
    since = run.cause.since or run.cause.occurred_at
    recovered = measured([one for row in rows for one in recoveries_in(row.outputs)], since)
    return RunRecord(
        run_id=run.run_id,
        key=run.key,
        runbook=run.runbook,
        region=run.region,
        mode=run.mode,
        state=run.state,
        code=run.code,
        message=run.message,
        cause=run.cause,
        joined=run.joined,
        times=Times(
            caused_at=run.cause.occurred_at,
            troubled_since=since,
            started_at=run.started_at,
            ended_at=run.ended_at,
            duration_s=_seconds((run.ended_at or now) - run.started_at),
        ),
        inputs=run.inputs,
        objectives=_objectives(runbook, rows, recovered),
        recovered=recovered,
        steps=tuple(_steps(run, runbook, {row.step_id: row for row in rows})),
        calls=run.calls,
        generation=run.generation,
        holder=run.holder,
        paused=None if run.ended else run.pause,
        owes=dict(owed),
        drill=drill_record(rows, len(owed)) if run.mode == DRILL else None,
    )


def with_questions(record: RunRecord, asked: Mapping[str, Asked], run: Run, now: datetime) -> RunRecord:
    """Return a record that says what its steps ask of people, and what was answered; `asked` by step, the newest."""
    steps = tuple(_answered(step, asked[step.id], run, now) if step.id in asked else step for step in record.steps)
    return record.model_copy(update={"steps": steps})


def _answered(step: StepRecord, asked: Asked, run: Run, now: datetime) -> StepRecord:
    return step.model_copy(update={"question": shown(asked, run, now), "answer": step.answer or asked.answer})


def _steps(run: Run, runbook: Runbook, rows: dict[str, StepRow]) -> list[StepRecord]:
    records = []
    for phase in PHASES:
        if phase == "on_failure":
            taken_back = [step.id for group in runbook.undo_groups() for step in group]
            records += [_step(rows[step_id]) for step_id in taken_back if step_id in rows]
        for group in runbook.groups(phase):
            for step in group:
                row = rows.get(step.id)
                if row is None:
                    state = StepState.SKIPPED if run.ended else StepState.WAITING
                    records.append(StepRecord(id=step.id, phase=phase, uses=step.uses, state=state))
                else:
                    records.append(_step(row))
    return records


def _step(row: StepRow) -> StepRecord:
    return StepRecord(
        id=row.step_id,
        phase=row.phase,
        uses=row.uses,
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_s=_seconds(row.ended_at - row.started_at) if row.ended_at else None,
        counts=row.counts,
        code=row.code,
        message=row.message,
        failures=row.failures,
        findings=row.findings,
        notes=row.notes,
        outputs=row.outputs,
        answer=row.answer,
    )


def _objectives(runbook: Runbook, rows: Sequence[StepRow], recovered: Sequence[Measured]) -> Objectives:
    ages = [row.outputs["worst_age_s"] for row in rows if isinstance(row.outputs.get("worst_age_s"), int | float)]
    rpo = max((int(float(str(age))) for age in ages), default=None)
    if recovered:
        rpo = worst([one.rpo_s for one in recovered])
    rto = worst([one.rto_s for one in recovered])
    wanted = runbook.objectives
    return Objectives(rpo=_objective(wanted.rpo, rpo), rto=_objective(wanted.rto, rto))


def _objective(wanted: timedelta | None, measured_s: int | None) -> Objective:
    objective_s = _seconds(wanted) if wanted else None
    met = measured_s <= objective_s if measured_s is not None and objective_s is not None else None
    return Objective(objective_s=objective_s, measured_s=measured_s, met=met)


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
