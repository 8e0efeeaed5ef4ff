"""Which drills there were lately: what they have made is looked for until it is surely gone."""

from __future__ import annotations

from chalicelib.stores.table import Table


class Drills:
    """The part of the ledger that knows of drills."""

    table: Table
    region: str

    def note_drill(self, run_id: str) -> None:
        """Note that a drill may have made something; written before its run."""
        self.table.put({"pk": f"DRILLS#{self.region}", "sk": run_id})

    def drills(self) -> list[str]:
        """Return the drills that may have made something."""
        return [row["sk"] for row in self.table.query(f"DRILLS#{self.region}", keys_only=True)]

    def forget_drill(self, run_id: str) -> None:
        """Note that nothing of a drill is left."""
        self.table.delete(f"DRILLS#{self.region}", run_id)
