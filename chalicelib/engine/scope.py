"""What references in a runbook see, and what an action may know, at one moment of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.actions.base import Action, Check, DrillSite, StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import filled_items
from chalicelib.domain.run import DRILL, StepRow, run_fields
from chalicelib.domain.runbook import UNDO, ScheduleTrigger, Step
from chalicelib.domain.template import Scope, fill
from chalicelib.domain.types import format_duration
from chalicelib.engine.memory import RunMemory
from chalicelib.errors import InputError
from chalicelib.settings import Limits

Actions = Mapping[str, Action[Any] | Check[Any]]


def scope_of(memory: RunMemory, actions: Actions) -> Scope:
    """Return what references see: of each planned step its outputs, its state and its items so far."""
    steps: dict[str, dict[str, Any]] = {}
    for row in memory.rows.values():
        if row.phase == UNDO:
            continue
        action = actions[row.uses]
        seen: dict[str, Any] = {**row.outputs, "state": row.state.value}
        for name in getattr(action, "streams", ()):
            made = memory.step(row.step_id).made()
            seen[name] = [item for change, effect in made for item in filled_items(change, effect, row.step_id)]
        steps[row.step_id] = seen
    known = memory.runbook.objectives.model_dump(exclude_none=True)
    return Scope(inputs=memory.run.inputs, steps=steps, run=run_fields(memory.run), objectives=known)


def given_to(step: Step, action: Action[Any] | Check[Any], scope: Scope) -> Any:
    """Fill in a step's references and check the result against the action's model.

    Raises:
        InputError: a reference cannot be resolved, or what it stands for does not fit.
    """
    from pydantic import ValidationError

    try:
        return action.given.model_validate(fill(step.with_, scope))
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_plain(e['msg'])}" for e in error.errors()[:5])
        raise InputError("step.bad_input", f"Step '{step.id}': what it was given does not fit: {said}") from error


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


def context_of(memory: RunMemory, step_id: str, phase: str, aws: Aws, limits: Limits, now: datetime) -> StepContext:
    """Return what an action may know. What comes at the end of a continued run makes effects of its own."""
    answered = memory.rows[step_id].answer if step_id in memory.rows else None
    return StepContext(
        run_id=memory.run.run_id,
        step_id=step_id,
        runbook=memory.run.runbook,
        region=memory.run.region,
        started_at=memory.run.started_at,
        now=now,
        aws=aws,
        limits=limits,
        rpo=memory.runbook.objectives.rpo,
        timezone=next((each.timezone for each in memory.runbook.when if isinstance(each, ScheduleTrigger)), "UTC"),
        attempt=memory.run.round if phase in {"always", "on_failure", UNDO} else 1,
        summary=summary_of(memory, now),
        answer=answered.choice if answered else "",
        answered=answered,
        drill=site_of(memory),
        troubled_since=memory.run.cause.since or memory.run.cause.occurred_at,
        causes=(memory.run.cause, *memory.run.joined),
        opened_at=memory.run.opened.get(step_id),
    )


def site_of(memory: RunMemory) -> DrillSite | None:
    """Return where this drill may make things; None when it is none."""
    section = memory.runbook.drill
    if memory.run.mode != DRILL or section is None:
        return None
    said = fill(section.model_dump(), Scope(inputs=memory.run.inputs, steps={}, run={}, objectives={}))
    return DrillSite(
        subnet_id=str(said["subnet"]),
        security_group_id=str(said["security_group"]),
        instance_profile=str(said["instance_profile"]),
        db_subnet_group=str(said["db_subnet_group"]),
    )


def summary_of(memory: RunMemory, now: datetime) -> Sequence[str]:
    """Tell the run so far in a few lines: a subject, then a line a step, then what went wrong, by name."""
    run, rows = memory.run, list(memory.rows.values())
    troubles = [line for row in rows for line in _troubles(memory, row)]
    state = "stopped" if run.stop else "in trouble" if troubles else "well so far"
    lines = [f"Lifeboat: {run.runbook} in {run.region}: {state}"]
    lines.append(f"Run {run.run_id}, {run.cause.summary}, for {format_duration(now - run.started_at)}.")
    for row in rows:
        counts = row.counts
        lines.append(
            f"- {row.step_id} ({row.uses}): {row.state.value}; {counts.done} done, {counts.failed} failed"
            f", {counts.moot} moot of {counts.planned}"
        )
    if troubles:
        lines += ["", *troubles[:20]]
        if len(troubles) > 20:  # noqa: PLR2004 - as many as a person reads on a phone
            lines.append(f"... and {len(troubles) - 20} more; see `lifeboat runs show {run.run_id}`.")
    return lines


def _troubles(memory: RunMemory, row: StepRow) -> list[str]:
    found = [f"{failure.resource}: {failure.message}" for failure in row.failures]
    if row.message:
        found.append(f"{row.step_id}: {row.message}")
    found += [
        f"{finding.resource} in {finding.region}: {finding.message}" for finding in row.findings if not finding.ok
    ]
    for _, effect in memory.step(row.step_id).made():
        if effect.message and effect.code:
            found.append(effect.message)
        found += [failure.message for failure in effect.failures]
    return found
