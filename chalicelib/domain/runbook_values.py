"""The small values of a runbook: shares, tolerances, lengths of time, names."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_serializer, model_validator

from chalicelib.domain.types import Strict, parse_duration

NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
ID_PATTERN = r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$"

_PERCENT = re.compile(r"^([0-9]{1,3}(?:\.[0-9]{1,3})?)%$")
_NOTHING = re.compile(r"^0[dhms]$")
_WHOLE = 100.0


def parse_percent(text: str) -> float:
    """Read `30%` as 30.0.

    Raises:
        ValueError: the text is no percentage, or above 100.
    """
    found = _PERCENT.match(text)
    if found is None or float(found[1]) > _WHOLE:
        raise ValueError(f"'{text}' is not a share; write for example 30%")
    return float(found[1])


def duration_text(length: timedelta) -> str:
    """Write a duration in the form that runbooks read, exact to the second: `1d2h`, `90s`."""
    left, parts = int(length.total_seconds()), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) or "0s"


def _share(value: Any) -> Any:
    if isinstance(value, str):
        return parse_percent(value)
    if isinstance(value, float):
        return value
    raise ValueError(f"{value!r} is not a share; write it with a percent sign, for example 30%")


def _cooldown(value: Any) -> Any:
    if isinstance(value, str):
        return timedelta() if _NOTHING.match(value) else parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{value!r} is not a duration; write it with its unit, for example 30m")


Share = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(lambda v: f"{v:g}%", return_type=str, when_used="json"),
    Field(json_schema_extra={"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,3})?%$"}),
]
"""A part of a whole, held in percent: `30%` is 30.0."""

Cooldown = Annotated[
    timedelta,
    BeforeValidator(_cooldown),
    PlainSerializer(lambda v: f"{int(v.total_seconds())}s", return_type=str, when_used="json"),
    Field(json_schema_extra={"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"}),
]
"""A length of time that may be zero (`0s`)."""


class Tolerance(Strict):
    """How much of a step may fail before the step counts as failed: a number of resources, or a share of them."""

    count: int | None = None
    percent: float | None = None

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema.update(
            {"type": ["integer", "string"], "minimum": 0, "pattern": r"^[0-9]{1,3}(\.[0-9]{1,3})?%$"}
        )
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"percent": _tolerated_percent(value)}
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 0:
                raise ValueError(f"{value} resources cannot fail; write 0 or more")
            return {"count": value}
        raise ValueError(f"{value!r} is not a tolerance; write a number such as 2 or a share such as 10%")

    @model_serializer
    def _text(self) -> int | str:
        return f"{self.percent:g}%" if self.percent is not None else self.count or 0

    def exceeded(self, failed: int, total: int) -> bool:
        """Say whether `failed` of `total` resources is more than is tolerated. Nothing failed never is."""
        if self.percent is not None:
            return failed * _WHOLE > self.percent * total
        return failed > (self.count or 0)


def _tolerated_percent(text: str) -> float:
    try:
        return parse_percent(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a tolerance; write a number such as 2 or a share such as 10%") from None
