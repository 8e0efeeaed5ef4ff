"""What the watchdog knows: when runbooks last succeeded, since when they are watched, and which breaches last."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.watch import Breach
from chalicelib.stores.table import ConditionError, Table

BREACH, SUCCESS, FIRST, BEAT = "BREACH#", "SUCCESS#", "FIRST#", "BEAT"


class Watch:
    """The part of the ledger that the watchdog keeps."""

    table: Table
    region: str

    def note_success(self, runbook: str, caused_at: datetime) -> None:
        """Note that a run succeeded; a run that was caused earlier than the one noted changes nothing."""
        text = caused_at.isoformat()
        try:
            self.table.update(
                self._watch,
                f"{SUCCESS}{runbook}",
                {"moment": text},
                when="attribute_not_exists({moment}) OR {moment} < :at",
                at=text,
            )
        except ConditionError:
            return

    def last_success(self, runbook: str) -> datetime | None:
        """Return when the newest run that succeeded was caused."""
        row = self.table.get(self._watch, f"{SUCCESS}{runbook}")
        return datetime.fromisoformat(row["moment"]) if row else None

    def first_watched(self, runbook: str, now: datetime) -> datetime:
        """Return since when a runbook is watched: now, when it was not before."""
        try:
            self.table.put(
                {"pk": self._watch, "sk": f"{FIRST}{runbook}", "moment": now.isoformat()}, unless_exists=True
            )
        except ConditionError as other:
            return datetime.fromisoformat(other.found["moment"])
        return now

    def breaches(self, *, over: bool = False) -> dict[str, Breach]:
        """Return the breaches that last, by name; or those that are over, and people do not know it yet."""
        rows = self.table.query(self._watch, BREACH)
        found = [Breach.model_validate_json(row["doc"]) for row in rows]
        return {breach.name: breach for breach in found if breach.over is over}

    def keep_breach(self, breach: Breach) -> None:
        """Note a breach, or what has changed of it."""
        self.table.put({"pk": self._watch, "sk": f"{BREACH}{breach.name}", "doc": breach.model_dump_json()})

    def drop_breach(self, name: str) -> None:
        """Forget a breach that is over. Twice is once."""
        self.table.delete(self._watch, f"{BREACH}{name}")

    def beat(self, now: datetime) -> None:
        """Note that the watchdog has looked at everything."""
        self.table.put({"pk": self._watch, "sk": BEAT, "moment": now.isoformat()})

    def last_beat(self) -> datetime | None:
        """Return when the watchdog last looked at everything; None = never."""
        row = self.table.get(self._watch, BEAT)
        return datetime.fromisoformat(row["moment"]) if row else None

    @property
    def _watch(self) -> str:
        return f"WATCH#{self.region}"
