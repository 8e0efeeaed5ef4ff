"""Moves the effects of one step on by one slice: observe, apply what is due and allowed, record.

The order of writing is what makes it safe: an intent before the effects of a wave (one conditional write that also is
the fence), each effect's id right after it. Whatever was intended and has no recorded effect is in doubt, and is looked
for before it is sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.base import Action, Review, StepContext
from chalicelib.domain.change import IN_FLIGHT, SETTLED, Change, Effect, EffectState, Failure
from chalicelib.domain.run import Intent, StepRow
from chalicelib.engine.looking import effective_due, learn, next_look
from chalicelib.engine.memory import RunMemory, StepMemory
from chalicelib.engine.ports import Clock, Journal, Ledger
from chalicelib.errors import ActionError, ErrorKind, RefusedError
from chalicelib.settings import Pace

WAVE = 200  # most effects of one intent
THROTTLES = 3  # so many refusals in a row mean: not now
BROKEN = SETTLED - {EffectState.DONE}  # ended without a result
REVIEWED = 200  # most changes read again at once: one filtered describe


@dataclass(frozen=True)
class Driver:
    """Drives effects. Holds no state of its own: what it knows is in the run's memory and in the ledger."""

    ledger: Ledger
    clock: Clock
    journal: Journal
    pace: Pace

    def tick(self, memory: RunMemory, row: StepRow, action: Action[Any], ctx: StepContext, until: datetime) -> StepRow:
        """Work on one planned step until nothing can be done now, or `until`; returns its row with the next look."""
        step = memory.step(row.step_id)
        self._follow_needs(memory, row, step)
        if row.next_at is None or self.clock.now() >= row.next_at:
            self._look(memory, row, step, action, ctx)
        if row.deadline and self.clock.now() >= row.deadline:
            self._expire(memory, row, step)
        elif memory.run.stop is None or row.phase == "always":
            row = self._reread(memory, row, step, action, ctx)
            self._send(memory, row, step, action, ctx, until)
        return row.model_copy(update={"next_at": next_look(step, self.clock.now(), self.pace)})

    def _follow_needs(self, memory: RunMemory, row: StepRow, step: StepMemory) -> None:
        """End changes whose source ended without a result."""
        ended: dict[str, Effect] = {}
        broken = {f"{name}/{change.key}" for name, one in memory.steps.items() for change in one.in_state(*BROKEN)}
        for change in step.in_state(EffectState.ABSENT) if broken else ():
            for need in change.after:
                if need in broken:
                    source = memory.effect(need)
                    why = source.message or source.state.value
                    ended[change.key] = Effect(
                        state=EffectState.FAILED,
                        at=self.clock.now(),
                        code="action.source_failed",
                        message=f"{change.resource}: not done, because {need} {source.state.value}: {why}",
                    )
        self._record(memory, row, step, ended)

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
                self.journal.note("not there after the settle time", step=row.step_id, change=change.key)
        self._record(memory, row, step, moved)

    @staticmethod
    def _seen(step: StepMemory, change: Change, effect: Effect, now: datetime) -> None:
        learn(step, change.key, effect, now)
        step.put(change.key, effect)
        if effect.settled:
            step.not_before = None  # what has ended made room for what was refused

    def _expire(self, memory: RunMemory, row: StepRow, step: StepMemory) -> None:
        """End what is open when the step's time is up, each by name."""
        now = self.clock.now()
        expired = {}
        for change in step.open():
            effect = step.effect(change.key)
            left = f"; {effect.id} is still {effect.state.value} in AWS and is left behind" if effect.id else ""
            expired[change.key] = effect.moved(
                EffectState.FAILED,
                now,
                code="step.deadline",
                message=f"{change.resource}: not done when the step's time was up{left}. Give it a longer `within:`, "
                "or run it again.",
            )
            if effect.id:
                self.ledger.owe(
                    memory.run.run_id,
                    f"{row.step_id}.{change.key}"[:200],
                    {"left_behind": effect.id, "at": now.isoformat()},
                )
        self._record(memory, row, step, expired)

    def _reread(
        self, memory: RunMemory, row: StepRow, step: StepMemory, action: Action[Any], ctx: StepContext
    ) -> StepRow:
        """Read again, now and then, whether changes that still wait are needed at all."""
        every, now = action.review_every_s, self.clock.now()
        last = row.reviewed_at or row.planned_at
        if not every or last is None or now - last < timedelta(seconds=every):
            return row
        waiting = _by_order(step.in_state(EffectState.ABSENT))[:REVIEWED]
        if waiting:
            self._reviewed(memory, row, step, action, ctx, waiting)
        return row.model_copy(update={"reviewed_at": now})

    def _send(
        self,
        memory: RunMemory,
        row: StepRow,
        step: StepMemory,
        action: Action[Any],
        ctx: StepContext,
        until: datetime,
    ) -> None:
        """Apply waves of effects for as long as there is something to send, room for it, and time."""
        while True:
            now = self.clock.now()
            if now >= until or _held_back(memory, step, now):
                return
            wave = self._wave(memory, step, action, ctx)
            if wave and action.review_every_s == 0:
                wave = self._reviewed(memory, row, step, action, ctx, wave)
            if wave and action.lease:
                wave = self._leased(memory, row, step, action.lease, wave)
            if not wave or not self._send_wave(memory, row, step, action, ctx, wave):
                return

    def _wave(self, memory: RunMemory, step: StepMemory, action: Action[Any], ctx: StepContext) -> list[Change]:
        """Choose what is sent next: what is ready, oldest first, as far as the window has room."""
        window = action.window(ctx.limits)
        taken: Counter[str] = Counter()
        for change in step.in_state(*IN_FLIGHT):
            taken[change.region] += change.weight
        wave: list[Change] = []
        if window is not None and all(taken[region] >= window for region in step.regions):
            return wave
        for change in _by_order(step.in_state(EffectState.ABSENT)):
            if window is not None and taken[change.region] and taken[change.region] + change.weight > window:
                continue
            if any(memory.effect(need).state is not EffectState.DONE for need in change.after):
                continue
            taken[change.region] += change.weight
            wave.append(change)
            if len(wave) == WAVE:
                break
        return wave

    def _reviewed(
        self,
        memory: RunMemory,
        row: StepRow,
        step: StepMemory,
        action: Action[Any],
        ctx: StepContext,
        wave: Sequence[Change],
    ) -> list[Change]:
        """Read the wave's premises again; returns what may still be made, as it may be made."""
        found = action.review(wave, _needs(memory, wave), ctx)
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
        self._record(memory, row, step, ended)
        return allowed

    def _leased(
        self, memory: RunMemory, row: StepRow, step: StepMemory, kind: str, wave: Sequence[Change]
    ) -> list[Change]:
        """Claim the wave's targets; what another run has ends as a conflict that names that run."""
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
        self._record(memory, row, step, ended)
        return allowed

    def _send_wave(
        self,
        memory: RunMemory,
        row: StepRow,
        step: StepMemory,
        action: Action[Any],
        ctx: StepContext,
        wave: Sequence[Change],
    ) -> bool:
        """Intend and send one wave; returns False when no more should be sent in this slice."""
        throttles, left = 0, list(wave)
        while left:
            at = self.clock.now()
            if not self._intend(memory, row, step, left, at):
                return False
            while left and self.clock.now() - at < timedelta(seconds=self.pace.send_window_s):
                change = left.pop(0)
                kind = self._send_one(memory, row, step, action, ctx, change, at)
                if kind is ErrorKind.AT_CAPACITY:
                    return self._hold(step, self.pace.poll_min_s * 4)
                throttles = throttles + 1 if kind is ErrorKind.THROTTLED else 0
                if throttles == THROTTLES:
                    return self._hold(step, 5 * 2 ** min(step.patience, 4))
                if kind is ErrorKind.BUSY:
                    self._hold(step, self.pace.poll_min_s * 4)
        step.patience = 0
        return step.not_before is None

    def _hold(self, step: StepMemory, seconds: int) -> bool:
        step.patience += 1
        step.not_before = self.clock.now() + timedelta(seconds=seconds)
        return False

    def _intend(self, memory: RunMemory, row: StepRow, step: StepMemory, wave: Sequence[Change], at: datetime) -> bool:
        """Write down what is about to be sent, with what is still in doubt; False when a stop was asked for."""
        new = Intent(at=at, keys=tuple(change.key for change in wave))
        intents = {**memory.run.intents, row.step_id: (*step.intents(), new)}
        run = memory.run.model_copy(update={"intents": intents})
        try:
            self.ledger.intend(run, at)
        except RefusedError:
            fresh = self.ledger.load(run.run_id)
            if fresh:
                memory.run = memory.run.model_copy(update={"stop": fresh.stop})
            return False
        memory.run = run
        return True

    def _send_one(
        self,
        memory: RunMemory,
        row: StepRow,
        step: StepMemory,
        action: Action[Any],
        ctx: StepContext,
        change: Change,
        at: datetime,
    ) -> ErrorKind | None:
        """Make one effect and record it; returns the kind of refusal, or None."""
        try:
            effect = action.apply(change, _needs(memory, [change]), ctx)
        except ActionError as error:
            self.journal.note(
                "refused", step=row.step_id, change=change.key, error_code=error.code, kind=error.kind.value
            )
            if error.kind is ErrorKind.IN_DOUBT:
                step.put(change.key, Effect(state=EffectState.IN_DOUBT, at=at))
            elif error.kind is ErrorKind.TERMINAL:
                failed = Effect(state=EffectState.FAILED, at=self.clock.now(), code=error.code, message=error.message)
                self._record(memory, row, step, {change.key: failed})
            return error.kind
        now = self.clock.now()
        lost = step.lost.pop(change.key, ())
        effect = effect.model_copy(update={"failures": (*lost, *effect.failures), "at": effect.at or now})
        step.sent[change.key] = now
        if effect.due:
            step.forecast_s[change.key] = max(1.0, (effect.due - now).total_seconds())
        step.not_before = None
        self._record(memory, row, step, {change.key: effect})
        return None

    def _record(self, memory: RunMemory, row: StepRow, step: StepMemory, effects: Mapping[str, Effect]) -> None:
        """Write effects to the ledger, a call a page, and remember them."""
        pages: dict[int, dict[str, Effect]] = {}
        for key, effect in effects.items():
            pages.setdefault(step.pages[key], {})[key] = effect
            step.put(key, effect)
        for number, page in pages.items():
            self.ledger.record(memory.run.run_id, row.step_id, number, page)


def _worth_recording(before: Effect, after: Effect) -> bool:
    return before.state is not after.state or before.id != after.id or before.facts != after.facts


def _held_back(memory: RunMemory, step: StepMemory, now: datetime) -> bool:
    fence = memory.run.fence_until
    return bool((fence and now < fence) or (step.not_before and now < step.not_before))


def _by_order(changes: Sequence[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (change.order, change.key))


def _needs(memory: RunMemory, wave: Sequence[Change]) -> dict[str, Effect]:
    return {need: memory.effect(need) for change in wave for need in change.after}


def _failures(review: Review) -> tuple[Failure, ...]:
    return tuple(Failure(resource=r, code=c, message=m) for r, c, m in review.lost)


__all__ = ["Driver", "effective_due"]
