"""What runs still owe: a row beside the run for each obligation, and one in an index of the Region to find it by.

The index row is written first and removed last, so that an obligation is never missed. The same name twice is the same
obligation, also after it was settled: whoever finds an index row without an open obligation removes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.change import Obligation
from chalicelib.domain.owing import Owed
from chalicelib.domain.run import Run
from chalicelib.stores import rows
from chalicelib.stores.table import ConditionError, Table

OWES = "OWES#"


class Obligations:
    """The part of the ledger that holds what is owed."""

    table: Table
    region: str

    def owe(self, run_id: str, obligation: Obligation, since: datetime) -> None:
        """Record an obligation: something that must still be done about this run's effects. Twice is once."""
        body = Owed.of(obligation, since).model_dump_json(exclude_defaults=True)
        row = {"pk": rows.run_key(run_id), "sk": f"{OWES}{obligation.name}", "body": body, "settled": False}
        self.table.put({"pk": self._owing, "sk": f"{run_id}#{obligation.name}"})
        try:
            self.table.put(row, unless_exists=True)
        except ConditionError:
            return

    def settle(self, run_id: str, name: str, how: str = "") -> None:
        """Strike out an obligation, with what is known of how; the last one lets an ended run's rows expire."""
        pk = rows.run_key(run_id)
        try:
            self.table.update(pk, f"{OWES}{name}", {"settled": True, "how": how}, when="attribute_exists({pk})")
        except ConditionError:
            return  # nothing of that name was ever owed
        self.table.delete(self._owing, f"{run_id}#{name}")
        run = self._run(run_id)
        if run and run.ended:
            self._let_expire(run)

    def owed(self, run_id: str) -> dict[str, Owed]:
        """Return open obligations by name."""
        found = self.table.query(rows.run_key(run_id), OWES)
        return {row["sk"].removeprefix(OWES): _owed_from(row) for row in found if not row["settled"]}

    def owing(self) -> Iterator[tuple[str, Owed]]:
        """Yield every open obligation of this Region with its run's id."""
        for row in self.table.query(self._owing, keys_only=True):
            run_id, name = row["sk"].split("#", 1)
            found = self.table.get(rows.run_key(run_id), f"{OWES}{name}")
            if found and not found["settled"]:
                yield run_id, _owed_from(found)
            elif found:
                self.table.delete(self._owing, row["sk"])

    def claim_owed(self, run_id: str, name: str, now: datetime, until: datetime) -> bool:
        """Take an obligation in hand until a time; False when another has it in hand, or it is settled."""
        try:
            self.table.update(
                rows.run_key(run_id),
                f"{OWES}{name}",
                {"claimed": rows.epoch(until)},
                when="{settled} = :open AND (attribute_not_exists({claimed}) OR {claimed} <= :now)",
                open=False,
                now=int(now.timestamp()),
            )
        except ConditionError:
            return False
        return True

    def note_tried(self, run_id: str, owed: Owed) -> None:
        """Note what came of a try, and let it go for the next one."""
        body = owed.model_dump_json(exclude_defaults=True)
        self.table.update(rows.run_key(run_id), f"{OWES}{owed.name}", {"body": body, "claimed": 0})

    @property
    def _owing(self) -> str:
        return f"OWING#{self.region}"

    def _run(self, run_id: str) -> Run | None:
        row = self.table.get(rows.run_key(run_id), "RUN")
        return rows.run_from(row) if row else None

    def _let_expire(self, run: Run) -> None:
        raise NotImplementedError  # the ledger's: it knows all rows of a run


def _owed_from(row: dict[str, Any]) -> Owed:
    """Read an obligation, also as it was written before obligations said why."""
    body = json.loads(row["body"])
    if "why" in body:
        return Owed.model_validate(body)
    since = datetime.fromisoformat(body["at"]) if "at" in body else datetime.fromtimestamp(0, UTC)
    left = body.get("left_behind", row["sk"].removeprefix(OWES))
    return Owed(name=row["sk"].removeprefix(OWES), why=f"{left} was left behind in AWS.", since=since)
