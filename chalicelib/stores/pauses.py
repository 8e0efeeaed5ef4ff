"""What people and Lifeboat tell each other through the ledger: pauses, and ends of runs that are still to be told."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from chalicelib.domain.notice import Telling
from chalicelib.domain.run import Pause
from chalicelib.stores import rows
from chalicelib.stores.table import ConditionError, Table

ALL = "ALL"  # the sort key of the pause of all runbooks; sorts before those of single ones
ONE = "RUNBOOK#"
CHANNEL = "c:"


class Pauses:
    """The part of the ledger that says whether runs may go on."""

    table: Table
    region: str

    def pause(self, pause: Pause) -> Pause:
        """Hold back runs before their next effect; returns the pause that counts: the first one stays.

        Idempotent. A pause of one runbook and one of all hold side by side: each has to be lifted by itself.
        """
        row = {"pk": self._paused, "sk": _name(pause.runbook), "doc": pause.model_dump_json()}
        try:
            self.table.put(row, unless_exists=True)
        except ConditionError as other:
            return Pause.model_validate_json(other.found["doc"])
        return pause

    def resume(self, runbook: str | None) -> list[Pause]:
        """Lift the pause of one runbook, or the one of all (None); returns what was lifted. Twice is once."""
        row = self.table.get(self._paused, _name(runbook))
        if row is None:
            return []
        self.table.delete(self._paused, _name(runbook))
        return [Pause.model_validate_json(row["doc"])]

    def pauses(self) -> list[Pause]:
        """Return all pauses of this Region (consistent read); the one of all runbooks first."""
        return [Pause.model_validate_json(row["doc"]) for row in self.table.query(self._paused)]

    def mark_untold(self, run_id: str) -> None:
        """Note that the end of a run is to be told. Twice is once."""
        self.table.put({"pk": self._untold, "sk": run_id})

    def unmark_untold(self, run_id: str) -> None:
        """Note that it was told. Twice is once."""
        self.table.delete(self._untold, run_id)

    def untold(self, limit: int) -> list[str]:
        """Return runs whose end is to be told."""
        return [row["sk"] for row in islice(self.table.query(self._untold), limit)]

    def tellings(self, notice_id: str) -> dict[str, Telling]:
        """Return what became of telling one notice, by channel."""
        row = self.table.get(self._told, notice_id) or {}
        found = {name.removeprefix(CHANNEL): text for name, text in row.items() if name.startswith(CHANNEL)}
        return {channel: Telling.model_validate_json(text) for channel, text in found.items()}

    def note_telling(self, notice_id: str, channel: str, telling: Telling, forget_at: datetime) -> None:
        """Note what became of telling it, until a time when it can no longer come again."""
        values = {f"{CHANNEL}{channel}": telling.model_dump_json(), "expires_at": rows.epoch(forget_at)}
        self.table.update(self._told, notice_id, values)

    @property
    def _told(self) -> str:
        return f"TOLD#{self.region}"

    @property
    def _untold(self) -> str:
        return f"UNTOLD#{self.region}"

    @property
    def _paused(self) -> str:
        return f"PAUSE#{self.region}"


def _name(runbook: str | None) -> str:
    return ALL if runbook is None else f"{ONE}{runbook}"
