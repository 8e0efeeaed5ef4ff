"""Covers reading events: each shape, and every field that can be wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from chalicelib.domain.event import AlarmEvent, Event, ManualCause, OtherEvent, ScheduleEvent, parse
from chalicelib.errors import InputError

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def raw(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def test_a_firing_is_known_by_the_time_it_was_meant_for() -> None:
    event = parse(raw("schedule"), NOW)
    assert isinstance(event, ScheduleEvent)
    assert event.cause_key == "schedule/0/2026-01-15T02:00:00Z"
    assert event.summary == "schedule of 2026-01-15T02:00:00Z"


def test_a_metric_alarm_is_read() -> None:
    event = parse(raw("alarm-metric"), NOW)
    assert isinstance(event, AlarmEvent)
    assert (event.alarm, event.state, event.composite) == ("orders-db-unreachable", "ALARM", False)
    assert event.summary == "alarm orders-db-unreachable is ALARM (was OK) since 2026-01-15T09:42:31Z"
    assert event.cause_key == "event/c4c1c1c9-6542-e61b-6ef0-8c4d36933a92"


def test_a_composite_alarm_is_read() -> None:
    event = parse(raw("alarm-composite"), NOW)
    assert isinstance(event, AlarmEvent)
    assert event.composite
    assert event.alarm == "shop-down"


def test_an_alarm_without_previous_state_or_configuration_is_still_an_alarm() -> None:
    sparse = raw("alarm-metric")
    del sparse["detail"]["previousState"], sparse["detail"]["configuration"]
    event = parse(sparse, NOW)
    assert event.summary == "alarm orders-db-unreachable is ALARM since 2026-01-15T09:42:31Z"


@pytest.mark.parametrize("name", ["ebs-snapshot", "health"])
def test_any_other_event_keeps_all_its_fields(name: str) -> None:
    event = parse(raw(name), NOW)
    assert isinstance(event, OtherEvent)
    assert event.raw == raw(name)
    assert event.cause_key == (
        "health/01b0993207d81a09dcd552ebd1e633e36cf1f09a" if name == "health" else f"event/{raw(name)['id']}"
    )
    assert event.detail_type in event.summary
    assert event.elsewhere is (name == "health")


def test_an_event_tells_since_when_and_where_as_far_as_it_says() -> None:
    health, alarm, schedule = (parse(raw(name), NOW) for name in ("health", "alarm-metric", "schedule"))
    assert (health.since, health.about["service"]) == (datetime(2026, 1, 15, 9, 58, tzinfo=UTC), "EC2")
    assert alarm.about["dimensions"] == {"DBInstanceIdentifier": "orders"}
    assert (schedule.since, schedule.about) == (None, {})


def test_what_health_tells_a_backup_region_is_about_the_region_that_is_meant() -> None:
    event = parse({**raw("health"), "region": "us-west-2", "id": "another"}, NOW)
    assert isinstance(event, OtherEvent)
    assert (event.region, event.cause_key) == ("us-east-1", parse(raw("health"), NOW).cause_key)


def test_only_an_alarm_that_goes_off_says_since_when() -> None:
    state = {
        "value": "OK",
        "reasonData": '{"startDate": "2026-01-15T09:00:00Z", "period": 60, "recentDatapoints": [1]}',
    }
    known = raw("alarm-metric")
    assert parse({**known, "detail": {**known["detail"], "state": state}}, NOW).since is None
    going = {**state, "value": "ALARM"}
    assert parse({**known, "detail": {**known["detail"], "state": going}}, NOW).since == datetime(
        2026, 1, 15, 9, tzinfo=UTC
    )


def test_another_event_of_cloudwatch_is_no_alarm() -> None:
    event = parse({**raw("alarm-metric"), "detail-type": "CloudWatch Alarm Configuration Change"}, NOW)
    assert event.kind == "event"


def test_a_cause_by_hand_is_known_by_the_callers_key() -> None:
    cause = ManualCause(runbook="nightly-backup", who="ana", key="k1", occurred_at=NOW)
    assert cause.cause_key == "manual/k1"
    assert cause.summary == "by hand, ana"


@pytest.mark.parametrize("name", ["schedule", "alarm-metric", "alarm-composite", "ebs-snapshot", "health"])
def test_the_same_event_delivered_twice_has_the_same_cause_key(name: str) -> None:
    late = datetime(2026, 1, 16, tzinfo=UTC)
    assert parse(raw(name), NOW).cause_key == parse(raw(name), late).cause_key


@pytest.mark.parametrize("name", ["schedule", "alarm-metric", "health"])
def test_an_event_survives_being_stored(name: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Event)
    event = parse(raw(name), NOW)
    assert adapter.validate_json(adapter.dump_json(event)) == event


def test_times_of_other_zones_become_utc() -> None:
    event = parse({**raw("schedule"), "scheduled_at": "2026-01-15T03:00:00+01:00"}, NOW)
    assert event.occurred_at == datetime(2026, 1, 15, 2, tzinfo=UTC)
    assert event.occurred_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("base", "change", "field"),
    [
        ("schedule", {"lifeboat": "alarm"}, "lifeboat"),
        ("schedule", {"runbook": None}, "runbook"),
        ("schedule", {"trigger": "0"}, "trigger"),
        ("schedule", {"trigger": True}, "trigger"),
        ("schedule", {"trigger": -1}, "trigger"),
        ("schedule", {"scheduled_at": "<aws.scheduler.scheduled-time>"}, "scheduled_at"),
        ("schedule", {"scheduled_at": "2026-01-15T02:00:00"}, "scheduled_at"),
        ("health", {"source": 5}, "source"),
        ("health", {"detail-type": ""}, "detail-type"),
        ("health", {"id": None}, "id"),
        ("health", {"region": None}, "region"),
        ("health", {"account": None}, "account"),
        ("health", {"time": "yesterday"}, "time"),
        ("alarm-metric", {"detail": None}, "detail"),
        ("alarm-metric", {"detail": "text"}, "detail"),
        ("alarm-metric", {"detail": {"alarmName": "x"}}, "detail.state"),
        ("alarm-metric", {"detail": {"alarmName": "x", "state": {"value": "BAD"}}}, "detail.state.value"),
        ("alarm-metric", {"detail": {"state": {"value": "OK"}}}, "detail.alarmName"),
    ],
)
def test_a_wrong_field_is_named(base: str, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse({**raw(base), **change}, NOW)
    assert caught.value.code == "event.invalid"
    assert caught.value.details["field"] == field
    assert field in caught.value.message


@pytest.mark.parametrize("nothing", [None, "text", [], 5])
def test_what_is_no_object_is_refused(nothing: object) -> None:
    with pytest.raises(InputError, match="not an object"):
        parse(nothing, NOW)
