"""When to look next: at the earliest expected completion, since every look is a call that the account pays for."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.change import Effect, EffectState
from chalicelib.engine.memory import StepMemory
from chalicelib.settings import Pace

LEARNING = 0.3  # weight of one completion against what was learned before
SCALES = (0.05, 20.0)  # how far from the forecast the learned factor may go
FIRST_LOOK_S = 60.0  # while nothing is known but an assumed rate, looks come at one, two, four ... minutes
PATIENCE = 8  # what is late by eight minutes is looked at once a minute: what takes long may take longer
DOUBT_LOOKS = 2  # looks at what is in doubt are this many shortest polls apart: listings lag by seconds


def effective_due(step: StepMemory, key: str, effect: Effect) -> datetime | None:
    """Return when an effect is expected: by its progress if AWS tells it, else by the forecast as learned."""
    sent, forecast = step.sent.get(key), step.forecast_s.get(key)
    if effect.due is None or not _only_forecast(sent, forecast, effect.due):
        return effect.due
    return sent + timedelta(seconds=forecast * step.scale) if sent and forecast else None


def _only_forecast(sent: datetime | None, forecast: float | None, due: datetime) -> bool:
    """Return True when all that is known of a due time is what was assumed before the effect was sent."""
    return bool(sent and forecast and abs((due - sent).total_seconds() - forecast) <= 1)


def learn(step: StepMemory, key: str, effect: Effect, now: datetime) -> None:
    """Take from a completion how much longer, or shorter, effects take than forecast."""
    sent, forecast = step.sent.get(key), step.forecast_s.get(key)
    if effect.state is EffectState.DONE and sent and forecast:
        ratio = (now - sent).total_seconds() / forecast
        step.learned = True
        step.scale = min(SCALES[1], max(SCALES[0], (1 - LEARNING) * step.scale + LEARNING * ratio))


def _late(expected: datetime | None, now: datetime) -> timedelta:
    return max(timedelta(0), now - expected) if expected else timedelta(0)


def next_look(step: StepMemory, now: datetime, pace: Pace) -> datetime | None:
    """Return when looking, or sending, is next worth a call; None when nothing is in flight or held back."""
    shortest = now + timedelta(seconds=pace.poll_min_s)
    moments = []
    for change in step.in_state(EffectState.PENDING):
        effect = step.effect(change.key)
        due = effective_due(step, change.key, effect)
        sent = step.sent.get(change.key)
        if (
            due
            and sent
            and not step.learned
            and _only_forecast(sent, step.forecast_s.get(change.key), effect.due or due)
        ):
            # A forecast from a volume's size is an upper bound: an incremental snapshot may be done within a minute.
            due = min(due, now + max(timedelta(seconds=FIRST_LOOK_S), now - sent))
        moments.append(max(shortest, due or shortest, now + _late(due or sent, now) / PATIENCE))
    if step.in_state(EffectState.IN_DOUBT):
        moments.append(now + timedelta(seconds=pace.poll_min_s * DOUBT_LOOKS))
    if not moments:
        return None
    return min(*moments, now + timedelta(seconds=pace.poll_max_s))
