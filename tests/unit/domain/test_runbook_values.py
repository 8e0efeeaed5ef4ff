"""Covers shares, tolerances and lengths of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain.runbook_values import Cooldown, Share, Tolerance, duration_text, parse_percent
from chalicelib.domain.types import parse_duration

SHARE: TypeAdapter[float] = TypeAdapter(Share)
COOLDOWN: TypeAdapter[timedelta] = TypeAdapter(Cooldown)


@pytest.mark.parametrize(("text", "percent"), [("30%", 30.0), ("0%", 0.0), ("100%", 100.0), ("12.5%", 12.5)])
def test_a_share_is_held_in_percent_and_written_back_as_it_was(text: str, percent: float) -> None:
    assert parse_percent(text) == percent
    assert SHARE.validate_python(text) == percent
    assert SHARE.dump_python(percent, mode="json") == text


@pytest.mark.parametrize("wrong", ["30", "101%", "-1%", "%", "30 %", 30, True, None, "1e1%"])
def test_what_is_no_share_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="is not a share"):
        SHARE.validate_python(wrong)


def test_a_share_already_in_percent_is_left_as_it_is() -> None:
    assert SHARE.validate_python(30.0) == 30.0


@pytest.mark.parametrize(
    ("given", "length"),
    [("0s", timedelta()), ("0h", timedelta()), ("30m", timedelta(minutes=30)), (timedelta(1), timedelta(1))],
)
def test_a_cooldown_may_be_zero(given: Any, length: timedelta) -> None:
    assert COOLDOWN.validate_python(given) == length
    assert COOLDOWN.validate_python(COOLDOWN.dump_python(length, mode="json")) == length


@pytest.mark.parametrize("wrong", [0, 30, "", "soon", None])
def test_a_cooldown_without_unit_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        COOLDOWN.validate_python(wrong)


@pytest.mark.parametrize(
    ("given", "failed", "total", "exceeded"),
    [
        (2, 2, 100, False),
        (2, 3, 100, True),
        (0, 0, 0, False),
        (0, 1, 100, True),
        ("10%", 10, 100, False),
        ("10%", 11, 100, True),
        ("10%", 1, 9, True),
        ("0%", 0, 0, False),
        ("100%", 7, 7, False),
    ],
)
def test_a_tolerance_counts_or_measures(given: int | str, failed: int, total: int, exceeded: bool) -> None:  # noqa: FBT001
    tolerance = Tolerance.model_validate(given)
    assert tolerance.exceeded(failed, total) is exceeded
    written: object = tolerance.model_dump(mode="json")
    assert written == given


@pytest.mark.parametrize("wrong", [-1, 1.5, True, None, "2", "ten", "200%", {"count": 1}])
def test_what_is_no_tolerance_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match=r"tolerance|cannot fail"):
        Tolerance.model_validate(wrong)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=4000)))
def test_a_duration_is_written_in_a_form_that_reads_back(length: timedelta) -> None:
    whole = timedelta(seconds=int(length.total_seconds()))
    assert parse_duration(duration_text(whole)) == whole


def test_no_time_is_written_as_zero_seconds() -> None:
    assert duration_text(timedelta()) == "0s"
