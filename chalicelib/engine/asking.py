"""Steps that ask a person before their plan is committed, and wait for the answer.

Nothing of such a step is in the ledger but its question and the plan that it covers: the step's own row is written when
the plan is committed, as of any step. While it waits, only the question is read, once a minute. Answered yes, it is
planned anew, since AWS may have changed; what was approved and no longer is planned is left out, and what was not
approved is asked again under the next number.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.answer import IN_ADVANCE, Answer
from chalicelib.domain.change import Change, Plan, Question
from chalicelib.domain.notice import NoticeKind
from chalicelib.domain.question import EXPIRED, PASSED, Asked, declined, digest_of, exceeded, expired, grown, lines
from chalicelib.domain.run import StepRow, StepState, plan_digest
from chalicelib.domain.runbook import Step
from chalicelib.engine.memory import RunMemory
from chalicelib.engine.pausing import LOOK_S
from chalicelib.engine.ports import Clock, Journal, Ledger
from chalicelib.engine.recording import ensure_held
from chalicelib.engine.telling import Teller

NAMED = 12  # resources of a plan that a question names


@dataclass(frozen=True)
class Asking:
    """Asks people and hears what they say.

    Attributes:
        paged: How the store cuts plans into pages.
        link: Base URL of the API, which notices name; empty when the deployment states none.
    """

    ledger: Ledger
    clock: Clock
    journal: Journal
    paged: Callable[[Sequence[Change]], list[list[Change]]]
    link: str = ""

    def heard(self, memory: RunMemory, row: StepRow, within: timedelta) -> StepRow:
        """Return a step's row as its newest question leaves it: waiting, running (again) with an answer, or stopped.

        Args:
            memory: The run.
            row: The step, not yet planned.
            within: How long the step may take; counted anew from the answer.

        Raises:
            RefusedError: it was declined (`ask.declined`), or nobody answered in time (`ask.expired`).
        """
        asked = self._newest(memory, row.step_id)
        if asked is None:
            return row
        if asked.waits(memory.run):
            until = asked.until(memory.run, self.clock.now())
            if self.clock.now() < until:
                return self._waiting(row, asked, memory)
            ensure_held(self.ledger, memory)  # who slept until now may not know that the run is paused, or goes on
            asked = self.ledger.close(asked, EXPIRED)  # unless somebody has answered just now
        if asked.answer and asked.answer.yes:
            deadline = max(row.deadline or asked.answer.at, asked.answer.at + within)
            heard = {"state": StepState.RUNNING, "answer": asked.answer, "deadline": deadline, "next_at": None}
            return row.model_copy(update=heard)
        if asked.round == memory.run.round:
            return self._over(memory, row, asked)
        return row  # an earlier round asked, and nobody said yes: it is planned and asked anew

    def _over(self, memory: RunMemory, row: StepRow, asked: Asked) -> StepRow:
        if asked.answer:
            raise declined(asked, asked.answer)
        if asked.closed:
            raise expired(asked)
        return self._stopped(memory, row)

    def _stopped(self, memory: RunMemory, row: StepRow) -> StepRow:
        """End a step that would wait although the run is to stop."""
        by = memory.run.stop.by if memory.run.stop else ""
        message = f"waits for nobody: {by} asked the run to stop; nothing of it was done"
        ended = {"state": StepState.STOPPED, "ended_at": self.clock.now(), "next_at": None, "message": message}
        return row.model_copy(update=ended)

    def agreed(self, memory: RunMemory, step: Step, row: StepRow, plan: Plan, within: timedelta) -> StepRow:
        """Return the row, running, when the plan may be committed; else waiting, with what it asks recorded.

        Args:
            memory: The run.
            step: What the runbook says.
            row: The step, with the answer that was heard, if any.
            plan: As the guard allows it.
            within: How long the question may be answered.
        """
        if plan.ask is None:
            return row
        if step.approved_in_advance and not plan.ask.choices:
            reason = step.approved_in_advance
            said = Answer(yes=True, by=IN_ADVANCE, at=self.clock.now(), reason=reason, in_advance=True)
            return row.model_copy(update={"answer": said})
        before = self._newest(memory, row.step_id) if row.answer else None
        why = exceeded(before, plan.ask, grown(self._approved(before), plan.changes)) if before else ""
        if before and not why:
            return row
        if memory.run.stop is not None:
            return self._stopped(memory, row)
        again = f" Asked again, since {why}." if why else ""
        question = plan.ask.model_copy(update={"reason": plan.ask.reason + again})
        return self._ask(memory, row, question, plan.changes, within)

    def _ask(
        self, memory: RunMemory, row: StepRow, question: Question, changes: Sequence[Change], within: timedelta
    ) -> StepRow:
        run, now, number = memory.run, self.clock.now(), memory.run.asked.get(row.step_id, 0) + 1
        pages, plan = self.paged(changes), plan_digest(changes)
        kinds: dict[str, int] = {}
        for change in changes:
            kinds[change.kind.value] = kinds.get(change.kind.value, 0) + 1
        asked = self.ledger.ask(
            Asked(
                run_id=run.run_id,
                runbook=run.runbook,
                step_id=row.step_id,
                phase=row.phase,
                uses=row.uses,
                number=number,
                **question.model_dump(),
                digest=digest_of(question, plan, number),
                plan=plan,
                pages=len(pages),
                kinds=kinds,
                first=tuple(change.resource for change in changes[:NAMED]),
                asked_at=now,
                within_s=int(within.total_seconds()),
                paused_s=run.paused_s,
                round=run.round,
            ),
            pages,
        )
        memory.run = run.model_copy(update={"asked": {**run.asked, row.step_id: number}})
        self.journal.note(
            "asked",
            run_id=run.run_id,
            step=row.step_id,
            why=asked.reason,
            choices=list(asked.choices),
            digest=asked.digest,
        )
        return self._waiting(row, asked, memory)

    def _waiting(self, row: StepRow, asked: Asked, memory: RunMemory) -> StepRow:
        now = self.clock.now()
        until = asked.until(memory.run, now)
        looks = now + timedelta(seconds=LOOK_S)
        waiting = {"state": StepState.WAITING, "answer": None, "deadline": until, "next_at": looks}
        return row.model_copy(update=waiting)

    def _newest(self, memory: RunMemory, step_id: str) -> Asked | None:
        number = memory.run.asked.get(step_id, 0)
        return self.ledger.question(memory.run.run_id, step_id, number) if number else None

    def _approved(self, asked: Asked) -> Iterator[Change]:
        for number in range(asked.pages):
            yield from self.ledger.page(asked.run_id, asked.row(), number)

    def tell(self, memory: RunMemory, teller: Teller) -> None:
        """Tell people of every question that waits, once each."""
        for row in memory.rows.values():
            name = f"{row.step_id}.{memory.run.asked.get(row.step_id, 0)}"
            told = f"{NoticeKind.WAITING.value}.{name}" in memory.run.told or not teller.notices.channels
            if told or row.state is not StepState.WAITING:
                continue
            asked = self._newest(memory, row.step_id)
            if asked and asked.waits(memory.run):
                now = self.clock.now()
                why = "\n".join(lines(asked, memory.run, now, self.link))
                memory.run = teller.told(memory.run, NoticeKind.WAITING, name, now, why)

    def withdraw(self, memory: RunMemory, going_on: Container[str]) -> None:
        """Close what steps ask that will not be worked on any more: another one failed, or the run is to stop."""
        for step_id in memory.run.asked:
            row = memory.rows.get(step_id)
            if step_id in going_on or (row and row.state is not StepState.WAITING):
                continue
            asked = self._newest(memory, step_id)
            if asked and asked.waits(memory.run):
                self.ledger.close(asked, PASSED)
            memory.rows.pop(step_id, None)

    def end(self, memory: RunMemory) -> None:
        """Take what the run asked off the list of open questions, also what was answered by halves: it ends."""
        for asked in self.ledger.questions(memory.run.run_id) if memory.run.asked else ():
            self.ledger.unlist(asked)
