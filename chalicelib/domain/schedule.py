"""Schedule expressions exactly as EventBridge Scheduler reads them: `rate(...)`, `cron(...)`, `at(...)`.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html for the forms, the time zones and
what becomes of a local time that daylight saving skips (nothing fires) or repeats (it fires once, the first time
round).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from chalicelib.domain.schedule_cron import CronFields, parse_fields
from chalicelib.domain.spelling import nearest
from chalicelib.errors import InputError

_FORM = re.compile(r"^(?P<form>rate|cron|at)\((?P<body>[^()]*)\)$")
_RATE = re.compile(r"^(?P<value>[0-9]{1,9}) (?P<unit>minute|hour|day)s?$")
_AT = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule(ABC):
    """When something fires. Instants are aware and given and returned in UTC."""

    @abstractmethod
    def next_after(self, when_utc: datetime, timezone: str = "UTC") -> datetime | None:
        """Return the first firing strictly after `when_utc`, or None when there is none.

        Raises:
            InputError: there is no such time zone (`schedule.timezone`).
        """

    def period(self, at_utc: datetime, timezone: str = "UTC") -> timedelta | None:
        """Return the gap between the next two firings after `at_utc`; None when fewer than two are left."""
        first = self.next_after(at_utc, timezone)
        second = self.next_after(first, timezone) if first else None
        return second - first if first and second else None


@dataclass(frozen=True)
class Rate(Schedule):
    """Fires every `every`, in absolute time: neither time zone nor daylight saving matters.

    AWS counts from the schedule's start date, which an expression does not know; here it is counted from 1970-01-01
    00:00 UTC, so that gaps are exact and instants are a convention.
    """

    every: timedelta

    def next_after(self, when_utc: datetime, timezone: str = "UTC") -> datetime | None:
        """Return the next multiple of the rate since 1970-01-01 00:00 UTC."""
        zone_of(timezone)
        try:
            return _EPOCH + ((when_utc - _EPOCH) // self.every + 1) * self.every
        except OverflowError:
            return None


@dataclass(frozen=True)
class At(Schedule):
    """Fires once, at a local time; never, when daylight saving skips that time."""

    local: datetime

    def next_after(self, when_utc: datetime, timezone: str = "UTC") -> datetime | None:
        """Return the one firing if it is still to come."""
        instant = _instant(self.local, zone_of(timezone))
        return instant if instant is not None and instant > when_utc else None


@dataclass(frozen=True)
class Cron(Schedule):
    """Fires at the local times that its fields name."""

    fields: CronFields

    def next_after(self, when_utc: datetime, timezone: str = "UTC") -> datetime | None:
        """Return the next firing, in the years up to 2199."""
        zone = zone_of(timezone)
        start = when_utc.astimezone(zone)
        for day in self.fields.days(start.year, start.month, start.day):
            for hour in self.fields.hours:
                for minute in self.fields.minutes:
                    instant = _instant(datetime(day.year, day.month, day.day, hour, minute), zone)  # noqa: DTZ001 - local
                    if instant is not None and instant > when_utc:
                        return instant
        return None


@lru_cache(maxsize=256)
def parse(expression: str) -> Schedule:
    """Read a schedule expression.

    Raises:
        InputError: it is none, or it can never fire (`schedule.invalid`); the message says which part is wrong.
    """
    found = _FORM.match(expression)
    if found is None:
        forms = "rate(1 hour), cron(0 3 * * ? *) or at(2030-01-31T03:00:00)"
        raise _wrong(expression, f"it has none of the three forms; write {forms}")
    try:
        return {"rate": _rate, "cron": _cron, "at": _at}[found["form"]](found["body"].strip())
    except ValueError as wrong:
        raise _wrong(expression, str(wrong)) from None


@lru_cache(maxsize=64)
def zone_of(timezone: str) -> ZoneInfo:
    """Return a time zone of the IANA database.

    Raises:
        InputError: it has no such zone (`schedule.timezone`).
    """
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        meant = nearest(timezone, available_timezones())
        hint = f"did you mean '{meant}'?" if meant else "write for example Europe/Paris or UTC"
        raise InputError(
            "schedule.timezone", f"There is no time zone '{timezone}'; {hint}", timezone=timezone
        ) from None


def _wrong(expression: str, why: str) -> InputError:
    return InputError("schedule.invalid", f"'{expression}' is not a schedule: {why}", expression=expression)


def _rate(body: str) -> Schedule:
    found = _RATE.match(body)
    if found is None:
        raise ValueError("it is not a whole number and minutes, hours or days; write for example rate(15 minutes)")
    every = int(found["value"]) * {
        "minute": timedelta(minutes=1),
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
    }[found["unit"]]  # fmt: skip
    if not every:
        raise ValueError("a rate is at least 1")
    return Rate(every)


def _at(body: str) -> Schedule:
    if not _AT.match(body):
        raise ValueError("a single time is written at(yyyy-mm-ddThh:mm:ss), without a zone: `timezone` says it")
    try:
        return At(datetime.fromisoformat(body))
    except ValueError:
        raise ValueError("no calendar or clock has such a time") from None


def _cron(body: str) -> Schedule:
    fields = parse_fields(body)
    if next(fields.days(_EPOCH.year, 1, 1), None) is None:
        raise ValueError("no calendar has such a day, it would never fire")
    return Cron(fields)


def _instant(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the instant of a local time (the earlier of two), or None when daylight saving skips it."""
    try:
        instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        exists = instant.astimezone(zone).replace(tzinfo=None) == local
    except OverflowError:  # a day at either end of the calendar
        return None
    return instant if exists else None
