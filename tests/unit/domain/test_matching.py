"""Covers which runbooks an event is for, and when it comes too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.event import ManualCause, parse
from chalicelib.domain.matching import AnyEvent, matches, too_old
from chalicelib.domain.runbook import Runbook
from tests.unit.domain.test_event import raw

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def runbook(name: str, *when: dict[str, Any]) -> Runbook:
    return Runbook.model_validate(
        {
            "version": 1,
            "name": name,
            "when": list(when),
            "guard": {"regions": ["us-east-1"]},
            "steps": [{"id": "notice", "uses": "notify.send"}],
        }
    )


def found(event: AnyEvent, *runbooks: Runbook) -> list[tuple[str, int | None]]:
    return [(match.runbook.name, match.trigger_index) for match in matches(event, runbooks)]


def test_a_firing_is_for_its_runbook_and_trigger_only() -> None:
    event = parse(raw("schedule"), NOW)
    night = {"schedule": "cron(0 3 * * ? *)", "timezone": "Europe/Paris"}
    assert found(event, runbook("nightly-backup", night), runbook("other", night)) == [("nightly-backup", 0)]


def test_a_firing_of_a_trigger_that_is_no_schedule_any_more_is_for_nobody() -> None:
    event = parse(raw("schedule"), NOW)
    assert found(event, runbook("nightly-backup", {"alarm": "*"}), runbook("nightly-backup")) == []


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("orders-db-unreachable", True),
        ("orders-*", True),
        ("*", True),
        ("orders-db-unreachabl?", True),
        ("orders", False),
        ("ORDERS-*", False),
        ("[o]rders-*", False),
    ],
)
def test_an_alarm_is_matched_by_name_or_pattern(pattern: str, fits: bool) -> None:  # noqa: FBT001
    event = parse(raw("alarm-metric"), NOW)
    assert bool(found(event, runbook("a", {"alarm": pattern}))) is fits


def test_an_alarm_in_another_state_is_not_meant() -> None:
    event = parse(raw("alarm-metric"), NOW)
    assert found(event, runbook("a", {"alarm": "*", "state": "OK"})) == []


def test_another_event_does_not_match_an_alarm_trigger() -> None:
    assert found(parse(raw("health"), NOW), runbook("a", {"alarm": "*"})) == []


def test_an_event_pattern_matches_events_and_alarms_alike() -> None:
    health = runbook("h", {"event": {"source": ["aws.health"], "detail": {"service": ["EC2"]}}})
    alarms = runbook("c", {"event": {"source": ["aws.cloudwatch"]}})
    assert found(parse(raw("health"), NOW), health, alarms) == [("h", 0)]
    assert found(parse(raw("alarm-composite"), NOW), health, alarms) == [("c", 0)]


def test_a_runbook_is_started_once_by_the_first_trigger_that_fits() -> None:
    both = runbook("a", {"alarm": "nothing"}, {"alarm": "shop-*"}, {"alarm": "*"})
    assert found(parse(raw("alarm-composite"), NOW), both) == [("a", 1)]


def test_the_reason_says_what_happened_and_the_trigger_is_at_hand() -> None:
    [match] = matches(parse(raw("alarm-composite"), NOW), [runbook("a", {"alarm": "shop-down"})])
    assert match.reason.startswith("alarm shop-down is ALARM")
    assert match.trigger is match.runbook.when[0]


def test_a_cause_by_hand_is_for_the_runbook_it_names_and_never_too_old() -> None:
    cause = ManualCause(runbook="a", who="ana", key="k", occurred_at=NOW - timedelta(days=400))
    [match] = matches(cause, [runbook("a"), runbook("b")])
    assert (match.runbook.name, match.trigger) == ("a", None)
    assert too_old(cause, match.trigger, NOW) is None


def age_limit(name: str, **trigger: str) -> timedelta:
    """Return the age from which on an event is refused, to the second."""
    event = parse(raw(name), NOW)
    owner = runbook("nightly-backup", trigger)
    limits = [
        s for s in range(0, 200_000, 60) if too_old(event, owner.when[0], event.occurred_at + timedelta(seconds=s))
    ]
    return timedelta(seconds=limits[0] - 60) if limits else timedelta.max


@pytest.mark.parametrize(
    ("name", "trigger", "limit"),
    [
        ("alarm-metric", {"alarm": "*"}, timedelta(minutes=15)),
        ("alarm-metric", {"alarm": "*", "max_age": "2h"}, timedelta(hours=2)),
        ("health", {"event": {"source": ["aws.health"]}}, timedelta(minutes=15)),
        ("schedule", {"schedule": "cron(0 3 * * ? *)", "timezone": "Europe/Paris"}, timedelta(days=1)),
        (
            "schedule",
            {"schedule": "cron(0 3 * * ? *)", "timezone": "Europe/Paris", "max_age": "1h"},
            timedelta(hours=1),
        ),
        ("schedule", {"schedule": "rate(2 hours)"}, timedelta(hours=2)),
        ("schedule", {"schedule": "at(2026-01-15T02:00:00)"}, timedelta(minutes=15)),
    ],
)
def test_an_event_is_refused_beyond_its_age(name: str, trigger: dict[str, Any], limit: timedelta) -> None:
    assert age_limit(name, **trigger) == limit


def test_a_refusal_says_how_old_and_what_is_allowed() -> None:
    event = parse(raw("alarm-metric"), NOW)
    message = too_old(event, runbook("a", {"alarm": "*"}).when[0], event.occurred_at + timedelta(hours=3))
    assert message is not None
    assert message.endswith("is 3h old; older than 15m is not acted upon")
