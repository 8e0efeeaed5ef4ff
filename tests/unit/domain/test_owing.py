"""When an obligation is tried, and when people hear that it is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation
from chalicelib.domain.owing import Owed

NOW = datetime(2031, 1, 6, 3, 0, tzinfo=UTC)
CHANGE = Change(key="k", kind=ChangeKind.MODIFY, resource="i-1", region="us-east-1", reason="fence")
MINUTE = timedelta(minutes=1)


def owed(**changes: Any) -> Owed:
    known: dict[str, Any] = {"name": "isolate.i-1", "why": "Isolate i-1.", "uses": "toy.isolate", "change": CHANGE}
    return Owed.model_validate({**known, "since": NOW, **changes})


def test_it_is_written_down_as_the_effect_said_it() -> None:
    said = Obligation(name="n", why="w", due=NOW, uses="toy.isolate", change=CHANGE)
    assert Owed.of(said, NOW) == owed(name="n", why="w", due=NOW)


def test_it_is_tried_at_once_or_at_its_time_and_then_as_often_as_it_takes() -> None:
    assert owed().ready(NOW)
    later = owed(due=NOW + MINUTE)
    assert not later.ready(NOW)
    assert later.ready(NOW + MINUTE)
    tried = later.in_vain(NOW + MINUTE, "throttled", Effect(state=EffectState.PENDING, id="x"))
    assert (tried.tries, tried.said, tried.effect.id) == (1, "throttled", "x")
    assert not tried.ready(NOW + 5 * MINUTE)
    assert tried.ready(NOW + 6 * MINUTE)
    assert tried.in_vain(NOW, "again").effect.id == "x"


def test_only_what_names_its_action_and_change_is_tried() -> None:
    assert not owed(uses="").ready(NOW)
    assert not owed(change=None).ready(NOW)


def test_what_lifeboat_does_is_late_twenty_minutes_after_its_time() -> None:
    assert owed(due=NOW + 60 * MINUTE).late(NOW + 79 * MINUTE) == ""
    late = owed(due=NOW + 60 * MINUTE).in_vain(NOW, "denied").late(NOW + 80 * MINUTE)
    assert late == "Isolate i-1. That is 20m late. Tried 1 times; the last time: denied"


def test_what_people_do_and_what_waits_for_long_is_told_of_after_a_day() -> None:
    by_people = owed(uses="")
    assert by_people.late(NOW + timedelta(hours=23)) == ""
    assert by_people.late(NOW + timedelta(days=1)) == "Isolate i-1. That has been open for 1d."
    assert "open for 1d" in owed(due=NOW + timedelta(days=2)).late(NOW + timedelta(days=1))
