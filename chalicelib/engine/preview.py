"""What a runbook would do now: every step planned and judged as a run would, and nothing changed or recorded.

Clients are read-only, the ledger is not touched. Each step is planned as if all steps before it had gone well; what
only a run can tell (ids, what a check finds) is said to be unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import JsonValue

from chalicelib.actions.base import Action, Check, StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, Failure, Forecast, Question
from chalicelib.domain.run import DRILL, CallCount, Run, RunCause, RunState, StepRow, StepState, run_id_for
from chalicelib.domain.runbook import PHASES, Runbook, Step
from chalicelib.domain.template import fill, holds
from chalicelib.domain.types import Strict
from chalicelib.engine.drilling import must_have_place, told_only
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.scope import Actions, context_of, given_to, scope_of
from chalicelib.engine.steps import judged_plan
from chalicelib.errors import InputError, LifeboatError, RefusedError
from chalicelib.settings import Settings

Status = Literal["planned", "not_rehearsed", "checked_later", "skipped", "unknown", "refused", "failed"]
UNRESOLVED = "reference.unresolved"


class HandCall(Strict):
    """One AWS call that a person would make: `params` as boto3 takes them, `<...>` in them is not known yet."""

    change: str
    service: str
    operation: str
    region: str
    params: dict[str, JsonValue]


class StepPreview(Strict):
    """What one step would do.

    Attributes:
        group: Steps of one number run side by side; counted through the phases.
        status: `planned`; `not_rehearsed` (of a drill: planned only, since it would touch what is live; the notes tell
            it); `checked_later` (a check, which judges what is there then); `skipped` (its condition says
            so); `unknown` (it needs what only a run can tell); `refused` (the guard); `failed` (cannot be planned).
        code: Of a step that is refused or failed: the stable error code.
        message: Why, for every status but `planned`.
        wrong_input: True when what was asked for makes no sense, rather than AWS refusing to tell.
        by_hand: The calls that make its changes, in order, when they were asked for.
        ask: What a person would be asked first; None when nobody is.
        in_advance: Why nobody would be asked although the plan asks: the runbook's `approved_in_advance`.
        left_out: How many changes, failures and notes there are beside those that are listed.
    """

    id: str
    phase: str
    uses: str
    group: int
    status: Status
    changes: tuple[Change, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
    code: str = ""
    message: str = ""
    wrong_input: bool = False
    by_hand: tuple[HandCall, ...] = ()
    ask: Question | None = None
    in_advance: str = ""
    left_out: int = 0


class Preview(Strict):
    """What a runbook would do, summed up. Steps of `on_failure:` are shown and not counted.

    Attributes:
        at: When it was planned (UTC); the answer may be another a minute later.
        changes: How many, by kind.
        resources: How many resources would be touched.
        data_gib: An upper bound of what is moved, in GiB.
        duration: An estimate: groups one after another, each as long as its longest step. None when nothing is known.
        calls: AWS calls that the preview itself took, retries included.
    """

    runbook: str
    region: str
    at: datetime
    inputs: dict[str, JsonValue]
    steps: tuple[StepPreview, ...]
    changes: dict[str, int]
    resources: int
    data_gib: int
    duration: timedelta | None
    calls: tuple[CallCount, ...] = ()


def preview(
    runbook: Runbook,
    inputs: Mapping[str, Any],
    aws: Aws,
    actions: Actions,
    settings: Settings,
    now: datetime,
    *,
    by_hand: bool = False,
    mode: str = "run",
) -> list[StepPreview]:
    """Plan every step of a runbook without changing anything.

    A deliberate error of a step is told in its preview; the other steps are planned all the same.

    Args:
        runbook: What to plan.
        inputs: Checked inputs.
        aws: The way to AWS; only reading clients of it are used.
        actions: What steps can do.
        settings: Region and limits.
        now: The time (UTC) that the run would start at.
        by_hand: Whether to say which calls a person would make instead.
        mode: `run`, or `drill` for a rehearsal.
    """
    planner = _Planner(_memory(runbook, inputs, settings, now, mode), aws.reading(), actions, settings, now, by_hand)
    found: list[StepPreview] = []
    group = 0
    for phase in PHASES:
        for line in runbook.groups(phase):
            found += [planner.step(phase, step, group) for step in line]
            group += 1
    return found


def summed(
    runbook: Runbook,
    inputs: Mapping[str, Any],
    region: str,
    steps: Sequence[StepPreview],
    now: datetime,
    calls: Mapping[tuple[str, str, str], int],
) -> Preview:
    """Sum up what a runbook would do."""
    counted = [step for step in steps if step.phase != "on_failure"]
    kinds: dict[str, int] = {}
    for change in (change for step in counted for change in step.changes):
        kinds[change.kind.value] = kinds.get(change.kind.value, 0) + 1
    longest: dict[int, timedelta] = {}
    for step in counted:
        if step.forecast and step.forecast.duration is not None:
            longest[step.group] = max(longest.get(step.group, timedelta()), step.forecast.duration)
    return Preview(
        runbook=runbook.name,
        region=region,
        at=now,
        inputs=dict(inputs),
        steps=tuple(steps),
        changes=kinds,
        resources=len({t for step in counted for c in step.changes for t in (c.targets or (c.resource,))}),
        data_gib=sum(step.forecast.data_gib for step in counted if step.forecast),
        duration=sum(longest.values(), timedelta()) if longest else None,
        calls=tuple(CallCount(service=s, operation=o, region=r, count=n) for (s, o, r), n in sorted(calls.items())),
    )


def _memory(runbook: Runbook, inputs: Mapping[str, Any], settings: Settings, now: datetime, mode: str) -> RunMemory:
    cause = RunCause(kind="manual", key="preview", occurred_at=now, summary="a preview")
    run = Run(
        run_id=run_id_for(settings.region, runbook.name, "preview", now.isoformat()),
        key="preview",
        runbook=runbook.name,
        region=settings.region,
        state=RunState.RUNNING,
        mode=mode if mode == DRILL else "preview",
        cause=cause,
        inputs=dict(inputs),
        started_at=now,
    )
    return RunMemory(run, runbook)


@dataclass(frozen=True)
class _Planner:
    memory: RunMemory
    aws: Aws
    actions: Actions
    settings: Settings
    now: datetime
    by_hand: bool = False
    lost: set[str] = field(default_factory=set)  # steps that cannot be planned

    def step(self, phase: str, step: Step, group: int) -> StepPreview:
        """Plan one step, and remember it for those that refer to it."""
        seen = StepPreview(id=step.id, phase=phase, uses=step.uses, group=group, status="planned")
        try:
            return seen.model_copy(update=self._planned(phase, step))
        except LifeboatError as error:
            why = self._why_unknown(step.id, error) if error.code == UNRESOLVED else ""
            if why:
                return seen.model_copy(update={"status": "unknown", "message": why})
            status = "refused" if isinstance(error, RefusedError) else "failed"
            wrong = isinstance(error, InputError)
            self.lost.add(step.id)
            told = {"status": status, "code": error.code, "message": error.message, "wrong_input": wrong}
            return seen.model_copy(update=told)

    def _planned(self, phase: str, step: Step) -> dict[str, Any]:
        scope = scope_of(self.memory, self.actions)
        action = self.actions[step.uses]
        if (step.if_ and not holds(fill(step.if_, scope))) or (step.unless and holds(fill(step.unless, scope))):
            self._remember(phase, step, StepState.SKIPPED, {})
            return {"status": "skipped", "message": "its condition says so"}
        if isinstance(action, Check):
            return {"status": "checked_later", "message": "judges what is there when its turn comes"}
        return self._action(phase, step, action, given_to(step, action, scope))

    def _action(self, phase: str, step: Step, action: Action[Any], given: Any) -> dict[str, Any]:
        ctx = context_of(self.memory, step.id, phase, self.aws, self.settings.limits, self.now)
        drill = self.memory.run.mode == DRILL
        if drill and action.rehearsable:
            must_have_place(self.memory, step, self.aws)
        plan = judged_plan(self.memory, action.plan(given, ctx))
        known = self.memory.step(step.id)
        known.add_page(0, list(plan.changes))
        outputs = action.outputs(given, list(known.made()), ctx)
        self._remember(phase, step, StepState.SUCCEEDED, outputs)
        if drill and not action.rehearsable:
            return {"status": "not_rehearsed", "message": "would touch what is live", "notes": told_only(plan)}
        return {
            "changes": plan.changes,
            "failures": plan.failures,
            "notes": plan.notes,
            "forecast": plan.forecast,
            "ask": plan.ask if not drill or (plan.ask and plan.ask.choices) else None,  # as `Unasked` does
            "in_advance": (step.approved_in_advance or "") if plan.ask and not plan.ask.choices else "",
            "by_hand": _hand_calls(action, plan.changes, ctx) if self.by_hand else (),
        }

    def _remember(self, phase: str, step: Step, state: StepState, outputs: Mapping[str, Any]) -> None:
        self.memory.rows[step.id] = StepRow(
            step_id=step.id,
            phase=phase,
            uses=step.uses,
            state=state,
            started_at=self.now,
            outputs={name: value for name, value in outputs.items() if value is not None},
        )

    def _why_unknown(self, step_id: str, error: LifeboatError) -> str:
        """Say why a reference has no value yet; "" when it will have none in the run either."""
        reference = str(error.details.get("reference", ""))
        source = reference.split(".")[1] if reference.startswith("steps.") else ""
        row = self.memory.rows.get(source)
        if not source or (row and row.state is StepState.SKIPPED):
            return ""
        if source in self.lost:
            self.lost.add(step_id)
            return f"needs what step '{source}' makes, which cannot be planned"
        return f"cannot be told before the run: ${{{{ {reference} }}}} is not known yet"


def _hand_calls(action: Action[Any], changes: Sequence[Change], ctx: StepContext) -> tuple[HandCall, ...]:
    calls = [(change.key, call) for change in changes for call in action.calls_for(change, ctx)]
    return tuple(
        HandCall(change=key, service=c.service, operation=c.operation, region=c.region, params=dict(c.params))
        for key, c in calls
    )
