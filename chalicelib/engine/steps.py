"""The life of one step: opened, planned and judged, driven, settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.base import Action, Check, StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, Effect, EffectState, Failure, Plan
from chalicelib.domain.guard import judge
from chalicelib.domain.protection import Protection
from chalicelib.domain.run import Counts, StepRow, StepState, counted, plan_digest
from chalicelib.domain.runbook import Step
from chalicelib.domain.template import holds
from chalicelib.engine.asking import Asking
from chalicelib.engine.driver import Driver
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.pausing import stopped
from chalicelib.engine.ports import Clock, Ledger
from chalicelib.engine.scope import Actions, context_of, given_to, scope_of
from chalicelib.errors import ActionError, ErrorKind, LifeboatError, StoreError, SupersededError
from chalicelib.settings import Settings

SHOWN = 200  # findings and failures kept in a step's row; the rest is counted


@dataclass(frozen=True)
class Steps:
    """Works on steps; everything it knows is in the run's memory and in the ledger."""

    ledger: Ledger
    aws: Aws
    actions: Actions
    clock: Clock
    settings: Settings
    driver: Driver
    asking: Asking
    paged: Any  # how the store cuts plans into pages
    protected: Callable[[], Sequence[Protection]]  # what all runbooks protect

    def work(self, memory: RunMemory, phase: str, step: Step, until: datetime) -> StepRow:
        """Move one step on and return its row; a deliberate error ends the step, never the run's engine."""
        row = memory.rows.get(step.id) or self._opened(memory, phase, step)
        try:
            row = self._moved(memory, step, row, until)
        except (StoreError, SupersededError):
            raise
        except ActionError as error:
            if error.kind is ErrorKind.TERMINAL or (self._late(row) and memory.run.paused_at is None):
                row = self._ended(row, StepState.FAILED, code=error.code, message=error.message)
            else:
                again = self.clock.now() + timedelta(seconds=self.settings.pace.poll_min_s)
                row = row.model_copy(update={"next_at": again})
        except LifeboatError as error:
            row = self._ended(row, StepState.FAILED, code=error.code, message=error.message)
        memory.rows[step.id] = row
        return row

    def _opened(self, memory: RunMemory, phase: str, step: Step) -> StepRow:
        """Begin a step: its deadline counts from when it was first tried, in whichever process."""
        action = self.actions[step.uses]
        started = memory.run.opened.get(step.id) or self.clock.now()
        memory.run = memory.run.model_copy(update={"opened": {**memory.run.opened, step.id: started}})
        return StepRow(
            step_id=step.id,
            phase=phase,
            uses=step.uses,
            state=StepState.RUNNING,
            started_at=started,
            deadline=started + (step.within or action.within),
            round=memory.run.round,
            paused_s=memory.run.paused_s,
        )

    def _moved(self, memory: RunMemory, step: Step, row: StepRow, until: datetime) -> StepRow:
        action = self.actions[step.uses]
        if row.planned_at is None:
            scope = scope_of(memory, self.actions)
            if (step.if_ and not holds(_filled(step.if_, scope))) or (
                step.unless and holds(_filled(step.unless, scope))
            ):
                return self._ended(row, StepState.SKIPPED, message="its condition says so")
            if isinstance(action, Check):
                return self._judged(memory, step, row, action)
            row = self._planned(memory, step, row, action)
            if row.planned_at is None:
                return row
        if isinstance(action, Check):
            return row
        ctx = context_of(memory, step.id, row.phase, self.aws, self.settings.limits, self.clock.now())
        row = self.driver.tick(memory, row, action, ctx, until)
        return self._settled(memory, step, row, action, ctx)

    def _planned(self, memory: RunMemory, step: Step, row: StepRow, action: Action[Any]) -> StepRow:
        """Plan, judge, ask if need be, and commit. What an earlier process committed counts, and this plan is void."""
        within = step.within or action.within
        row = self.asking.heard(memory, row, within)
        if row.state is not StepState.RUNNING:
            return row
        now, memory.rows[step.id] = self.clock.now(), row
        ctx = context_of(memory, step.id, row.phase, self.aws.reading(), self.settings.limits, now)
        plan = action.plan(given_to(step, action, scope_of(memory, self.actions)), ctx)
        judged = judged_plan(memory, plan)
        row = self.asking.agreed(memory, step, row, judged, within)
        return self._committed(memory, row, judged, now) if row.state is StepState.RUNNING else row

    def _committed(self, memory: RunMemory, row: StepRow, judged: Plan, now: datetime) -> StepRow:
        pages = self.paged(judged.changes)
        wanted = row.model_copy(
            update={
                "planned_at": now,
                "pages": len(pages),
                "digest": plan_digest(judged.changes),
                "failures": judged.failures[:SHOWN],
                "lost": len(judged.failures),
                "notes": judged.notes[:SHOWN],
                "forecast": judged.forecast,
                "counts": Counts(planned=len(judged.changes) + len(judged.failures), failed=len(judged.failures)),
            }
        )
        row = self.ledger.commit_plan(memory.run.run_id, wanted, pages)
        known = memory.step(row.step_id)
        for number in range(row.pages):
            ours = row.digest == wanted.digest and row.pages == wanted.pages
            known.add_page(number, pages[number] if ours else self.ledger.page(memory.run.run_id, row, number))
        memory.rows[row.step_id] = row
        return row

    def _judged(self, memory: RunMemory, step: Step, row: StepRow, check: Check[Any]) -> StepRow:
        now = self.clock.now()
        ctx = context_of(memory, step.id, row.phase, self.aws.reading(), self.settings.limits, now)
        if check.wants_protections:
            ctx = replace(ctx, protections=self.protected())
        verdict = check.check(given_to(step, check, scope_of(memory, self.actions)), ctx)
        bad = [finding for finding in verdict.findings if not finding.ok]
        shown = sorted(verdict.findings, key=lambda finding: (finding.ok, finding.region, finding.resource))[:SHOWN]
        total = len(verdict.findings)
        row = row.model_copy(
            update={
                "planned_at": now,
                "findings": tuple(shown),
                "outputs": dict(verdict.outputs),
                "counts": Counts(planned=total, done=total - len(bad), failed=len(bad)),
            }
        )
        return self._ended(row, _end_state(row.counts, step), code="check.failed" if bad else "")

    def _settled(self, memory: RunMemory, step: Step, row: StepRow, action: Action[Any], ctx: StepContext) -> StepRow:
        """Count, and end the step when all its changes are settled (or none may be sent any more)."""
        known = memory.step(step.id)
        row = row.model_copy(update={"counts": counted(known.made(), row.lost)})
        left = known.open()
        if (
            stopped(memory, row.phase)
            and all(known.effect(change.key).state is EffectState.ABSENT for change in left)
            and left
        ):
            return self._ended(row, StepState.STOPPED, message=f"{len(left)} changes were not made")
        if left:
            return row
        outputs = action.outputs(given_to(step, action, scope_of(memory, self.actions)), list(known.made()), ctx)
        row = row.model_copy(update={"outputs": outputs, "failures": failures_of(row, known.made())})
        return self._ended(row, _end_state(row.counts, step), code="" if not row.counts.failed else "step.failures")

    def _ended(self, row: StepRow, state: StepState, *, code: str = "", message: str = "") -> StepRow:
        now = self.clock.now()
        return row.model_copy(
            update={"state": state, "ended_at": now, "next_at": None, "code": code, "message": message}
        )

    def _late(self, row: StepRow) -> bool:
        return row.deadline is not None and self.clock.now() >= row.deadline


