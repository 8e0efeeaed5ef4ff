"""When to look next: at the earliest expected completion, since every look is a call that the account pays for."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.change import Effect, EffectState
from chalicelib.engine.memory import StepMemory
from chalicelib.settings import Pace

LEARNING = 0.3  # weight of one completion against what was learned before
SCALES = (0.05, 20.0)  # how far from the forecast the learned factor may go
DOUBT_LOOKS = 2  # looks at what is in doubt are this many shortest polls apart: listings lag by seconds


def effective_due(step: StepMemory, key: str, effect: Effect) -> datetime | None:
    """Return when an effect is expected: by its progress if AWS tells it, else by the forecast as learned."""
    sent, forecast = step.sent.get(key), step.forecast_s.get(key)
    if sent is None or forecast is None or effect.due is None:
        return effect.due
    told = sent + timedelta(seconds=forecast)
    if abs((effect.due - told).total_seconds()) > 1:
        return effect.due
    return sent + timedelta(seconds=forecast * step.scale)


def learn(step: StepMemory, key: str, effect: Effect, now: datetime) -> None:
    """Take from a completion how much longer, or shorter, effects take than forecast."""
    sent, forecast = step.sent.get(key), step.forecast_s.get(key)
    if effect.state is EffectState.DONE and sent and forecast:
        ratio = (now - sent).total_seconds() / forecast
        step.scale = min(SCALES[1], max(SCALES[0], (1 - LEARNING) * step.scale + LEARNING * ratio))


def next_look(step: StepMemory, now: datetime, pace: Pace) -> datetime | None:
    """Return when looking, or sending, is next worth a call; None when nothing is in flight or held back."""
    shortest = now + timedelta(seconds=pace.poll_min_s)
    moments = []
    for change in step.in_state(EffectState.PENDING):
        due = effective_due(step, change.key, step.effect(change.key))
        moments.append(max(shortest, due) if due else shortest)
    if step.in_state(EffectState.IN_DOUBT):
        moments.append(now + timedelta(seconds=pace.poll_min_s * DOUBT_LOOKS))
    if not moments:
        return None
    return min(*moments, now + timedelta(seconds=pace.poll_max_s))
