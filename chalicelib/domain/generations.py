"""Which points stand for an hour, a day, a week, a month or a year. Pure.

A period is represented by the first point that exists of it: when the run on the 1st failed, the point of the 2nd is
the month's. A point that was the first of its period stays the first, so what is kept today is not given up tomorrow
for another. Periods begin in the runbook's time zone; weeks are ISO 8601 weeks, which begin on Monday.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from pydantic import Field, model_validator

from chalicelib.domain.types import Duration, Strict

T = TypeVar("T")


def _count(meaning: str) -> int | None:
    return Field(None, ge=1, description=meaning)


class Keep(Strict):
    """How much of the past is kept, per volume and Region; what fits any of these is kept."""

    last: int | None = _count("So many newest points.")
    hourly: int | None = _count("The first point of each of the newest so many hours that have one.")
    daily: int | None = _count("The first point of each of the newest so many days that have one.")
    weekly: int | None = _count("The first point of each of the newest so many ISO weeks (from Monday) that have one.")
    monthly: int | None = _count("The first point of each of the newest so many months that have one.")
    yearly: int | None = _count("The first point of each of the newest so many years that have one.")
    within: Duration | None = Field(None, description="Every point that is not older than this.")

    @model_validator(mode="after")
    def _something(self) -> Keep:
        if not self.model_dump(exclude_none=True):
            raise ValueError("write at least one of last, hourly, daily, weekly, monthly, yearly and within")
        return self

    def __str__(self) -> str:
        said = self.model_dump(mode="json", exclude_none=True)
        return ", ".join(f"{name} {value}" for name, value in said.items())


def _hour(local: datetime) -> str:
    return local.strftime("%Y-%m-%d %H:00%z")  # with the offset: an hour that comes twice is two hours


def _week(local: datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"{year}-W{week:02}"


PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "hourly": _hour,
    "daily": lambda local: local.strftime("%Y-%m-%d"),
    "weekly": _week,
    "monthly": lambda local: local.strftime("%Y-%m"),
    "yearly": lambda local: local.strftime("%Y"),
}


def generations(
    points: Iterable[tuple[datetime, T]], keep: Keep, *, now: datetime, zone: tzinfo
) -> dict[T, tuple[str, ...]]:
    """Return what is kept, with the reasons, such as `daily 2031-01-06`; what is not kept is left out.

    Args:
        points: When each point was taken (aware), and its name.
        keep: How much is kept.
        now: The time (aware) from which `within` counts back.
        zone: In which hours, days, weeks, months and years begin.
    """
    oldest_first = sorted(points, key=lambda each: each[0])
    found: dict[T, tuple[str, ...]] = {}
    for _, name in oldest_first[-keep.last :] if keep.last else ():
        found[name] = (f"one of the last {keep.last}",)
    for kind, period_of in PERIODS.items():
        count: int | None = getattr(keep, kind)
        firsts: dict[str, T] = {}
        for at, name in oldest_first if count else ():
            firsts.setdefault(period_of(at.astimezone(zone)), name)
        for period, name in list(firsts.items())[-(count or 0) :]:
            found[name] = (*found.get(name, ()), f"{kind} {period}")
    for name in _within(oldest_first, keep.within, now):
        found[name] = (*found.get(name, ()), "young enough")
    return found


def _within(points: Iterable[tuple[datetime, T]], length: timedelta | None, now: datetime) -> list[T]:
    return [name for at, name in points if now - at <= length] if length else []
