"""The six fields of a cron expression of EventBridge Scheduler: minutes, hours, day of month, month, day of week, year.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_NEAREST = re.compile(r"^([0-9]{1,2})W$")
_LAST_WEEKDAY = re.compile(r"^([1-7]|[A-Z]{3})L$")
_NTH_WEEKDAY = re.compile(r"^([1-7]|[A-Z]{3})#([0-9])$")
_STEPPED = re.compile(r"^(?P<base>[^/]+)/(?P<step>[0-9]+)$")
_SATURDAY = 7  # Sunday is 1, as AWS counts
_MOST_WEEKS = 5

DayTest = Callable[[date], bool]


@dataclass(frozen=True)
class Field:
    """What one field may hold: its name, its bounds, and the names that stand for numbers."""

    name: str
    low: int
    high: int
    names: dict[str, int]

    def number(self, text: str) -> int:
        """Read one number or name.

        Raises:
            ValueError: it is neither, or out of bounds.
        """
        value = self.names.get(text.upper())
        if value is None and re.fullmatch(r"[0-9]{1,4}", text):
            value = int(text)
        if value is None or not self.low <= value <= self.high:
            named = f" or {'|'.join(self.names)}" if self.names else ""
            raise ValueError(f"{self.name}: '{text}' is not {self.low}-{self.high}{named}")
        return value

    def values(self, text: str) -> tuple[int, ...]:
        """Return, sorted, the numbers that a list of numbers, ranges and steps names.

        Raises:
            ValueError: a part is wrong.
        """
        chosen: set[int] = set()
        for part in text.split(","):
            chosen.update(self._part(part))
        return tuple(sorted(chosen))

    def _part(self, part: str) -> range:
        stepped = _STEPPED.match(part)
        base, step = (stepped["base"], int(stepped["step"])) if stepped else (part, 1)
        if step < 1:
            raise ValueError(f"{self.name}: a step is at least 1, not '{part}'")
        if base == "*":
            return range(self.low, self.high + 1, step)
        if "-" in base:
            first, last = (self.number(end) for end in base.split("-", 1))
            if first > last:
                raise ValueError(f"{self.name}: the range '{base}' runs backwards; write it as two, joined by a comma")
            return range(first, last + 1, step)
        if base == "?":
            raise ValueError(f"{self.name}: '?' is for day-of-month or day-of-week only")
        start = self.number(base)
        return range(start, self.high + 1, step) if stepped else range(start, start + 1)


_MINUTES = Field("minutes", 0, 59, {})
_HOURS = Field("hours", 0, 23, {})
_MONTH_DAY = Field("day-of-month", 1, 31, {})
_MONTH = Field("month", 1, 12, _MONTHS)
_WEEKDAY = Field("day-of-week", 1, 7, _WEEKDAYS)
_YEAR = Field("year", 1970, 2199, {})


@dataclass(frozen=True)
class CronFields:
    """A cron expression, read. Times are local to whatever zone it is evaluated in."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day_fits: DayTest
    months: tuple[int, ...]
    years: tuple[int, ...]

    def days(self, year: int, month: int, day: int) -> Iterator[date]:
        """Yield, in order, the days that fit, from the given day on and up to the year 2199."""
        start = date(year, month, day)
        for some_year in self.years:
            if some_year < year:
                continue
            for some_month in self.months:
                if (some_year, some_month) < (year, month):
                    continue
                for number in range(1, calendar.monthrange(some_year, some_month)[1] + 1):
                    candidate = date(some_year, some_month, number)
                    if candidate >= start and self.day_fits(candidate):
                        yield candidate


def parse_fields(body: str) -> CronFields:
    """Read what stands between the brackets of `cron(...)`.

    Raises:
        ValueError: says which field is wrong and why.
    """
    parts = body.split()
    if len(parts) != 6:  # noqa: PLR2004 - the six fields of the format
        raise ValueError(
            f"cron has six fields (minutes hours day-of-month month day-of-week year), this has {len(parts)}"
        )
    minutes, hours, month_day, month, weekday, year = parts
    if (month_day == "?") == (weekday == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week is '?', the other says the days")
    return CronFields(
        minutes=_MINUTES.values(minutes),
        hours=_HOURS.values(hours),
        day_fits=_weekday_test(weekday.upper()) if month_day == "?" else _month_day_test(month_day.upper()),
        months=_MONTH.values(month),
        years=_YEAR.values(year),
    )


def _month_day_test(text: str) -> DayTest:
    if text == "L":
        return lambda day: day.day == _days_in(day)
    nearest = _NEAREST.match(text)
    if nearest:
        wanted = _MONTH_DAY.number(nearest[1])
        return lambda day: day == _nearest_workday(day, wanted)
    chosen = frozenset(_MONTH_DAY.values(text))
    return lambda day: day.day in chosen


def _weekday_test(text: str) -> DayTest:
    last = _LAST_WEEKDAY.match(text)
    if last:
        weekday = _WEEKDAY.number(last[1])
        return lambda day: _weekday(day) == weekday and day.day + 7 > _days_in(day)
    nth = _NTH_WEEKDAY.match(text)
    if nth:
        weekday, week = _WEEKDAY.number(nth[1]), int(nth[2])
        if not 1 <= week <= _MOST_WEEKS:
            raise ValueError(f"day-of-week: '{text}' asks for week {week} of a month; there are 1 to 5")
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == week
    chosen = frozenset((_SATURDAY,) if text == "L" else _WEEKDAY.values(text))
    return lambda day: _weekday(day) in chosen


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _days_in(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_workday(of_month: date, wanted: int) -> date | None:
    """Return the Monday-to-Friday day nearest to the wanted day of that month, never leaving the month."""
    length = _days_in(of_month)
    if wanted > length:
        return None
    target = of_month.replace(day=wanted)
    if target.isoweekday() == 6:  # noqa: PLR2004 - Saturday
        return target + timedelta(days=-1 if wanted > 1 else 2)
    if target.isoweekday() == 7:  # noqa: PLR2004 - Sunday
        return target + timedelta(days=1 if wanted < length else -2)
    return target
