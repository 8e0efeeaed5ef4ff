"""Which runbooks an event is for, and whether it comes too late. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain import schedule as schedules
from chalicelib.domain.event import AlarmEvent, ManualCause, OtherEvent, ScheduleEvent
from chalicelib.domain.pattern import matches_pattern
from chalicelib.domain.runbook import AlarmTrigger, EventTrigger, Runbook, ScheduleTrigger
from chalicelib.domain.types import format_duration

DEFAULT_MAX_AGE = timedelta(minutes=15)  # of alarms and events: an older one is likely a redriven dead letter

AnyTrigger = ScheduleTrigger | AlarmTrigger | EventTrigger
AnyEvent = ScheduleEvent | AlarmEvent | OtherEvent | ManualCause


@dataclass(frozen=True)
class Match:
    """A runbook that an event is for.

    Attributes:
        runbook: The runbook.
        trigger_index: Which entry of its `when:` fits, counted from 0; None when started by hand.
        reason: Why, for the run's record.
    """

    runbook: Runbook
    trigger_index: int | None
    reason: str

    @property
    def trigger(self) -> AnyTrigger | None:
        """The trigger that fits; None when started by hand."""
        return None if self.trigger_index is None else self.runbook.when[self.trigger_index]


def matches(event: AnyEvent, runbooks: Iterable[Runbook]) -> list[Match]:
    """Return the runbooks that an event is for, in their order, each once, by the first of its triggers that fits."""
    found = (_match(event, runbook) for runbook in runbooks)
    return [match for match in found if match is not None]


def too_old(event: AnyEvent, trigger: AnyTrigger | None, now: datetime) -> str | None:
    """Say why an event is too old for its trigger, or None when it is not.

    Firings of a schedule may be one period old, alarms and other events 15 minutes, unless the trigger's `max_age` says
    otherwise. What somebody asks for by hand is never too old.
    """
    if trigger is None or isinstance(event, ManualCause):
        return None
    limit = trigger.max_age or _default_age(event, trigger)
    age = now - event.occurred_at
    if age <= limit:
        return None
    return f"{event.summary} is {format_duration(age)} old; older than {format_duration(limit)} is not acted upon"


def _match(event: AnyEvent, runbook: Runbook) -> Match | None:
    if isinstance(event, ManualCause):
        return Match(runbook, None, event.summary) if event.runbook == runbook.name else None
    for index, trigger in enumerate(runbook.when):
        reason = _reason(event, runbook, index, trigger)
        if reason:
            return Match(runbook, index, reason)
    return None


def _reason(
    event: ScheduleEvent | AlarmEvent | OtherEvent, runbook: Runbook, index: int, trigger: AnyTrigger
) -> str | None:
    if isinstance(event, ScheduleEvent):
        ours = isinstance(trigger, ScheduleTrigger) and (event.runbook, event.trigger) == (runbook.name, index)
        return event.summary if ours else None
    if isinstance(trigger, AlarmTrigger):
        fits = isinstance(event, AlarmEvent) and event.state == trigger.state and _named(event.alarm, trigger.alarm)
        return event.summary if fits else None
    fits = isinstance(trigger, EventTrigger) and matches_pattern(trigger.event, event.raw)
    return event.summary if fits else None


def _named(name: str, pattern: str) -> bool:
    """Compare an alarm's name with a pattern of `*` and `?`; brackets, which alarm names may hold, mean themselves."""
    written = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(written, name, re.DOTALL) is not None


def _default_age(event: AnyEvent, trigger: AnyTrigger) -> timedelta:
    if not isinstance(trigger, ScheduleTrigger):
        return DEFAULT_MAX_AGE
    following = schedules.parse(trigger.schedule).next_after(event.occurred_at, trigger.timezone)
    return following - event.occurred_at if following else DEFAULT_MAX_AGE
