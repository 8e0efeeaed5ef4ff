"""Who is told, and that it is once each: told first and then written down, so that nothing that was to be told is lost.

What was told is written down for each channel, so one that fails has no other told twice. Killed in between, the same
notice is told again, under the same id. What cannot be told now is told at a later tick; of a run that has ended, by
the sweeper, which finds it by a marker that is set before the end is recorded. What a channel does not take for long is
given up for that channel, counted, and holds nothing else up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.notice import Notice, NoticeKind, Telling, end_kind, notice_id, of_run
from chalicelib.domain.run import Run
from chalicelib.engine.history import record
from chalicelib.engine.ports import Journal, Ledger, Notices
from chalicelib.errors import ActionError, ErrorKind

END = "end"  # one thing to tell, whatever a round of a run ends as
RESTS = timedelta(minutes=4)  # between two tries of one notice; shorter than the time between two sweeps
REFUSED_FOR = timedelta(hours=1)  # so long it may be mended (a topic, a permission) before a notice is given up
BUSY_FOR = timedelta(days=1)
SILENCES = 2  # so many tries in a row without an answer, and the channel rests: each costs the time of a call
FORGOTTEN = timedelta(days=400)
UNTOLD, UNTOLD_AT_ONCE = 200, 20  # ends that one sweep looks at, and tells; the next sweep follows in minutes


@dataclass
class Ear:
    """What this process knows of one channel: how often in a row it did not answer, and until when it rests."""

    silences: int = 0
    rests_until: datetime | None = None


@dataclass(frozen=True)
class Teller:
    """Tells of runs."""

    ledger: Ledger
    notices: Notices
    journal: Journal
    ears: dict[str, Ear] = field(default_factory=dict)

    def told(self, run: Run, kind: NoticeKind, name: str, now: datetime, why: str = "") -> Run:
        """Tell one thing of a run that goes on, and return the run with that noted; the caller records it."""
        mark = f"{kind.value}.{name}"
        if not self.notices.channels or mark in run.told:
            return run
        settled = self._once(
            notice_id(run.run_id, kind, name),
            lambda: of_run(record(self.ledger, run, now), kind, name, now, why),
            now,
        )
        return run.model_copy(update={"told": (*run.told, mark)}) if settled else run

    def left(self, run: Run, now: datetime) -> None:
        """Tell, once per generation, that a run waits for the person whose machine drove it."""
        name = f"left.{run.generation}"
        why = f"Abandoned by {run.holder}; only `lifeboat runs continue --local {run.run_id}` goes on with it."
        self._once(
            notice_id(run.run_id, NoticeKind.WAITING, name),
            lambda: of_run(record(self.ledger, run, now), NoticeKind.WAITING, name, now, why),
            now,
        )

    def will_end(self, run: Run) -> None:
        """Mark a run whose end is about to be recorded: its end is to be told."""
        if self.notices.channels:
            self.ledger.mark_untold(run.run_id)

    def ended(self, run: Run, now: datetime) -> bool:
        """Tell the end of a run, and take the mark away; True when there is nothing left to tell."""

        def made() -> Notice:
            found = record(self.ledger, run, now)
            return of_run(found, end_kind(found), str(run.round), now)

        settled = self._once(f"{run.run_id}.{END}.{run.round}", made, now)
        if settled and self.notices.channels:
            self.ledger.unmark_untold(run.run_id)
        return settled

    def catch_up(self, now: datetime) -> int:
        """Tell the ends that could not be told when they came; returns how many are still untold."""
        left, tried = 0, 0
        for run_id in self.ledger.untold(UNTOLD) if self.notices.channels else ():
            run = self.ledger.load(run_id)
            if run is None:
                self.ledger.unmark_untold(run_id)
            elif run.ended:
                tried += bool(self._due(f"{run_id}.{END}.{run.round}", now))
                left += tried > UNTOLD_AT_ONCE or not self.ended(run, now)
        return left

    def send(self, notice: Notice) -> bool:
        """Tell a notice through every channel that has not had it; True when there is nothing left to tell."""
        return self._once(notice.id, lambda: notice, notice.at)

    def _once(self, name: str, made: Callable[[], Notice], now: datetime) -> bool:
        """Tell what goes by a name, once through each channel; True when there is nothing left to tell."""
        waiting = self._waiting(name)
        due = [channel for channel in waiting if self._may(channel, waiting[channel], now)]
        notice = made() if due else None
        if notice is None:
            return not waiting
        settled = [channel for channel in due if self._tell(name, notice, channel, waiting[channel], now)]
        return settled == [*waiting]

    def _waiting(self, name: str) -> dict[str, Telling | None]:
        """Return the channels that have not had it, with what became of it so far."""
        if not self.notices.channels:
            return {}
        known = self.ledger.tellings(name)
        found = {channel: known.get(channel) for channel in self.notices.channels}
        return {channel: telling for channel, telling in found.items() if not (telling and telling.settled)}

    def _due(self, name: str, now: datetime) -> list[str]:
        waiting = self._waiting(name)
        return [channel for channel in waiting if self._may(channel, waiting[channel], now)]

    def _may(self, channel: str, telling: Telling | None, now: datetime) -> bool:
        ear = self.ears.setdefault(channel, Ear())
        if ear.rests_until and now < ear.rests_until:
            return False
        return telling is None or now >= telling.tried_at + RESTS

    def _tell(self, name: str, notice: Notice, channel: str, before: Telling | None, now: datetime) -> bool:
        """Try one channel and write down what became of it; True when it is settled there."""
        since, ear = before.since if before else now, self.ears[channel]
        settled = True
        try:
            self.notices.tell(notice, channel)
        except ActionError as error:
            settled = self._given_up(notice, channel, error, now - since)
            self._heed(ear, error, now)
        else:
            ear.silences = 0
        self.ledger.note_telling(name, channel, Telling(since=since, tried_at=now, settled=settled), now + FORGOTTEN)
        return settled

    def _given_up(self, notice: Notice, channel: str, error: ActionError, tried_for: timedelta) -> bool:
        gives_up = tried_for >= (REFUSED_FOR if error.kind is ErrorKind.TERMINAL else BUSY_FOR)
        sentence = "notice given up" if gives_up else "could not tell"
        self.journal.note(sentence, notice=notice.id, channel=channel, error_code=error.code, why=error.message)
        return gives_up

    @staticmethod
    def _heed(ear: Ear, error: ActionError, now: datetime) -> None:
        """Let a channel rest that does not answer, whatever it is told; what it refuses is about that one notice."""
        unanswered = error.kind is ErrorKind.IN_DOUBT or error.code == "action.unreachable"
        ear.silences = ear.silences + 1 if unanswered else 0
        if ear.silences >= SILENCES:
            ear.silences, ear.rests_until = 0, now + RESTS
