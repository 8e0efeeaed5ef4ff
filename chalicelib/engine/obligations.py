"""Does what runs still owe, as soon as it can be done: a fence of an old instance, a shift to extend, a leftover.

The sweeper does it every five minutes, `lifeboat runs settle` by hand. An obligation is taken in hand by one
conditional write, looked for in AWS, and only then applied: its effect is safe to repeat, whoever was killed in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import Action, StepContext
from chalicelib.domain.change import Change, Effect, EffectState
from chalicelib.domain.notice import Notice, NoticeKind, headline
from chalicelib.domain.owing import TOLD_AFTER, Owed
from chalicelib.domain.run import Run
from chalicelib.engine.pausing import pause_for
from chalicelib.engine.strays import Strays
from chalicelib.errors import ActionError, ErrorKind, LifeboatError

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine

STEP = "owes"  # what effects of obligations are named after, in place of a step
AT_MOST = 100  # tried in one sweep; the next one follows in minutes
LASTS_S = 120  # how long one sweep goes on trying: what hangs must not keep it from its other work
IN_HAND_S = 180  # how long an obligation is somebody's: longer than one observe and one apply can take
UNANSWERED = 2  # so many calls without an answer to one action in one Region mean: not in this sweep


@dataclass(frozen=True)
class Tried:
    """What came of one obligation: `settled`, `waits` (AWS works on it), `in_vain`, or `left` (not now), and why."""

    run_id: str
    name: str
    outcome: str
    said: str = ""


class Debts:
    """Discharges obligations with what an engine has."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.ledger, self.clock = engine, engine.ledger, engine.clock

    def sweep(self) -> list[Tried]:
        """Try what is due, of all runs of this Region, oldest first, for about two minutes at most."""
        began = self.clock.now()
        Strays(self.engine).sweep()
        ready = [(run_id, owed) for run_id, owed in self.ledger.owing() if owed.ready(began)]
        ready.sort(key=lambda one: (one[1].next_at or one[1].due or one[1].since, one[0], one[1].name))
        tried: list[Tried] = []
        silent: Counter[tuple[str, str]] = Counter()
        for run_id, owed in ready[:AT_MOST]:
            place = (owed.uses, owed.change.region if owed.change else "")
            if silent[place] >= UNANSWERED:
                continue
            if self.clock.now() - began >= timedelta(seconds=LASTS_S):
                break
            tried.append(self.settle(run_id, owed))
            silent[place] += tried[-1].said.startswith(_NO_ANSWER)
        return tried

    def due(self) -> bool:
        """Return True when there is something to try now, or something of a drill to look for."""
        now = self.clock.now()
        return any(owed.ready(now) for _, owed in self.ledger.owing()) or bool(Strays(self.engine).ended())

    def of_run(self, run_id: str, name: str = "") -> list[Tried]:
        """Try what one run owes and is due, or the one that is named, due or not."""
        now = self.clock.now()
        every = self.ledger.owed(run_id).values()
        return [self.settle(run_id, owed) for owed in every if (owed.name == name if name else owed.ready(now))]

    def settle(self, run_id: str, owed: Owed) -> Tried:
        """Try one obligation.

        Raises:
            StoreError: the ledger cannot be reached; it is tried again.
        """
        now = self.clock.now()
        run = self.ledger.load(run_id)
        action = self.engine.actions.get(owed.uses)
        if run is None or owed.change is None or not isinstance(action, Action):
            return Tried(run_id, owed.name, "left", "only a person can do it")
        if not self.ledger.claim_owed(run_id, owed.name, now, now + timedelta(seconds=IN_HAND_S)):
            return Tried(run_id, owed.name, "left", "another has it in hand")
        run = self.ledger.load(run_id) or run  # read again: an undo that began since then waits for what is in hand
        held = self._held(run)
        if held:
            self.ledger.note_tried(run_id, owed)
            return Tried(run_id, owed.name, "left", held)
        tried = self._tried(run, owed, owed.change, action)
        self.engine.journal.note(
            "obligation tried", run_id=run_id, change=owed.name, outcome=tried.outcome, why=tried.said
        )
        return tried

    def _held(self, run: Run) -> str:
        if run.undo and not run.ended:
            return "the run takes back what it did"
        pause = pause_for(self.ledger.pauses(), run.runbook)
        return f"paused by {pause.by}: {pause.reason}" if pause else ""

    def _tried(self, run: Run, owed: Owed, change: Change, action: Action[Any]) -> Tried:
        try:
            effect = self._brought_on(run, owed, change, action)
        except LifeboatError as error:
            silent = isinstance(error, ActionError) and error.kind is ErrorKind.IN_DOUBT
            said = f"{_NO_ANSWER}: {error.message}" if silent else error.message
            return self._in_vain(run, owed, said, owed.effect)
        now = self.clock.now()
        if effect.state in {EffectState.DONE, EffectState.MOOT}:
            for further in effect.owes:  # e.g. the next extension of a shift
                self.ledger.owe(run.run_id, further, now)
            self.ledger.settle(run.run_id, owed.name, effect.message or effect.state.value)
            return Tried(run.run_id, owed.name, "settled", effect.message)
        if effect.state is EffectState.PENDING:
            waiting = owed.in_vain(now, "AWS works on it", effect)
            self.ledger.note_tried(run.run_id, waiting.model_copy(update={"tries": owed.tries}))
            return Tried(run.run_id, owed.name, "waits", "AWS works on it")
        return self._in_vain(run, owed, effect.message or effect.state.value, Effect())

    def _brought_on(self, run: Run, owed: Owed, change: Change, action: Action[Any]) -> Effect:
        """Look what has become of it, and make it unless it is there, on its way or no longer needed."""
        ctx, now = self._context(run), self.clock.now()
        asked = owed.effect if owed.effect.id else Effect(state=EffectState.IN_DOUBT, at=owed.since)
        found = action.observe([(change, asked)], ctx).get(change.key)
        if found and found.state not in {EffectState.ABSENT, EffectState.IN_DOUBT}:
            return found
        review = action.review([change], {}, ctx).get(change.key)
        if review and review.state:
            return Effect(state=EffectState(review.state), at=now, message=review.message)
        if review and review.params is not None:
            change = change.model_copy(update={"params": dict(review.params)})
        for target in change.targets or (change.resource,) if action.lease else ():
            holder = self.ledger.lease(action.lease or "", target, run.run_id)
            if holder != run.run_id:
                return Effect(message=f"{target} is leased by run {holder}; it waits for that.")
        return action.apply(change, {}, ctx)

    def _context(self, run: Run) -> StepContext:
        return StepContext(
            run_id=run.run_id,
            step_id=STEP,
            runbook=run.runbook,
            region=run.region,
            started_at=run.started_at,
            now=self.clock.now(),
            aws=self.engine.aws,
            limits=self.engine.settings.limits,
        )

    def _in_vain(self, run: Run, owed: Owed, said: str, effect: Effect) -> Tried:
        now = self.clock.now()
        after = owed.in_vain(now, said, effect)
        self.ledger.note_tried(run.run_id, after)
        if after.tries >= TOLD_AFTER:
            self._tell(run, after, now)
        return Tried(run.run_id, owed.name, "in_vain", said)

    def _tell(self, run: Run, owed: Owed, now: datetime) -> None:
        """Tell people, once, that an obligation cannot be done."""
        notice = Notice(
            kind=NoticeKind.WAITING,
            id=f"{run.run_id}.owes.{owed.name}",
            at=now,
            region=run.region,
            subject=headline(f"Lifeboat: {run.runbook} still owes {owed.name} in {run.region}"),
            lines=(
                owed.why,
                f"Tried {owed.tries} times. The last time: {owed.said}",
                f"It goes on. Done by hand? lifeboat runs settle {run.run_id} {owed.name} --done WHY",
            ),
            runbook=run.runbook,
            run_id=run.run_id,
            facts={"obligation": owed.name, "tries": owed.tries, "why": owed.said},
        )
        self.engine.teller.send(notice)


_NO_ANSWER = "no answer"
