"""Covers schedule expressions: what they mean, daylight saving, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.schedule import parse, zone_of
from chalicelib.errors import InputError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def firings(expression: str, start: str, count: int, timezone: str = "UTC") -> list[str]:
    schedule, when, found = parse(expression), at(start), []
    for _ in range(count):
        following = schedule.next_after(when, timezone)
        assert following is not None
        found.append(following.isoformat().replace("+00:00", "Z"))
        when = following
    return found


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        ("rate(15 minutes)", "2026-01-01T00:00:01Z", ["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"]),
        ("rate(1 hour)", "2026-01-01T00:00:00Z", ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]),
        ("rate(1 days)", "2026-01-01T05:00:00Z", ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
        ("cron(0 3 * * ? *)", "2026-01-01T03:00:00Z", ["2026-01-02T03:00:00Z", "2026-01-03T03:00:00Z"]),
        ("cron(15 10 L * ? *)", "2028-01-31T11:00:00Z", ["2028-02-29T10:15:00Z", "2028-03-31T10:15:00Z"]),
        ("cron(0 10 ? * 6L *)", "2026-01-01T00:00:00Z", ["2026-01-30T10:00:00Z", "2026-02-27T10:00:00Z"]),
        ("cron(0 10 ? * FRIL *)", "2026-01-01T00:00:00Z", ["2026-01-30T10:00:00Z", "2026-02-27T10:00:00Z"]),
        ("cron(0 10 ? * MON#2 *)", "2026-01-01T00:00:00Z", ["2026-01-12T10:00:00Z", "2026-02-09T10:00:00Z"]),
        ("cron(0 10 ? * 2#5 *)", "2026-01-01T00:00:00Z", ["2026-03-30T10:00:00Z", "2026-06-29T10:00:00Z"]),
        ("cron(0 8 ? * MON-FRI *)", "2026-01-02T09:00:00Z", ["2026-01-05T08:00:00Z", "2026-01-06T08:00:00Z"]),
        ("cron(0 8 ? * L *)", "2026-01-01T00:00:00Z", ["2026-01-03T08:00:00Z", "2026-01-10T08:00:00Z"]),
        (
            "cron(0/20 8-9 1 jan,Jul ? 2026-2027)",
            "2026-01-01T08:25:00Z",
            ["2026-01-01T08:40:00Z", "2026-01-01T09:00:00Z"],
        ),
        ("cron(*/30 0 1 1/6 ? *)", "2026-01-01T00:30:00Z", ["2026-07-01T00:00:00Z", "2026-07-01T00:30:00Z"]),
        # 1 August 2026 is a Saturday: the nearest workday in the month is the 3rd.
        ("cron(0 0 1W * ? *)", "2026-07-31T00:00:00Z", ["2026-08-03T00:00:00Z", "2026-09-01T00:00:00Z"]),
        # 15 August 2026 is a Saturday, 15 November a Sunday.
        ("cron(0 0 15W 8,11 ? *)", "2026-08-01T00:00:00Z", ["2026-08-14T00:00:00Z", "2026-11-16T00:00:00Z"]),
        # 31 May 2026 is a Sunday at the end of its month; June has no 31st.
        ("cron(0 0 31W 5-7 ? *)", "2026-05-01T00:00:00Z", ["2026-05-29T00:00:00Z", "2026-07-31T00:00:00Z"]),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
    ],
)
def test_an_expression_fires_when_aws_says_it_does(expression: str, start: str, expected: list[str]) -> None:
    assert firings(expression, start, len(expected)) == expected


def test_a_local_time_stays_the_same_hour_in_summer_and_winter() -> None:
    assert firings("cron(0 3 28-30 3 ? *)", "2026-03-27T12:00:00Z", 2, "Europe/Paris") == [
        "2026-03-28T02:00:00Z",
        "2026-03-29T01:00:00Z",
    ]


def test_a_time_that_daylight_saving_skips_does_not_fire() -> None:
    assert firings("cron(30 2 * * ? *)", "2026-03-28T12:00:00Z", 1, "Europe/Paris") == ["2026-03-30T00:30:00Z"]


def test_a_time_that_daylight_saving_repeats_fires_once() -> None:
    assert firings("cron(30 2 * * ? *)", "2026-10-24T12:00:00Z", 2, "Europe/Paris") == [
        "2026-10-25T00:30:00Z",
        "2026-10-26T01:30:00Z",
    ]


def test_between_the_two_rounds_of_a_repeated_hour_the_next_firing_is_tomorrow() -> None:
    assert firings("cron(30 2 * * ? *)", "2026-10-25T01:10:00Z", 1, "Europe/Paris") == ["2026-10-26T01:30:00Z"]


def test_a_single_time_fires_once_in_its_zone() -> None:
    schedule = parse("at(2030-01-31T03:00:00)")
    assert schedule.next_after(at("2030-01-01T00:00:00Z"), "Asia/Tokyo") == at("2030-01-30T18:00:00Z")
    assert schedule.next_after(at("2030-01-30T18:00:00Z"), "Asia/Tokyo") is None
    assert schedule.period(at("2030-01-01T00:00:00Z")) is None


def test_a_single_time_that_daylight_saving_skips_never_fires() -> None:
    assert parse("at(2026-03-29T02:30:00)").next_after(at("2026-01-01T00:00:00Z"), "Europe/Paris") is None


def test_a_single_time_at_the_edge_of_the_calendar_never_fires() -> None:
    assert parse("at(0001-01-01T00:00:00)").next_after(at("2026-01-01T00:00:00Z"), "Asia/Tokyo") is None


def test_a_cron_whose_years_are_over_never_fires_again() -> None:
    schedule = parse("cron(0 0 1 1 ? 2020)")
    assert schedule.next_after(at("2026-01-01T00:00:00Z")) is None
    assert schedule.period(at("2026-01-01T00:00:00Z")) is None


def test_a_rate_beyond_the_calendar_never_fires() -> None:
    assert parse("rate(999999999 days)").next_after(at("2026-01-01T00:00:00Z")) is None


def test_the_period_is_the_gap_between_the_next_two_firings() -> None:
    friday_night = at("2026-01-02T20:00:00Z")
    assert parse("cron(0 8 ? * MON-FRI *)").period(friday_night) == timedelta(days=1)
    assert parse("cron(0 3 * * ? *)").period(at("2026-03-28T01:00:00Z"), "Europe/Paris") == timedelta(hours=23)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 3 * * *", "none of the three forms"),
        ("every day", "none of the three forms"),
        ("rate(0 minutes)", "at least 1"),
        ("rate(5 seconds)", "whole number and minutes, hours or days"),
        ("at(tomorrow)", "yyyy-mm-dd"),
        ("at(2026-13-01T00:00:00)", "no calendar or clock has"),
        ("cron(0 3 * *)", "this has 4"),
        ("cron(0 3 * * * *)", "exactly one of day-of-month and day-of-week"),
        ("cron(0 3 ? * ? *)", "exactly one of day-of-month and day-of-week"),
        ("cron(60 3 * * ? *)", "minutes: '60' is not 0-59"),
        ("cron(? 3 * * ? *)", "'?' is for day-of-month"),
        ("cron(0 3-1 * * ? *)", "'3-1' runs backwards"),
        ("cron(0/0 3 * * ? *)", "a step is at least 1"),
        ("cron(0 3 * FOO ? *)", "month: 'FOO' is not 1-12 or JAN|FEB"),
        ("cron(0 3 32W * ? *)", "day-of-month: '32' is not 1-31"),
        ("cron(0 3 ? * MON#6 *)", "there are 1 to 5"),
        ("cron(0 3 ? * 8 *)", "day-of-week: '8' is not 1-7"),
        ("cron(0 3 ? * XYZL *)", "day-of-week: 'XYZ'"),
        ("cron(0 3 * * ? 1969)", "year: '1969' is not 1970-2199"),
        ("cron(0 3 , * ? *)", "day-of-month: '' is not 1-31"),
        ("cron(0 3 31 2,4 ? *)", "it would never fire"),
    ],
)
def test_a_wrong_expression_is_refused_and_the_part_is_named(expression: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(expression)
    assert caught.value.code == "schedule.invalid"
    assert why in caught.value.message


@pytest.mark.parametrize("name", ["Europe/Pari", "Mars", "../etc/passwd", "", "Europe"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        zone_of(name)
    assert caught.value.code == "schedule.timezone"


def test_a_misspelled_time_zone_is_put_right() -> None:
    with pytest.raises(InputError, match="did you mean 'Europe/Paris'"):
        parse("rate(1 hour)").next_after(at("2026-01-01T00:00:00Z"), "Europe/Pari")


EXPRESSIONS = st.sampled_from(
    ["rate(7 minutes)", "cron(0/25 * * * ? *)", "cron(30 2 * * ? *)", "cron(0 0 L * ? *)", "cron(10 1,2 ? * SUN *)"]
)
ZONES = st.sampled_from(
    ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo"]
)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(deadline=None, max_examples=150)
@given(EXPRESSIONS, ZONES, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_the_next_firing_never_goes_back_when_time_goes_on(
    expression: str, zone: str, when: datetime, later: timedelta
) -> None:
    schedule = parse(expression)
    first, second = schedule.next_after(when, zone), schedule.next_after(when + later, zone)
    assert first is not None
    assert second is not None
    assert when < first <= second
    if first > when + later:  # nothing fires in between, so both ask for the same firing
        assert first == second
