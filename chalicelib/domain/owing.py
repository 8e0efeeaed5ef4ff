"""What a run still owes: obligations as the ledger holds them, and when they are late. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.change import Change, Effect, Obligation
from chalicelib.domain.types import Strict, format_duration

TRY_AGAIN = timedelta(minutes=5)  # as often as the sweeper comes: a zone that answers again is noticed at once
TOLD_AFTER = 3  # tries in vain until people are told
LATE_AFTER = timedelta(minutes=20)  # past its time, of what Lifeboat does itself: some sweeps have failed at it
LONG_OPEN = timedelta(days=1)  # of what only people can do, or what waits that long for its time


class Owed(Strict):
    """One obligation of a run, and what came of it so far.

    Attributes:
        name: Unique within the run.
        why: What is to be done and why it could not be done yet.
        since: When it was written down (UTC).
        due: When it should be done (UTC); None = as soon as it can be.
        uses: The action that does it; empty when only a person can.
        change: What that action applies.
        effect: What is known of that change.
        tries: How often it was tried in vain.
        next_at: When it is tried again (UTC); None = at its time.
        said: Why the last try was in vain.
    """

    name: str
    why: str
    since: datetime
    due: datetime | None = None
    uses: str = ""
    change: Change | None = None
    effect: Effect = Effect()
    tries: int = 0
    next_at: datetime | None = None
    said: str = ""

    @classmethod
    def of(cls, obligation: Obligation, since: datetime) -> Owed:
        """Return an obligation as it is first written down."""
        return cls(since=since, **dict(obligation))

    @property
    def actionable(self) -> bool:
        """True when Lifeboat itself can do it."""
        return bool(self.uses) and self.change is not None

    def ready(self, now: datetime) -> bool:
        """Return True when it is to be tried now."""
        at = self.next_at or self.due
        return self.actionable and (at is None or at <= now)

    def in_vain(self, now: datetime, said: str, effect: Effect | None = None) -> Owed:
        """Return it after a try that did not do it."""
        changes = {"tries": self.tries + 1, "next_at": now + TRY_AGAIN, "said": said}
        return self.model_copy(update={**changes, "effect": effect or self.effect})

    def late(self, now: datetime) -> str:
        """Say what is wrong with it, for people; "" while nothing is."""
        expected = self.due or self.since
        tried = f" Tried {self.tries} times; the last time: {self.said}" if self.tries else ""
        if self.actionable and now - expected >= LATE_AFTER:
            return f"{self.why} That is {format_duration(now - expected)} late.{tried}"
        if now - self.since >= LONG_OPEN:
            return f"{self.why} That has been open for {format_duration(now - self.since)}.{tried}"
        return ""
