"""When it is looked next: soon at what is due, ever more rarely at what is late, since every look is a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState
from chalicelib.engine.looking import next_look
from chalicelib.engine.memory import StepMemory
from chalicelib.settings import Pace

NOW = datetime(2031, 1, 6, 1, tzinfo=UTC)
PACE = Pace(poll_min_s=15, poll_max_s=900)


def in_flight(**due_s: float | None) -> StepMemory:
    """Return a step with effects that are due so many seconds from now; None = nobody knows, sent an hour ago."""
    step = StepMemory()
    names = [Change(key=k, kind=ChangeKind.CREATE, resource=k, region="us-east-1", reason="a test") for k in due_s]
    step.add_page(0, names)
    for key, seconds in due_s.items():
        due = None if seconds is None else NOW + timedelta(seconds=seconds)
        step.put(key, Effect(state=EffectState.PENDING, due=due))
        step.sent[key] = NOW - timedelta(hours=1)
    return step


@pytest.mark.parametrize(
    ("due_s", "look_s"),
    [(600, 600), (5, 15), (0, 15), (-60, 15), (-480, 60), (-3600, 450), (-36_000, 900), (5000, 900), (None, 450)],
)
def test_the_later_it_is_the_longer_it_is_waited(due_s: float | None, look_s: float) -> None:
    assert next_look(in_flight(a=due_s), NOW, PACE) == NOW + timedelta(seconds=look_s)


def test_the_earliest_of_several_counts() -> None:
    assert next_look(in_flight(late=-36_000, soon=30, unknown=None), NOW, PACE) == NOW + timedelta(seconds=30)


def test_with_nothing_in_flight_there_is_nothing_to_look_at() -> None:
    assert next_look(StepMemory(), NOW, PACE) is None


def test_what_is_in_doubt_is_looked_for_soon() -> None:
    step = in_flight(a=600)
    step.put("a", Effect(state=EffectState.IN_DOUBT))
    assert next_look(step, NOW, PACE) == NOW + timedelta(seconds=30)