def judged_plan(memory: RunMemory, plan: Plan) -> Plan:
    """Return the plan as the runbook's guard allows it.

    Raises:
        RefusedError: it does not allow the plan at all.
    """
    guard = memory.runbook.guard
    judgement = judge(
        plan.changes,
        regions=guard.regions,
        max_targets=guard.max_targets,
        max_share_percent=guard.max_share,
        population=plan.population,
    )
    waiting = tuple(f"held back: {each.kind.value} {each.resource}: {each.reason}" for each in judgement.held_back)
    notes = (*judgement.notes, *plan.notes, *waiting)
    return plan.model_copy(update={"changes": judgement.allowed, "notes": notes})


def failures_of(row: StepRow, made: Any) -> tuple[Failure, ...]:
    """Return what failed, by name, as far as a row holds it: while planning, and of the effects."""
    found = list(row.failures)
    pairs: Sequence[tuple[Change, Effect]] = list(made)
    for change, effect in pairs:
        found += effect.failures
        if effect.state in {EffectState.FAILED, EffectState.CONFLICT}:
            code = effect.code or f"action.{effect.state.value}"
            found.append(Failure(resource=change.resource, code=code, message=effect.message))
    return tuple(dict.fromkeys(found))[:SHOWN]


def _end_state(counts: Counts, step: Step) -> StepState:
    if not counts.failed:
        return StepState.SUCCEEDED
    if not counts.done and not counts.moot:
        return StepState.FAILED
    if step.tolerate is not None and step.tolerate.exceeded(counts.failed, counts.planned):
        return StepState.FAILED
    return StepState.PARTIAL


def _filled(text: str, scope: Any) -> Any:
    from chalicelib.domain.template import fill

    return fill(text, scope)
