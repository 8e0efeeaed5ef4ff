"""Sends effects in waves: an intent before each wave, each effect's id recorded right after it.

One conditional write is intent and fence at once; effects are sent within the send window of it. AWS's refusals say
what comes next: throttled and at capacity mean later, busy means the others first, no answer means look before trying
again, and anything else ends that one change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.base import Action, StepContext
from chalicelib.domain.change import IN_FLIGHT, Change, Effect, EffectState
from chalicelib.domain.run import Intent, StepRow
from chalicelib.engine.memory import RunMemory, StepMemory, by_order
from chalicelib.engine.pausing import pause_for
from chalicelib.engine.ports import Clock, Journal, Ledger
from chalicelib.engine.premises import Premises
from chalicelib.engine.recording import record
from chalicelib.errors import ActionError, ErrorKind, RefusedError
from chalicelib.settings import Pace

WAVE = 200  # most effects of one intent
UNHEARD = 3  # so many in a row that were throttled or not answered mean: not now
PACED = 10  # so many effects of one wave say how many come in a second
SILENT = frozenset({ErrorKind.THROTTLED, ErrorKind.IN_DOUBT})


@dataclass(frozen=True)
class Sender:
    """Sends effects. Holds no state of its own."""

    ledger: Ledger
    clock: Clock
    journal: Journal
    pace: Pace
    premises: Premises

    def send(
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
                wave = _worth_reading(step, wave, (until - now).total_seconds())
                wave = self.premises.reviewed(memory, row, step, action, ctx, wave)
            if wave and action.lease:
                wave = self.premises.leased(memory, row, step, action.lease, wave)
            if not wave or not self._send_wave(memory, row, step, action, ctx, wave, until):
                return

    def _wave(self, memory: RunMemory, step: StepMemory, action: Action[Any], ctx: StepContext) -> list[Change]:
        """Choose what is sent next: what is ready, oldest first, as far as the window has room.

        What is read again first is of one Region: a review costs calls for each Region, however few changes it has.
        """
        window, one_region = action.window(ctx.limits), action.review_every_s == 0
        taken: Counter[str] = Counter()
        for change in step.in_state(*IN_FLIGHT):
            taken[change.region] += change.weight
        wave: list[Change] = []
        if window is not None and all(taken[region] >= window for region in step.regions):
            return wave
        for change in by_order(step.in_state(EffectState.ABSENT)):
            if one_region and wave and change.region != wave[0].region:
                continue
            if window is not None and taken[change.region] and taken[change.region] + change.weight > window:
                continue
            if any(memory.effect(need).state is not EffectState.DONE for need in change.after):
                continue
            taken[change.region] += change.weight
            wave.append(change)
            if len(wave) == WAVE:
                break
        return wave

    def _send_wave(
        self,
        memory: RunMemory,
        row: StepRow,
        step: StepMemory,
        action: Action[Any],
        ctx: StepContext,
        wave: Sequence[Change],
        until: datetime,
    ) -> bool:
        """Intend and send one wave; returns False when no more should be sent in this slice."""
        unheard, left = 0, list(wave)  # unheard: sent in a row without AWS taking or refusing it
        began = self.clock.now()
        while left and self.clock.now() < until:
            at = self.clock.now()
            if not self._intend(memory, row, step, left, at):
                return False
            closes = min(until, at + timedelta(seconds=self.pace.send_window_s))
            while left and self.clock.now() < closes and unheard < UNHEARD:
                change = left.pop(0)
                kind = self._send_one(memory, row, step, action, ctx, change, at)
                if kind is ErrorKind.AT_CAPACITY:  # for all that is like it; a quota of one resource comes as busy
                    return self._hold(step, self.pace.poll_min_s * 4)
                unheard = unheard + 1 if kind in SILENT else 0
                if kind is ErrorKind.BUSY:
                    self._hold(step, self.pace.poll_min_s * 4)
            if unheard >= UNHEARD:
                break
        _learn_pace(step, len(wave) - len(left), (self.clock.now() - began).total_seconds())
        if unheard:
            return self._hold(step, 5 * 2 ** min(step.patience, 4))
        step.patience = 0
        return step.not_before is None or step.not_before <= self.clock.now()

    def _hold(self, step: StepMemory, seconds: int) -> bool:
        step.patience += 1
        step.not_before = self.clock.now() + timedelta(seconds=seconds)
        return False

    def _intend(self, memory: RunMemory, row: StepRow, step: StepMemory, wave: Sequence[Change], at: datetime) -> bool:
        """Write down what is about to be sent, with what is still in doubt; False when people want it not to be."""
        if memory.run.stop is None and pause_for(self.ledger.pauses(), memory.run.runbook):
            return False
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
            effect = action.apply(change, memory.needs([change]), ctx)
        except ActionError as error:
            self.journal.note(
                "refused", step=row.step_id, change=change.key, error_code=error.code, kind=error.kind.value
            )
            if error.kind is ErrorKind.IN_DOUBT:
                step.put(change.key, Effect(state=EffectState.IN_DOUBT, at=at))
            elif error.kind is ErrorKind.TERMINAL:
                failed = Effect(state=EffectState.FAILED, at=self.clock.now(), code=error.code, message=error.message)
                record(self.ledger, memory, row, step, {change.key: failed})
            return error.kind
        now = self.clock.now()
        lost = step.lost.pop(change.key, ())
        effect = effect.model_copy(update={"failures": (*lost, *effect.failures), "at": effect.at or now})
        step.sent[change.key] = now
        if effect.due:
            step.forecast_s[change.key] = max(1.0, (effect.due - now).total_seconds())
        step.not_before = None
        record(self.ledger, memory, row, step, {change.key: effect})
        return None


def _held_back(memory: RunMemory, step: StepMemory, now: datetime) -> bool:
    fence = memory.run.fence_until
    return bool((fence and now < fence) or (step.not_before and now < step.not_before))


def _learn_pace(step: StepMemory, sent: int, took_s: float) -> None:
    """Remember how many effects a second this step sends; a few quick ones say nothing."""
    if took_s >= 1 and sent >= PACED:
        step.per_s = sent / took_s


def _worth_reading(step: StepMemory, wave: list[Change], left_s: float) -> list[Change]:
    """Cut a wave to what can be sent before the slice ends: what is reviewed and not sent is reviewed again."""
    return wave[: max(1, int(step.per_s * left_s))] if step.per_s else wave
