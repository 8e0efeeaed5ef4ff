"""Who is told, and that it is once each: told first and then written down, so that nothing that was to be told is lost.

Killed in between, the same notice is told again, under the same id. What cannot be told now is told at a later tick;
of a run that has ended, by the sweeper, which finds it by a marker that is set before the end is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.notice import Notice, NoticeKind, of_run
from chalicelib.domain.run import Run, RunState
from chalicelib.engine.history import record
from chalicelib.engine.ports import Journal, Ledger, Notices
from chalicelib.errors import ActionError

ENDS = {
    RunState.SUCCEEDED: NoticeKind.SUCCEEDED,
    RunState.FAILED: NoticeKind.FAILED,
    RunState.STOPPED: NoticeKind.STOPPED,
    RunState.REFUSED: NoticeKind.REFUSED,
}
DEAF, RESTS = "until", timedelta(minutes=4)  # shorter than the time between two sweeps
FORGOTTEN = timedelta(days=400)
UNTOLD_AT_ONCE = 20  # ends that one sweep tells; the next sweep follows in minutes


@dataclass(frozen=True)
class Teller:
    """Tells of runs."""

    ledger: Ledger
    notices: Notices
    journal: Journal
    deaf: dict[str, datetime] = field(default_factory=dict)  # until when it is not tried again; told in vain costs time

    def told(self, run: Run, kind: NoticeKind, name: str, now: datetime, why: str = "") -> Run:
        """Tell one thing of a run that goes on, and return the run with that noted; the caller records it."""
        mark = f"{kind.value}.{name}"
        if not self.notices.wanted or mark in run.told:
            return run
        done = self.send(of_run(record(self.ledger, run, now), kind, name, now, why))
        return run.model_copy(update={"told": (*run.told, mark)}) if done else run

    def left(self, run: Run, now: datetime) -> None:
        """Tell, once per generation, that a run waits for the person whose machine drove it."""
        name = f"left.{run.run_id}.{run.generation}"
        if not self.notices.wanted or self.ledger.was_told(name):
            return
        why = f"Abandoned by {run.holder}; only `lifeboat runs continue --local {run.run_id}` goes on with it."
        notice = of_run(record(self.ledger, run, now), NoticeKind.WAITING, f"left.{run.generation}", now, why)
        if self.send(notice):
            self.ledger.note_told(name, now + FORGOTTEN)

    def will_end(self, run: Run) -> None:
        """Mark a run whose end is about to be recorded: its end is to be told."""
        if self.notices.wanted:
            self.ledger.mark_untold(run.run_id)

    def ended(self, run: Run, now: datetime) -> None:
        """Tell the end of a run, and take the mark away."""
        if not self.notices.wanted:
            return
        if self.send(of_run(record(self.ledger, run, now), ENDS[run.state], str(run.round), now)):
            self.ledger.unmark_untold(run.run_id)

    def catch_up(self, now: datetime) -> int:
        """Tell the ends that could not be told when they came; returns how many are still untold."""
        left = 0
        for run_id in self.ledger.untold(UNTOLD_AT_ONCE) if self.notices.wanted else ():
            run = self.ledger.load(run_id)
            if run is None:
                self.ledger.unmark_untold(run_id)
            elif run.ended:
                self.ended(run, now)
                left += run_id in self.ledger.untold(UNTOLD_AT_ONCE)
        return left

    def send(self, notice: Notice) -> bool:
        """Send a notice; returns False when somebody could not be told, and then rests for some minutes."""
        if notice.at < self.deaf.get(DEAF, notice.at):
            return False
        try:
            self.notices.tell(notice)
        except ActionError as error:
            self.deaf[DEAF] = notice.at + RESTS
            self.journal.note("could not tell", notice=notice.id, error_code=error.code, why=error.message)
            return False
        return True
