"""Checked words: ids, Regions, durations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain.types import (
    AccountId,
    Duration,
    InstanceId,
    Region,
    SnapshotId,
    Strict,
    VolumeId,
    format_duration,
    parse_duration,
)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Region, ["us-east-1", "us-gov-west-1", "ap-southeast-4"], ["useast1", "us-east-1a", "US-EAST-1", "*"]),
        (VolumeId, ["vol-01234567", "vol-0123456789abcdef0"], ["vol-XYZ", "*", "snap-01234567", "vol-0123456"]),
        (SnapshotId, ["snap-01234567"], ["snap-", "vol-01234567"]),
        (InstanceId, ["i-01234567"], ["i-", "i-0123456789abcdef01"]),
        (AccountId, ["012345670123"], ["12345670123", "0123456701234"]),
    ],
)
def test_ids_are_told_from_what_only_looks_like_them(kind: Any, good: list[str], bad: list[str]) -> None:
    adapter = TypeAdapter(kind)
    for text in good:
        assert adapter.validate_python(text) == text
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800), ("1h30m", 5400), ("1d1s", 86401)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "30m1h", "1.5h", "-1h", "1 h", "1w", "one hour"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write for example 30s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h0m"])
def test_no_time_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time at all"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (250, "4m 10s"), (93600, "1d 2h"), (93661, "1d 2h"), (-90, "-1m 30s"), (86401, "1d 1s")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**7))
def test_a_duration_survives_json(seconds: int) -> None:
    adapter: TypeAdapter[timedelta] = TypeAdapter(Duration)
    length = timedelta(seconds=seconds)
    assert adapter.validate_json(adapter.dump_json(length)) == length


def test_a_duration_may_be_given_as_a_duration() -> None:
    assert TypeAdapter(Duration).validate_python(timedelta(hours=1)) == timedelta(hours=1)


@pytest.mark.parametrize("value", [30, None, 1.5])
def test_a_duration_without_a_unit_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="with its unit"):
        TypeAdapter(Duration).validate_python(value)


def test_a_duration_that_no_clock_could_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_duration("99999999999d")


def test_a_strict_value_does_not_change_and_takes_no_unknown_keys() -> None:
    class Box(Strict):
        size: int

    box = Box(size=1)
    with pytest.raises(ValidationError, match="frozen"):
        box.size = 2  # type: ignore[misc]
    with pytest.raises(ValidationError, match="colour"):
        Box.model_validate({"size": 1, "colour": "red"})
