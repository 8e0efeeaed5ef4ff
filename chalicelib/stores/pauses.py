"""Pauses: what holds runs back before their next effect, until a person lifts it."""

from __future__ import annotations

from chalicelib.domain.run import Pause
from chalicelib.stores.table import ConditionError, Table

ALL = "ALL"  # the sort key of the pause of all runbooks; sorts before those of single ones
ONE = "RUNBOOK#"


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

    @property
    def _paused(self) -> str:
        return f"PAUSE#{self.region}"


def _name(runbook: str | None) -> str:
    return ALL if runbook is None else f"{ONE}{runbook}"
