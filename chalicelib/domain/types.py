"""Checked words of the field: Regions, ids, durations, shares."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

REGION_PATTERN = r"^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$"

Region = Annotated[str, Field(pattern=REGION_PATTERN)]
VolumeId = Annotated[str, Field(pattern=r"^vol-[0-9a-f]{8,17}$")]
SnapshotId = Annotated[str, Field(pattern=r"^snap-[0-9a-f]{8,17}$")]
InstanceId = Annotated[str, Field(pattern=r"^i-[0-9a-f]{8,17}$")]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]

_DURATION = re.compile(r"^(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?$")


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `24h`, `7d` or a descending mix such as `1h30m`.

    Raises:
        ValueError: the text is no such duration, or it is zero.
    """
    found = _DURATION.match(text)
    if not text or found is None:
        raise ValueError(f"'{text}' is not a duration; write for example 30s, 15m, 24h, 7d or 1h30m")
    parts = {name: int(value) for name, value in found.groupdict().items() if value}
    try:
        length = timedelta(
            days=parts.get("d", 0), hours=parts.get("h", 0), minutes=parts.get("m", 0), seconds=parts.get("s", 0)
        )
    except OverflowError:
        raise ValueError(f"'{text}' is too long for a duration") from None
    if not length:
        raise ValueError(f"'{text}' is no time at all; a duration is longer than zero")
    return length


def format_duration(length: timedelta) -> str:
    """Write a duration as a person would: `1d 2h`, `4m 10s`, `0s`. Seconds are rounded down."""
    left = int(length.total_seconds())
    sign, left = ("-", -left) if left < 0 else ("", left)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + (" ".join(parts[:2]) or "0s")


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{value!r} is not a duration; write it with its unit, for example 30m")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda v: f"{int(v.total_seconds())}s", return_type=str, when_used="json"),
    Field(json_schema_extra={"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"}),
]
"""A length of time above zero; in YAML and JSON a text such as `24h`."""


class Strict(BaseModel):
    """A value that never changes and takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
