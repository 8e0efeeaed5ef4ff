"""Silence is an alarm: what should have happened and did not. Pure: facts and a time go in, breaches come out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from chalicelib.domain.change import Finding
from chalicelib.domain.protection import MAKERS
from chalicelib.domain.run import Pause
from chalicelib.domain.runbook import Runbook, ScheduleTrigger
from chalicelib.domain.schedule import parse
from chalicelib.domain.types import Strict, format_duration

NAMED = 5  # resources in one sentence
PAUSED_FOR = timedelta(days=1)  # a longer pause is a breach: somebody has forgotten it
ALLOWANCE = timedelta(hours=1)  # for a run whose steps state no time at all
TOLD_EVERY = timedelta(days=1)
FIRINGS = 60  # looked at for the longest gap: two months of nights, with a weekend and a change of the clock


class Breach(Strict):
    """One thing that should be and is not.

    Attributes:
        name: The same for as long as it lasts, e.g. `schedule.nightly-backup`.
        since: When it was first seen.
        told_at: When people were told last; None = not yet.
        over: True when it lasts no longer and only people are still to be told so.
    """

    name: str
    runbook: str
    detail: str
    since: datetime
    told_at: datetime | None = None
    over: bool = False

    def due(self, now: datetime) -> bool:
        """Return True when people are to be told (again)."""
        return self.told_at is None or now - self.told_at >= TOLD_EVERY


def success_of(runbook: str, mode: str) -> str:
    """Name under which a success is noted: a drill that succeeds is no backup, nor the other way round."""
    return runbook if mode == "run" else f"{runbook}.{mode}"


def missed(
    book: Runbook, last_success: datetime | None, first_watched: datetime, now: datetime, mode: str = "run"
) -> str:
    """Return what is wrong with a runbook's schedules; "" when all is well.

    A firing is missed when no run that was caused then or later has succeeded by the time that the steps may take.

    Args:
        book: The runbook.
        last_success: When the newest run that succeeded was caused; None = never.
        first_watched: Since when it is known; what was due before is not held against it.
        now: The time.
        mode: Of which of its schedules: those that run it, or those that rehearse it.
    """
    since = max(last_success, first_watched) if last_success else first_watched
    for trigger in (each for each in book.when if isinstance(each, ScheduleTrigger) and each.mode == mode):
        schedule = parse(trigger.schedule)
        due = schedule.next_after(since, trigger.timezone)
        period = schedule.period(now, trigger.timezone)
        allowed = _allowed(book, period)
        if due is not None and now > due + allowed:
            last = f"its last success is of {last_success:%Y-%m-%d %H:%M} UTC" if last_success else "it never succeeded"
            return (
                f"{book.name} should have run at {due:%Y-%m-%d %H:%M} UTC and has not succeeded since: {last}. Look at "
                f"its schedule, at `lifeboat runs list --runbook {book.name}`, and at the dead letters."
            )
    return ""


def _allowed(book: Runbook, period: timedelta | None) -> timedelta:
    """Return how long a run may take: its longest step's time, and not longer than until the next firing."""
    longest = max((step.within for step in book.all_steps() if step.within), default=ALLOWANCE)
    return min(longest, period) if period else longest


def overdue(runbook: str, policy: str, findings: Sequence[Finding]) -> str:
    """Return what is wrong with the recovery points of what a runbook protects; "" when all is well."""
    bad = [finding for finding in findings if not finding.ok]
    if not bad:
        return ""
    if bad[0].code == "check.nothing_selected":
        return f"Nothing is protected: {bad[0].message}."
    named = "; ".join(finding.message for finding in bad[:NAMED])
    more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    poor, every = ({one.resource for one in some} for some in (bad, findings))
    return f"{len(poor)} of {len(every)} that {runbook} protects (policy {policy}) miss their RPO: {named}{more}"


def too_short(book: Runbook, now: datetime) -> str:
    """Return why a runbook's RPO cannot be kept by its schedules; "" when it can, or when it protects nothing.

    A new point counts only once it is complete: until then the last one is as old as the time between two firings.
    """
    rpo = book.objectives.rpo
    gap = _longest_gap(book, now) if any(step.uses in MAKERS for step in book.all_steps()) else None
    if rpo is None or gap is None or rpo > gap:
        return ""
    return (
        f"objectives.rpo is {format_duration(rpo)} and {format_duration(gap)} pass between two firings of its "
        "schedules. A new point counts only once it is complete in every Region, so the RPO is missed also when all "
        "goes well. Make it longer by what a run takes, or let the runbook run more often."
    )


def _longest_gap(book: Runbook, now: datetime) -> timedelta | None:
    """Return the longest time between two of the next firings of all schedules together."""
    triggers = [each for each in book.when if isinstance(each, ScheduleTrigger) and each.mode == "run"]
    moments, at = [], now
    for _ in range(FIRINGS):
        following = [found for each in triggers if (found := parse(each.schedule).next_after(at, each.timezone))]
        if not following:
            break
        at = min(following)
        moments.append(at)
    return max((later - earlier for earlier, later in pairwise(moments)), default=None)


def forgotten(pauses: Iterable[Pause], now: datetime) -> dict[str, str]:
    """Return pauses that are older than a day, by runbook (`all` for that of all)."""
    return {
        pause.runbook or "all": f"{pause.runbook or 'Everything'} is paused for {format_duration(now - pause.at)} by "
        f"{pause.by}: {pause.reason}. Lift it with `lifeboat resume`, or live with ageing recovery points."
        for pause in pauses
        if now - pause.at >= PAUSED_FOR
    }
