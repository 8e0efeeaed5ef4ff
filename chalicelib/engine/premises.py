"""What a change relies on, read again immediately before its effect: its premise, and that no other run has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.actions.base import Action, Review, StepContext
from chalicelib.domain.change import Change, Effect, EffectState, Failure
from chalicelib.domain.run import DRILL, StepRow
from chalicelib.engine.memory import RunMemory, StepMemory, by_order
from chalicelib.engine.ports import Clock, Ledger
from chalicelib.engine.recording import record

REVIEWED = 200  # most changes read again at once: one filtered describe


@dataclass(frozen=True)
class Premises:
    """Decides which of the changes about to be made may still be made."""

    ledger: Ledger
    clock: Clock

    def reread(
        self, memory: RunMemory, row: StepRow, step: StepMemory, action: Action[Any], ctx: StepContext
    ) -> StepRow:
        """Read again, now and then, whether changes that still wait are needed at all."""
        every, now = action.review_every_s, self.clock.now()
        last = row.reviewed_at or row.planned_at
        if not every or last is None or now - last < timedelta(seconds=every):
            return row
        waiting = by_order(step.in_state(EffectState.ABSENT))[:REVIEWED]
        if waiting:
            self.reviewed(memory, row, step, action, ctx, waiting)
        return row.model_copy(update={"reviewed_at": now})

    def reviewed(
        self,
        memory: RunMemory,
        row: StepRow,
        step: StepMemory,
        action: Action[Any],
        ctx: StepContext,
        wave: Sequence[Change],
    ) -> list[Change]:
        """Read the wave's premises again; returns what may still be made, as it may be made."""
        found = action.review(wave, memory.needs(wave), ctx)
        now, ended, allowed = self.clock.now(), {}, []
        for change in wave:
            review = found.get(change.key, Review())
            if review.state:
                ended[change.key] = Effect(
                    state=EffectState(review.state), at=now, message=review.message, failures=_failures(review)
                )
                continue
            if review.params is not None:
                change = change.model_copy(update={"params": dict(review.params)})  # noqa: PLW2901 - as it may be made
            if review.lost:
                step.lost[change.key] = _failures(review)
            allowed.append(change)
        record(self.ledger, memory, row, step, ended)
        return allowed

    def leased(
        self, memory: RunMemory, row: StepRow, step: StepMemory, kind: str, wave: Sequence[Change]
    ) -> list[Change]:
        """Claim the wave's targets; what another run has ends as a conflict that names that run.

        A drill claims nothing: it touches only its own, and must not stand in the way of a recovery.
        """
        if memory.run.mode == DRILL:
            return list(wave)
        mine, allowed, ended = memory.run.run_id, [], {}
        for change in wave:
            holders = {target: self.ledger.lease(kind, target, mine) for target in change.targets or (change.resource,)}
            others = {target: run for target, run in holders.items() if run != mine}
            if not others:
                allowed.append(change)
                continue
            said = ", ".join(f"{target} is leased by run {run}" for target, run in sorted(others.items()))
            ended[change.key] = Effect(
                state=EffectState.CONFLICT,
                at=self.clock.now(),
                code="run.leased",
                message=f"{change.resource}: {said}. Wait for it, or use `lifeboat runs release`.",
            )
        record(self.ledger, memory, row, step, ended)
        return allowed


def _failures(review: Review) -> tuple[Failure, ...]:
    return tuple(Failure(resource=r, code=c, message=m) for r, c, m in review.lost)
