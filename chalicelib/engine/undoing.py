"""Takes back what a run's steps did, from bottom to top: the phase `undo`.

Each step that changed something has one that takes it back, `undo-<id>`. Its plan are the inverse changes that the
step's action names; they go through the same driver as all others, with intents, looks and records, so that it can be
killed anywhere. What cannot be taken back is told by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import Action, ActionModel, Review, StepContext
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.domain.run import DRILL, Run, StepRow, StepState, UndoOrder
from chalicelib.domain.runbook import UNDO_PREFIX, Step
from chalicelib.engine.driver import left_behind
from chalicelib.engine.inverse import CANNOT, Inverse, action_of, inverse_of, there
from chalicelib.engine.leftovers import leftovers, only_own
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.ports import Ledger
from chalicelib.engine.recording import record
from chalicelib.engine.scope import Actions, context_of
from chalicelib.engine.steps import Steps
from chalicelib.settings import Limits

TRIED_AGAIN = frozenset({EffectState.FAILED, EffectState.CONFLICT})


class Nothing(ActionModel):
    """Taking back is given nothing: it knows what was done."""


class TakingBack(Action[Nothing]):
    """Carries inverse changes out, each by the action that it names."""

    name: ClassVar[str] = "undo"
    given = Nothing
    returns = Nothing
    permissions: ClassVar[tuple[str, ...]] = ()
    review_every_s: ClassVar[int | None] = 0

    def __init__(self, actions: Actions, ledger: Ledger, changes: Sequence[Change]) -> None:
        self.actions, self.ledger = actions, ledger
        self._all = [action_of(actions, by) for by in sorted({change.by for change in changes})]

    def plan(self, given: Nothing, ctx: StepContext) -> Plan:  # noqa: ARG002 - see `inverse_of`
        """Plan nothing: the plan comes from what was done."""
        return Plan()

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        """Ask each action about its own."""
        found: dict[str, Effect] = {}
        for each in self._all:
            mine = [(change, effect) for change, effect in asked if change.by == each.name]
            found |= each.observe(mine, ctx) if mine else {}
        return {key: there(effect) for key, effect in found.items()}

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        """Let each action read its own premises again; what another run has leased is left to it."""
        found: dict[str, Review] = {}
        for each in self._all:
            mine = [change for change in changes if change.by == each.name]
            said = each.review(mine, needs, ctx) if mine else {}
            found |= {key: replace(one, state="done") if one.state == "moot" else one for key, one in said.items()}
            for change in mine if each.lease and ctx.drill is None else ():
                other = self._leased(each.lease or "", change, ctx.run_id)
                found |= {change.key: Review("conflict", other)} if other else {}
        return found

    def _leased(self, kind: str, change: Change, run_id: str) -> str:
        for target in change.targets or (change.resource,):
            holder = self.ledger.lease(kind, target, run_id)
            if holder != run_id:
                return f"{target} is leased by run {holder}. Wait for it, or use `lifeboat runs release`."
        return ""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        """Make one effect by its own action."""
        return action_of(self.actions, change.by).apply(change, needs, ctx)

    def window(self, limits: Limits) -> int | None:
        """Return the narrowest window of the actions."""
        windows = [window for each in self._all if (window := each.window(limits)) is not None]
        return min(windows, default=None)

    def outputs(self, given: Nothing, made: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: no step refers to it."""
        return {}


@dataclass(frozen=True)
class Undoing(Steps):
    """Works on the steps that take back."""

    def _moved(self, memory: RunMemory, step: Step, row: StepRow, until: datetime) -> StepRow:
        now, limits = self.clock.now(), self.settings.limits
        if row.planned_at is None:
            inverse = self.inverse(memory, step)
            row = self._committed(memory, row, Plan(changes=inverse.changes, failures=inverse.cannot), now)
        action = TakingBack(self.actions, self.ledger, list(memory.step(step.id).changes.values()))
        ctx = context_of(memory, step.id, row.phase, self.aws, limits, now)
        row = self.driver.tick(memory, row, action, ctx, until)
        row = self._settled(memory, step, row, action, ctx)
        if row.settled and row.state is not StepState.STOPPED:
            self._void(memory, step)
            if not row.counts.planned:
                row = row.model_copy(update={"state": StepState.SKIPPED, "message": "there is nothing to take back"})
        return row

    def inverse(self, memory: RunMemory, step: Step) -> Inverse:
        """Return how what a step did is taken back; `step` is the one that takes back."""
        step_id, now = step.id.removeprefix(UNDO_PREFIX), self.clock.now()
        ctx = context_of(memory, step_id, "steps", self.aws.reading(), self.settings.limits, now)
        inverse = inverse_of(memory, self.actions, step_id, replace(ctx, attempt=1))
        return only_own(memory, inverse) if memory.run.mode == DRILL else inverse

    def _void(self, memory: RunMemory, step: Step) -> None:
        """Strike out what the run owed about effects that are taken back."""
        step_id, known = step.id.removeprefix(UNDO_PREFIX), memory.step(step.id)
        open_ones = self.ledger.owed(memory.run.run_id)
        for part in self.inverse(memory, step).parts:
            if part.keys and all(known.effect(key).state is EffectState.DONE for key in part.keys):
                names = [*(each.name for each in part.effect.owes), left_behind(step_id, part.change.key)]
                following = tuple(f"{name}." for name in names)  # what came of it, e.g. the next extension of a shift
                for name in sorted(one for one in open_ones if one in names or one.startswith(following)):
                    self.ledger.settle(memory.run.run_id, name, f"void: {step_id} was taken back")
        for left in leftovers(memory, step_id) if memory.run.mode == DRILL else ():
            self.ledger.owe(memory.run.run_id, left, self.clock.now())


def begin(ledger: Ledger, run: Run, why: str, now: datetime, fence_s: int) -> Run:
    """Note that a run takes back what it did from now on; whoever does what it owes keeps away from it.

    What of that is in hand just now ends within the fence time, before the first effect.
    """
    waits = any(owed.actionable for owed in ledger.owed(run.run_id).values())
    fence = now + timedelta(seconds=fence_s) if waits else run.fence_until
    order = UndoOrder(at=now, by="lifeboat", reason=why)
    return ledger.save(run.model_copy(update={"undo": order, "fence_until": fence}))


def try_again(ledger: Ledger, memory: RunMemory, row: StepRow) -> StepRow:
    """Let what could not be taken back in an earlier round be sent again; what was taken back stays so."""
    step = memory.step(row.step_id)
    again = {change.key: Effect() for change in step.in_state(*TRIED_AGAIN)}
    record(ledger, memory, row, step, again)
    return row.model_copy(update={"failures": tuple(each for each in row.failures if each.code == CANNOT)})
