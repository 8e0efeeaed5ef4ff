"""What runs hold against each other: leases, and the active run of a runbook."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.run import Run, RunState
from chalicelib.errors import InputError, SupersededError
from chalicelib.stores import rows
from chalicelib.stores.obligations import Obligations
from chalicelib.stores.table import ConditionError, Table

BY_A_PERSON = "local:"  # such a holder keeps its name: the sweeper leaves what people drive to people
CLAIM_GRACE_S = 300  # how long a claim without a run row is believed: its starter may be about to write it


def _left_by_a_person(run: Run, now: datetime) -> bool:
    """Return True for a run that only its person would continue, and that person's process is overdue.

    Nobody takes it over, so causes must not join it: they would wait for ever.
    """
    overdue = run.beat_until is None or (now - run.beat_until).total_seconds() > CLAIM_GRACE_S
    return run.holder.startswith(BY_A_PERSON) and overdue


def superseded(run: Run) -> SupersededError:
    """Return the error of whoever drives a run that another generation drives by now."""
    return SupersededError(
        "run.superseded",
        f"Run '{run.run_id}' is no longer driven by generation {run.generation}; see `lifeboat runs show`.",
    )


class Claims(Obligations):
    """The part of the ledger in which runs meet."""

    def __init__(self, table: Table, region: str) -> None:
        self.table, self.region = table, region

    def claim_activity(self, run: Run, cooldown_s: int, now: datetime) -> str:
        """Make `run` the runbook's active run and return its id, or the id of the run that is active instead."""
        pk = f"RUNBOOK#{self.region}#{run.runbook}"
        row = {"pk": pk, "sk": "ACTIVE", "run_id": run.run_id, "claimed_at": rows.epoch(now)}
        try:
            self.table.put(row, unless_exists=True)
        except ConditionError as other:
            current = str(other.found["run_id"])
            if current == run.run_id or self._active(other.found, cooldown_s, now):
                return current
            try:
                self.table.update(
                    pk,
                    "ACTIVE",
                    {"run_id": run.run_id, "claimed_at": rows.epoch(now)},
                    when="{run_id} = :seen",
                    seen=current,
                )
            except ConditionError as raced:
                return str(raced.found["run_id"])
        return run.run_id

    def _active(self, row: dict[str, Any], cooldown_s: int, now: datetime) -> bool:
        other = self.table.get(rows.run_key(row["run_id"]), "RUN")
        if other is None:
            return rows.epoch(now) - int(row["claimed_at"]) < CLAIM_GRACE_S
        run = rows.run_from(other)
        if run.undo and run.undo.ordered:
            return False  # it responds to nothing any more
        if not run.ended:
            return not _left_by_a_person(run, now)
        if run.state is RunState.REFUSED or run.ended_at is None:
            return False  # nothing was done: what comes next is not covered by it
        return (now - run.ended_at).total_seconds() < cooldown_s

    def lease(self, kind: str, resource: str, run_id: str) -> str:
        """Claim a resource for a kind of effect; returns the id of the run that has it now.

        A lease is free when the run that it names is terminal or gone, never by the clock.
        """
        pk = f"LEASE#{kind}#{resource}"
        self.table.put({"pk": rows.run_key(run_id), "sk": pk})  # first, so that release finds it
        try:
            self.table.put({"pk": pk, "sk": "LEASE", "run_id": run_id}, unless_exists=True)
        except ConditionError as other:
            holder = str(other.found["run_id"])
            if holder == run_id or not self._free(holder):
                return holder
            try:
                self.table.update(pk, "LEASE", {"run_id": run_id}, when="{run_id} = :seen", seen=holder)
            except ConditionError as raced:
                return str(raced.found.get("run_id", holder))
        return run_id

    def leased(self, kind: str, resource: str) -> str:
        """Return the id of the run that has a resource for a kind of effect; "" when nobody has."""
        row = self.table.get(f"LEASE#{kind}#{resource}", "LEASE")
        return str(row["run_id"]) if row and not self._free(str(row["run_id"])) else ""

    def _free(self, run_id: str) -> bool:
        row = self.table.get(rows.run_key(run_id), "RUN")
        return row is None or row["run_state"] not in {RunState.RUNNING.value, RunState.STOPPED.value}

    def release(self, run_id: str, reason: str) -> list[str]:
        """Break a run's leases and its hold; returns what was released. Recorded with the reason."""
        row = self.table.get(rows.run_key(run_id), "RUN")
        if row is None:
            raise InputError("run.unknown", f"There is no run '{run_id}' in the ledger.")
        released = []
        for mine in list(self.table.query(rows.run_key(run_id), "LEASE#")):
            lease = self.table.get(mine["sk"], "LEASE")
            if lease and lease["run_id"] == run_id:
                self.table.delete(mine["sk"], "LEASE")
                released.append(mine["sk"].removeprefix("LEASE#"))
            self.table.delete(mine["pk"], mine["sk"])
        for name in self.owed(run_id):
            self.settle(run_id, name, f"released: {reason}")
            released.append(f"owes {name}")
        if row["holder"]:
            released.append(f"held by {row['holder']}")
        said = {"at": datetime.now(UTC).isoformat(), "reason": reason, "released": released}
        freed = {} if row["holder"].startswith(BY_A_PERSON) else {"holder": ""}
        self.table.update(rows.run_key(run_id), "RUN", {"released": json.dumps(said), "beat_until": 0, **freed})
        return released
