"""Reopening an ended run so that it takes back what it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.domain.run import Run, RunState, UndoOrder
from chalicelib.stores import rows
from chalicelib.stores.table import Table


class Undos:
    """The part of the ledger in which ended runs are reopened."""

    table: Table
    _mark_running: Any
    _seize: Any

    def undo(self, run: Run, order: UndoOrder, *, holder: str, beat_until: datetime, fence_until: datetime) -> Run:
        """Make an ended run running again, in its next round, to take back what it did.

        Its rows no longer expire: that is decided anew when it ends. SupersededError if it is no longer as read.
        """
        again = run.model_copy(
            update={
                "undo": order,
                "round": run.round + 1,
                "ended_at": None,
                "code": "",
                "message": "",
                "opened": {},
                "pause": None,
                "paused_at": None,
            }
        )
        for row in list(self.table.query(rows.run_key(run.run_id), keys_only=True)):
            self.table.update(row["pk"], row["sk"], {}, remove=("expires_at",))
        self._mark_running(run)
        taken: Run = self._seize(again, RunState(run.state), holder, beat_until, fence_until)
        return taken
