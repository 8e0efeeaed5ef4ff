"""Works on the steps of a drill: what can be rehearsed is carried out at the drill's own place, the rest planned only.

Recoveries go first: a drill does not start beside one, and stops for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.base import Action, Check
from chalicelib.aws.clients import Aws
from chalicelib.aws.drill_site import must_be_isolated
from chalicelib.domain.change import ChangeKind, Effect, Plan
from chalicelib.domain.drilling import NOT_REHEARSED, judge_drill
from chalicelib.domain.run import DRILL, Counts, Run, StepRow, StepState, Stop
from chalicelib.domain.runbook import Runbook, Step
from chalicelib.domain.template import references_in
from chalicelib.engine.asking import Asking
from chalicelib.engine.leftovers import own_of
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.ports import Ledger
from chalicelib.engine.scope import Actions, context_of, given_to, scope_of, site_of
from chalicelib.engine.steps import Steps, judged_plan
from chalicelib.errors import RefusedError

UNSAID = frozenset({"", "none"})  # `none` is what inputs that nobody gave are called in the shipped runbooks
TOLD = 20  # changes of a step that is not rehearsed that are told one by one


class Unasked(Asking):
    """Asks nobody whether a drill may do what it does to its own; where there is something to choose it asks."""

    def agreed(self, memory: RunMemory, step: Step, row: StepRow, plan: Plan, within: timedelta) -> StepRow:
        """Return the row, running, unless something is to be chosen."""
        if plan.ask and not plan.ask.choices:
            return row
        return super().agreed(memory, step, row, plan, within)


@dataclass(frozen=True)
class Drilling(Steps):
    """Works on the steps of a drill."""

    def _planned(self, memory: RunMemory, step: Step, row: StepRow, action: Action[Any]) -> StepRow:
        """Plan as ever at a place that nothing else uses; or only tell what would be done."""
        if not action.rehearsable:
            return self._only_planned(memory, step, row, action)
        must_have_place(memory, step, self.aws.reading())
        return super()._planned(memory, step, row, action)

    def _committed(self, memory: RunMemory, row: StepRow, judged: Plan, now: datetime) -> StepRow:
        judge_drill(judged.changes, own_of(memory))
        return super()._committed(memory, row, judged, now)

    def _judged(self, memory: RunMemory, step: Step, row: StepRow, check: Check[Any]) -> StepRow:
        """Judge what the drill has made; what judges live resources says nothing about it."""
        named = [reference.names[0] for reference in references_in(step.with_) if reference.root == "steps"]
        carried_out = all(one in memory.rows and memory.rows[one].code != NOT_REHEARSED for one in named)
        if carried_out and any(_makes(memory, one) for one in named):
            return super()._judged(memory, step, row, check)
        note = "not rehearsed: it judges what is live, and the drill changes nothing of that"
        row = row.model_copy(update={"notes": (note,)})
        return self._ended(row, StepState.SKIPPED, code=NOT_REHEARSED, message="not rehearsed")

    def _only_planned(self, memory: RunMemory, step: Step, row: StepRow, action: Action[Any]) -> StepRow:
        now, scope = self.clock.now(), scope_of(memory, self.actions)
        ctx = context_of(memory, step.id, row.phase, self.aws.reading(), self.settings.limits, now)
        given = given_to(step, action, scope)
        plan = judged_plan(memory, action.plan(given, ctx))
        planned = {
            "notes": told_only(plan),
            "counts": Counts(planned=len(plan.changes)),
            "outputs": action.outputs(given, [(each, Effect()) for each in plan.changes], ctx),
        }
        message = f"not rehearsed; {len(plan.changes)} changes were planned only"
        return self._ended(row.model_copy(update=planned), StepState.SKIPPED, code=NOT_REHEARSED, message=message)


def must_have_place(memory: RunMemory, step: Step, aws: Aws) -> None:
    """Make sure that a drill says where it may make things, and that nothing else is there.

    Raises:
        RefusedError: it says no place (`drill.no_site`), or something else is there (`drill.production_site`).
        ActionError: AWS refuses to tell.
    """
    site = site_of(memory)
    if site is None or UNSAID & {site.subnet_id, site.security_group_id, site.instance_profile}:
        said = "states no subnet, security group or profile for drills: see its section 'drill' and its inputs"
        raise RefusedError("drill.no_site", f"Runbook {memory.runbook.name} {said}.")
    of_databases = site.db_subnet_group if step.uses.startswith("rds.") else ""
    place = (site.subnet_id, site.security_group_id, site.instance_profile, of_databases)
    must_be_isolated(aws, memory.run.region, *place)


def told_only(plan: Plan) -> tuple[str, ...]:
    """Return in sentences what a plan would do that a drill only tells."""
    told = [f"would {each.kind.value} {each.resource}: {each.reason}" for each in plan.changes[:TOLD]]
    if len(plan.changes) > TOLD:
        told.append(f"... and {len(plan.changes) - TOLD} more")
    would = [f"not rehearsed: {len(plan.changes)} changes were planned only", *told]
    would += [f"would fail: {each.resource}: {each.message}" for each in plan.failures[:TOLD]]
    would += [f"would ask: {plan.ask.reason}"] if plan.ask else []
    return (*would, *plan.notes)


def _makes(memory: RunMemory, step_id: str) -> bool:
    """Return True for a step that makes things; one that only finds something out says nothing to judge."""
    return any(change.kind is ChangeKind.CREATE for change, _ in memory.step(step_id).made())


def recovers(runbook: Runbook, actions: Actions) -> bool:
    """Return True for a runbook that brings something back."""
    used = [actions.get(step.uses) for step in runbook.all_steps()]
    return any(isinstance(action, Action) and action.rehearsable for action in used)


def recovery_under_way(ledger: Ledger, actions: Actions, but: str = "") -> Run | None:
    """Return a recovery that is under way, no drill; None when there is none."""
    for run in ledger.list_runs(limit=RUNNING, running=True):
        if run.mode == DRILL or run.run_id == but or (run.undo and run.undo.ordered):
            continue
        if run.cause.kind in {"alarm", "event"} or recovers(
            Runbook.model_validate(ledger.runbook(run.run_id)), actions
        ):
            return run
    return None


def give_way(ledger: Ledger, actions: Actions, run: Run, now: datetime) -> Run:
    """Let a drill stop when a recovery has begun; what the drill has made goes all the same.

    Taking back what a run did stops for a new run of the same runbook.
    """
    if run.stop is not None:
        return run
    other: Run | None = None
    if run.undo is not None:
        other = _successor(ledger, run) if run.undo.ordered else None
    elif run.mode == DRILL:
        other = recovery_under_way(ledger, actions, run.run_id)
    if other is None:
        return run
    stop = Stop(at=now, by="lifeboat", reason=f"recovery {other.run_id} goes first")
    ledger.ask_stop(run.run_id, stop)
    return run.model_copy(update={"stop": stop})


def _successor(ledger: Ledger, run: Run) -> Run | None:
    found = ledger.list_runs(limit=RUNNING, runbook=run.runbook, running=True)
    return next((other for other in found if other.run_id != run.run_id and other.mode != DRILL), None)


RUNNING = 200  # runs looked at
