"""Covers the fields of a cron expression by themselves."""

from __future__ import annotations

from datetime import date

import pytest

from chalicelib.domain.schedule_cron import parse_fields


def test_days_start_with_the_given_day_and_end_with_the_years() -> None:
    fields = parse_fields("0 0 1,15 1-2 ? 2026")
    assert list(fields.days(2026, 1, 15)) == [date(2026, 1, 15), date(2026, 2, 1), date(2026, 2, 15)]
    assert list(fields.days(2027, 1, 1)) == []


def test_lists_ranges_and_steps_are_joined_and_sorted() -> None:
    fields = parse_fields("30,0-10/5,50/4 */12 * * ? *")
    assert fields.minutes == (0, 5, 10, 30, 50, 54, 58)
    assert fields.hours == (0, 12)


@pytest.mark.parametrize("body", ["", "0 0 1 1 ?", "0 0 1 1 ? * *"])
def test_other_than_six_fields_are_refused(body: str) -> None:
    with pytest.raises(ValueError, match="six fields"):
        parse_fields(body)
