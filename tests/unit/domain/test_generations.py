"""Which points stand for their hour, day, week, month and year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from chalicelib.domain.generations import Keep, generations

PARIS = ZoneInfo("Europe/Paris")


def kept(times: list[datetime], keep: Keep, zone: ZoneInfo = PARIS) -> dict[str, tuple[str, ...]]:
    now = max(times) + timedelta(hours=6)
    named = [(at, f"{at:%m-%d %H}") for at in times]
    return generations(named, keep, now=now, zone=zone)


def nightly(first: datetime, count: int) -> list[datetime]:
    return [first + timedelta(days=n) for n in range(count)]


def test_a_failed_run_on_the_first_makes_the_second_the_monthly() -> None:
    nights = nightly(datetime(2031, 1, 1, 2, tzinfo=UTC), 59)
    assert set(kept(nights, Keep(monthly=2))) == {"01-01 02", "02-01 02"}
    failed = [at for at in nights if (at.month, at.day) != (2, 1)]
    assert set(kept(failed, Keep(monthly=2))) == {"01-01 02", "02-02 02"}


def test_periods_begin_in_the_zone_of_the_runbook() -> None:
    """23:30 UTC on 31 January is February in Paris."""
    times = [datetime(2031, 1, 31, 23, 30, tzinfo=UTC), datetime(2031, 2, 1, 23, 30, tzinfo=UTC)]
    assert set(kept(times, Keep(monthly=1))) == {"01-31 23"}
    assert set(kept(times, Keep(monthly=1), ZoneInfo("UTC"))) == {"02-01 23"}


def test_only_periods_that_have_a_point_count() -> None:
    times = [datetime(2030, month, 3, tzinfo=UTC) for month in (1, 5, 11)]
    assert kept(times, Keep(monthly=2)) == {"05-03 00": ("monthly 2030-05",), "11-03 00": ("monthly 2030-11",)}


def test_weeks_begin_on_monday_and_years_in_january() -> None:
    nights = nightly(datetime(2030, 12, 28, 2, tzinfo=UTC), 12)  # a Saturday
    assert set(kept(nights, Keep(weekly=3))) == {"12-28 02", "12-30 02", "01-06 02"}
    assert set(kept(nights, Keep(yearly=2))) == {"12-28 02", "01-01 02"}


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    """On 2030-10-27 clocks in Paris go back from 3 to 2."""
    times = [datetime(2030, 10, 27, 0, 10, tzinfo=UTC), datetime(2030, 10, 27, 1, 10, tzinfo=UTC)]
    assert len(kept(times, Keep(hourly=2))) == 2


def test_what_fits_several_is_kept_for_all_of_them() -> None:
    found = kept(nightly(datetime(2031, 1, 1, 2, tzinfo=UTC), 2), Keep(last=1, daily=2, within=timedelta(hours=12)))
    assert found["01-02 02"] == ("one of the last 1", "daily 2031-01-02", "young enough")
    assert found["01-01 02"] == ("daily 2031-01-01",)


def test_a_first_of_its_period_stays_it_while_more_points_come() -> None:
    nights = nightly(datetime(2031, 1, 5, 2, tzinfo=UTC), 80)
    keep, living = Keep(monthly=3, weekly=2), list[datetime]()
    for night in nights:
        living.append(night)
        names = kept(living, keep)
        living = [at for at in living if f"{at:%m-%d %H}" in names]
    assert {f"{at:%m-%d}" for at in living} >= {"01-05", "02-01", "03-01"}


@pytest.mark.parametrize("wrong", [{}, {"last": 0}, {"daily": -1}, {"fortnightly": 2}])
def test_a_keep_that_keeps_nothing_or_is_unknown_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Keep.model_validate(wrong)


def test_a_keep_reads_like_what_was_written() -> None:
    assert str(Keep(last=3, monthly=12, within=timedelta(hours=1))) == "last 3, monthly 12, within 3600s"
