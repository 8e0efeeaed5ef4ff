"""One bounded slice of a run, the same in Lambda, on a laptop and in the sandbox.

    while not ended: tick = advance(run, generation); wait(tick.wait_s)

`advance` loads the run, works for about a minute or until nothing can be done now, records it, and says how long to
wait. It can be killed anywhere and called again: the ledger and AWS know everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, EffectState
from chalicelib.domain.notice import NoticeKind
from chalicelib.domain.protection import Protection
from chalicelib.domain.run import DRILL, Run, RunState, StepRow
from chalicelib.domain.runbook import UNDO, Step
from chalicelib.domain.signature import Signatures
from chalicelib.domain.watch import success_of
from chalicelib.engine.asking import Asking
from chalicelib.engine.drilling import Drilling, Unasked, give_way
from chalicelib.engine.driver import Driver
from chalicelib.engine.ending import ending
from chalicelib.engine.flow import Flow
from chalicelib.engine.lasting import Lasting, Look, look
from chalicelib.engine.measures import of_step
from chalicelib.engine.memory import RunMemory, recall
from chalicelib.engine.obligations import Debts
from chalicelib.engine.pausing import LOOK_S, held, take_note
from chalicelib.engine.ports import Clock, Journal, Launcher, Ledger, Notices, Tick
from chalicelib.engine.recording import ensure_held
from chalicelib.engine.rounds import begin_round
from chalicelib.engine.scope import Actions
from chalicelib.engine.steps import Steps
from chalicelib.engine.telling import Teller
from chalicelib.engine.undoing import Undoing, begin
from chalicelib.errors import RefusedError, StoreError, SupersededError
from chalicelib.settings import Settings

Paged = Callable[[Sequence[Change]], list[list[Change]]]


class Engine:
    """Carries runs out. Remembers runs between ticks, but only what the ledger confirms."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        notices: Notices,
        aws: Aws,
        actions: Actions,
        clock: Clock,
        settings: Settings,
        journal: Journal,
        launcher: Launcher,
        paged: Paged,
        protected: Callable[[], Sequence[Protection]],
    ) -> None:
        self.ledger, self.aws, self.actions, self.clock = ledger, aws, actions, clock
        self.settings, self.journal, self.launcher = settings, journal, launcher
        self.signatures: Signatures = {name: action.signature() for name, action in actions.items()}
        self.teller = Teller(ledger, notices, journal)
        driver = Driver.over(ledger, clock, journal, settings.pace)
        self._asking = Asking(ledger, clock, journal, paged, settings.api_url)
        self._steps = Steps(ledger, aws, actions, clock, settings, driver, self._asking, paged, protected)
        parts = {each.name: getattr(self._steps, each.name) for each in fields(self._steps)}
        self._undoing = Undoing(**parts)
        unasked = Unasked(**{each.name: getattr(self._asking, each.name) for each in fields(self._asking)})
        self._drilling = Drilling(**{**parts, "asking": unasked})
        self._memory: dict[str, RunMemory] = {}

    @property
    def debts(self) -> Debts:
        """What runs still owe, to be done with this engine."""
        return Debts(self)

    def advance(self, run_id: str, generation: int) -> Tick:
        """Work one slice of a run.

        Args:
            run_id: Which run.
            generation: Which generation asks; an older one than the run's is told to stop.

        Raises:
            SupersededError: another generation drives this run now. Nothing was done.
            StoreError: the ledger cannot be reached. Nothing is lost; call again.
        """
        run = self._loaded(run_id)
        if run.ended:
            return Tick(0, ended=True, state=run.state.value, generation=run.generation)
        if run.generation != generation:
            return self._handed_over_before(run, generation)
        memory = recall(self.ledger, run, self._memory.pop(run_id, None))
        begin_round(self.ledger, memory, self.clock.now())
        take_note(self.ledger, self.journal, memory, self.clock.now())
        memory.run = give_way(self.ledger, self.actions, memory.run, self.clock.now())
        seen = Look(Lasting.SEEN) if run.stop else look(memory, self.aws, self.clock.now())
        tick = self._worked(memory) if seen.state is Lasting.SEEN else self._unseen(memory, seen)
        if not tick.ended:
            self._memory[run_id] = memory  # kept only after a slice that was recorded whole: else the ledger knows more
        return tick

    def _worked(self, memory: RunMemory) -> Tick:
        if memory.run.lasting_at is None:
            memory.run = memory.run.model_copy(update={"lasting_at": self.clock.now()})
        self._tell(memory)
        return self._finish(memory) if self._slice(memory) else self._pause(memory)

    def _unseen(self, memory: RunMemory, seen: Look) -> Tick:
        """Wait until it can be seen whether the cause lasts, or end without having done anything."""
        if seen.state is Lasting.WAITS:
            until = seen.until.isoformat() if seen.until else ""
            self.journal.note("waits to see whether its cause lasts", run_id=memory.run.run_id, until=until)
            return self._pause(memory, seen.until)
        update = {"state": RunState.REFUSED, "ended_at": self.clock.now(), "code": seen.code, "message": seen.why}
        ended = self._recorded(memory).model_copy(update=update)
        self.teller.will_end(ended)
        try:
            memory.run = self.ledger.finish(ended, as_joined=True)
        except RefusedError:  # another cause has joined meanwhile, and may last; or a stop was asked for
            return Tick(1, ended=False, state=RunState.RUNNING.value, generation=ended.generation)
        self.journal.note("run refused", run_id=ended.run_id, runbook=ended.runbook, error_code=seen.code, why=seen.why)
        self.teller.ended(memory.run, self.clock.now())
        return Tick(0, ended=True, state=memory.run.state.value, generation=ended.generation)

    def _tell(self, memory: RunMemory) -> None:
        """Tell that the run has started, and that it waits for a person."""
        run, now = memory.run, self.clock.now()
        why = f"Takes back what it did, by {run.undo.by}: {run.undo.reason}." if run.undo else ""
        run = self.teller.told(run, NoticeKind.STARTED, str(run.round), now, why)
        if run.pause and run.paused_at:
            why = f"Paused by {run.pause.by}: {run.pause.reason}. It waits for `lifeboat resume`."
            run = self.teller.told(run, NoticeKind.WAITING, run.paused_at.isoformat(), now, why)
        memory.run = run

    def _loaded(self, run_id: str) -> Run:
        run = self.ledger.load(run_id)
        if run is None:
            raise StoreError("store.no_run", f"Run '{run_id}' is not in the ledger.")
        return run

    def _handed_over_before(self, run: Run, generation: int) -> Tick:
        """A hand-over that was cut short after the ledger knew of it: make sure that the successor exists."""
        if run.generation == generation + 1 and run.holder == self.launcher.holder(run.run_id, run.generation):
            self.launcher.start(run.run_id, run.generation)
            return Tick(1, ended=False, state=run.state.value, generation=run.generation)
        raise SupersededError("run.superseded", f"Run '{run.run_id}' is driven by generation {run.generation} now.")

    def _slice(self, memory: RunMemory) -> bool:
        """Work until nothing can be done now; returns True when the run has come to its end."""
        until = self.clock.now() + timedelta(seconds=self.settings.pace.slice_s)
        flow = Flow(memory.runbook, self.signatures)
        while True:
            steps = flow.next_steps(memory.rows, memory.run)
            if not steps:
                return True
            if steps[0][0] == UNDO and memory.run.undo is None:
                self._begin_undo(memory, flow)
            self._asking.withdraw(memory, {step.id for _, step in steps})
            moved = [self._moved(memory, phase, step, until) for phase, step in steps]
            if not any(moved) or self.clock.now() >= until:
                return False

    def _moved(self, memory: RunMemory, phase: str, step: Step, until: datetime) -> bool:
        """Work on one step and record it; returns True when it has come into another state."""
        before = memory.rows.get(step.id)
        works = self._drilling if memory.run.mode == DRILL else self._steps
        row = (self._undoing if phase == UNDO else works).work(memory, phase, step, until)
        if self.clock.now() >= until + timedelta(seconds=self.settings.pace.send_window_s):
            ensure_held(self.ledger, memory)
        if row.settled:
            self._measure(memory, row)  # before it is recorded: killed in between, it is measured twice
        if row != before and (row.planned_at or row.settled):
            self.ledger.save_step(memory.run.run_id, row)
        self.journal.progress(memory.run, list(memory.rows.values()))
        return before is None or before.state is not row.state

    def _begin_undo(self, memory: RunMemory, flow: Flow) -> None:
        """Note that the run takes back what it did, without anybody having ordered it."""
        failed = flow.undone_for(memory.rows)
        why = f"{', '.join(failed)} failed" if failed else "what a drill has made goes again"
        self.journal.note("takes back", run_id=memory.run.run_id, runbook=memory.run.runbook, why=why)
        memory.run = begin(self.ledger, self._recorded(memory), why, self.clock.now(), self.settings.pace.fence_s)

    def _measure(self, memory: RunMemory, row: StepRow) -> None:
        for sentence, facts in of_step(memory.run, row, memory.step(row.step_id).made()):
            self.journal.note(sentence, **facts)

    def _pause(self, memory: RunMemory, until: datetime | None = None) -> Tick:
        """Record the slice, hand over if this generation has worked long enough, and say how long to wait."""
        self._asking.tell(memory, self.teller)
        now, pace = self.clock.now(), self.settings.pace
        wait_s = max(1, int(-(-((until or self._next(memory, now)) - now).total_seconds() // 1)))
        run = self._recorded(memory).model_copy(
            update={"beat_until": now + timedelta(seconds=wait_s + pace.grace_s), "ticks": memory.run.ticks + 1}
        )
        memory.run = self.ledger.save(run)
        if memory.run.ticks >= pace.ticks_per_generation:
            return self._hand_over(memory, wait_s)
        return Tick(wait_s, ended=False, state=run.state.value, generation=run.generation)

    def _hand_over(self, memory: RunMemory, wait_s: int) -> Tick:
        run, generation = memory.run, memory.run.generation + 1
        beat = self.clock.now() + timedelta(seconds=wait_s + self.settings.pace.grace_s)
        holder = self.launcher.holder(run.run_id, generation)
        memory.run = self.ledger.take(run, holder=holder, beat_until=beat, fence_until=None)
        self.launcher.start(run.run_id, generation)
        self.journal.note("handed over", run_id=run.run_id, generation=generation)
        return Tick(wait_s, ended=False, state=run.state.value, generation=generation)

    def _next(self, memory: RunMemory, now: datetime) -> datetime:
        """Return when the next thing can usefully be done."""
        moments = []
        for row in memory.rows.values():
            if row.settled:
                continue
            until = now + timedelta(seconds=LOOK_S) if memory.run.paused_at else row.deadline
            moments += [moment for moment in (row.next_at, until) if moment]
            step = memory.step(row.step_id)
            if step.in_state(EffectState.ABSENT) and not held(memory, row.phase):
                later = [moment for moment in (step.not_before, memory.run.fence_until) if moment and moment > now]
                moments += later
                if not later and self._has_ready(memory, row):
                    moments.append(now)  # the slice ended before all was sent
        return max(now, min(moments, default=now + timedelta(seconds=self.settings.pace.poll_min_s)))

    @staticmethod
    def _has_ready(memory: RunMemory, row: StepRow) -> bool:
        """Return True when something could be sent and nothing is in flight whose end would be waited for."""
        return row.next_at is None and any(
            all(memory.effect(need).state is EffectState.DONE for need in change.after)
            for change in memory.step(row.step_id).in_state(EffectState.ABSENT)
        )

    def _recorded(self, memory: RunMemory) -> Run:
        intents = {step_id: groups for step_id, step in memory.steps.items() if (groups := step.intents())}
        return memory.run.model_copy(update={"intents": intents}).with_calls(self.aws.calls.take())

    def _finish(self, memory: RunMemory) -> Tick:
        """Record how the run ended."""
        run, rows = memory.run, memory.rows
        came_to = ending(run, memory.runbook, rows)
        state = came_to.state
        ended = self._recorded(memory).model_copy(update={**came_to._asdict(), "ended_at": self.clock.now()})
        if state is RunState.SUCCEEDED:
            self.ledger.note_success(success_of(run.runbook, run.mode), run.cause.occurred_at)
        self._asking.end(memory)
        self.teller.will_end(ended)
        owed = len(self.ledger.owed(run.run_id))
        # Before it is recorded: killed in between, it is counted twice, and no failure goes uncounted.
        self.journal.note("run ended", run_id=run.run_id, runbook=run.runbook, outcome=state.value, left_behind=owed)
        memory.run = self.ledger.finish(ended)
        self.teller.ended(memory.run, self.clock.now())
        self.journal.progress(memory.run, list(rows.values()))
        return Tick(0, ended=True, state=state.value, generation=run.generation)
