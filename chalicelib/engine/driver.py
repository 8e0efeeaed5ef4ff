"""Moves the effects of one step on by one slice: observe, apply what is due and allowed, record.

The order of writing is what makes it safe: an intent before the effects of a wave (one conditional write that also is
the fence), each effect's id right after it. Whatever was intended and has no recorded effect is in doubt, and is looked
for before it is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.base import Action, StepContext
from chalicelib.domain.change import IN_FLIGHT, SETTLED, Change, Effect, EffectState, Obligation
from chalicelib.domain.run import StepRow
from chalicelib.engine.looking import learn, next_look
from chalicelib.engine.memory import RunMemory, StepMemory
from chalicelib.engine.pausing import held
from chalicelib.engine.ports import Clock, Journal, Ledger
from chalicelib.engine.premises import Premises
from chalicelib.engine.recording import ensure_held, record
from chalicelib.engine.sending import Sender
from chalicelib.errors import ActionError, ErrorKind
from chalicelib.settings import Pace

BROKEN = SETTLED - {EffectState.DONE}  # ended without a result


@dataclass(frozen=True)
class Driver:
    """Drives effects. Holds no state of its own: what it knows is in the run's memory and in the ledger."""

    ledger: Ledger
    clock: Clock
    journal: Journal
    pace: Pace
    premises: Premises
    sender: Sender

    @classmethod
    def over(cls, ledger: Ledger, clock: Clock, journal: Journal, pace: Pace) -> Driver:
        """Join a driver."""
        premises = Premises(ledger, clock)
        return cls(ledger, clock, journal, pace, premises, Sender(ledger, clock, journal, pace, premises))

    def tick(self, memory: RunMemory, row: StepRow, action: Action[Any], ctx: StepContext, until: datetime) -> StepRow:
        """Work on one planned step until nothing can be done now, or `until`; returns its row with the next look."""
        step = memory.step(row.step_id)
        self._follow_needs(memory, row, step)
        if self._late(memory, row) or row.next_at is None or self.clock.now() >= row.next_at:
            self._look(memory, row, step, action, ctx)
        if self._late(memory, row):
            self._expire(memory, row, step)
        elif not held(memory, row.phase):
            row = self.premises.reread(memory, row, step, action, ctx)
            self.sender.send(memory, row, step, action, ctx, until)
            self._follow_needs(memory, row, step)  # of what has just ended, also in this step
        return row.model_copy(update={"next_at": next_look(step, self.clock.now(), self.pace)})

    def _late(self, memory: RunMemory, row: StepRow) -> bool:
        """Return True when the step's time is up; while the run is paused its time stands still."""
        return row.deadline is not None and memory.run.paused_at is None and self.clock.now() >= row.deadline

    def _follow_needs(self, memory: RunMemory, row: StepRow, step: StepMemory) -> None:
        """End changes whose source ended without a result; what follows something needless is needless itself."""
        while True:
            ended: dict[str, Effect] = {}
            broken = {f"{name}/{change.key}" for name, one in memory.steps.items() for change in one.in_state(*BROKEN)}
            for change in step.in_state(EffectState.ABSENT) if broken else ():
                sources = {need: memory.effect(need) for need in change.after if need in broken}
                if sources:
                    ended[change.key] = _followed(change, sources, self.clock.now())
            if not ended:
                return
            record(self.ledger, memory, row, step, ended)

    def _look(self, memory: RunMemory, row: StepRow, step: StepMemory, action: Action[Any], ctx: StepContext) -> None:
        """Observe everything in flight, and give up on what was in doubt for long enough and is not there."""
        asked = [(change, step.effect(change.key)) for change in step.in_state(*IN_FLIGHT)]
        if not asked:
            return
        try:
            found = action.observe(asked, ctx)
        except ActionError as error:
            if error.kind is ErrorKind.TERMINAL:
                raise
            self.journal.note("could not look", step=row.step_id, error_code=error.code)
            return
        now = self.clock.now()
        settle = timedelta(seconds=self.pace.settle_s if action.settle_s is None else action.settle_s)
        moved: dict[str, Effect] = {}
        for change, before in asked:
            after = found.get(change.key)
            if after is not None:
                self._seen(step, change, after, now)
                if _worth_recording(before, after):
                    moved[change.key] = after
            elif before.state is EffectState.IN_DOUBT and before.at and now - before.at >= settle:
                step.forget(change.key)
                step.resent.setdefault(change.key, before.at)
                self.journal.note("not there after the settle time", step=row.step_id, change=change.key)
        self._count_again(step, moved, action, ctx)
        record(self.ledger, memory, row, step, moved)

    @staticmethod
    def _seen(step: StepMemory, change: Change, effect: Effect, now: datetime) -> None:
        learn(step, change.key, effect, now)
        step.put(change.key, effect)
        if effect.settled:
            step.not_before = None  # what has ended made room for what was refused

    @staticmethod
    def _count_again(step: StepMemory, moved: dict[str, Effect], action: Action[Any], ctx: StepContext) -> None:
        """Look once more, by name, for what was sent twice: AWS may have listed the first one very late."""
        twice = [
            (step.changes[key], Effect(state=EffectState.IN_DOUBT, at=step.resent.pop(key)))
            for key, effect in moved.items()
            if effect.state is EffectState.DONE and key in step.resent
        ]
        for key, named in (action.observe(twice, ctx) if twice else {}).items():
            told = {(failure.resource, failure.code) for failure in moved[key].failures}
            more = tuple(failure for failure in named.failures if (failure.resource, failure.code) not in told)
            moved[key] = moved[key].model_copy(update={"failures": (*moved[key].failures, *more)})
            step.put(key, moved[key])

    def _expire(self, memory: RunMemory, row: StepRow, step: StepMemory) -> None:
        """End what is open when the step's time is up, each by name."""
        ensure_held(self.ledger, memory)  # a process that slept until now may have been taken over long ago
        now = self.clock.now()
        expired = {}
        for change in step.open():
            effect = step.effect(change.key)
            still = f"; {effect.id} is still {effect.state.value} in AWS and is left behind" if effect.id else ""
            known = f" {effect.message}" if effect.message else ""
            expired[change.key] = effect.moved(
                EffectState.FAILED,
                now,
                code="step.deadline",
                message=f"{change.resource}: not done when the step's time was up{still}.{known} Give it a longer "
                "`within:`, or run it again.",
            )
            if effect.id:
                why = f"{effect.id} of {change.resource} was left behind in AWS when the time of {row.step_id} was up."
                left = Obligation(name=left_behind(row.step_id, change.key), why=f"{why} Look at it.")
                self.ledger.owe(memory.run.run_id, left, now)
        record(self.ledger, memory, row, step, expired)


def _followed(change: Change, sources: Mapping[str, Effect], now: datetime) -> Effect:
    """Return how a change ends whose sources ended without a result: as needless as they are, or failed with them."""
    bad = {need: effect for need, effect in sources.items() if effect.state is not EffectState.MOOT}
    need, source = next(iter((bad or sources).items()))
    why = source.message or source.state.value
    message = f"{change.resource}: not done, because {need} {source.state.value}: {why}"
    if not bad:
        return Effect(state=EffectState.MOOT, at=now, message=message)
    return Effect(state=EffectState.FAILED, at=now, code="action.source_failed", message=message)


def _worth_recording(before: Effect, after: Effect) -> bool:
    return before.state is not after.state or before.id != after.id or before.facts != after.facts


def left_behind(step_id: str, key: str) -> str:
    """Name the obligation to look at what a change whose time was up has left in AWS."""
    return f"{step_id}.{key}"[:200]
