"""What a step asked of people, what was answered, and what an answer covers. Pure; times are aware and UTC.

Silence never approves: a question that nobody answers in time ends its step. An approval covers the plan that was asked
about, or a smaller one: what is planned anew after it may leave changes out, and may not add or alter any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import Field

from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change, Question
from chalicelib.domain.run import Run, StepRow, StepState
from chalicelib.domain.types import Strict, format_duration
from chalicelib.errors import InputError, RefusedError

BESIDE = {"reason", "order", "size_gib", "weight", "yields"}  # of a change: told or reckoned, not done
EXPIRED, PASSED = "expired", "passed over"  # why a question is closed
NAMED = 5  # changes that are named where a plan grew; the rest is counted


class Asked(Strict):
    """One question of one step of a run, recorded once. What it covers is its plan, kept as plan pages.

    Attributes:
        number: The first question of a step is 1; asked again because the plan grew, 2.
        reason: See `Question`; so are `choices` and `may_lose_data`.
        digest: What an answer names: of the plan, the choices and the number.
        plan: Digest of the plan alone, which names its pages.
        pages: How many pages it has.
        kinds: How many changes the plan has, by kind.
        first: The resources that would be changed, the first few by name.
        within_s: How long it may be answered.
        paused_s: How long the run had been paused when it was asked.
        round: The round of the run that asked.
        answer: The answer that counts; None while there is none.
        closed: Why it can no longer be answered; empty while it can.
    """

    run_id: str
    runbook: str
    step_id: str
    phase: str
    uses: str
    number: int
    reason: str
    choices: tuple[str, ...] = ()
    may_lose_data: bool = False
    digest: str
    plan: str
    pages: int = 0
    kinds: dict[str, int] = Field(default_factory=dict)
    first: tuple[str, ...] = ()
    asked_at: datetime
    within_s: int
    paused_s: int = 0
    round: int = 1
    answer: Answer | None = None
    closed: str = ""

    @property
    def total(self) -> int:
        """How many changes the plan has."""
        return sum(self.kinds.values())

    def until(self, run: Run, now: datetime) -> datetime:
        """Return until when it may be answered: put off by as long as the run was and is paused."""
        standing = now - max(run.paused_at, self.asked_at) if run.paused_at else timedelta(0)
        return self.asked_at + timedelta(seconds=self.within_s + run.paused_s - self.paused_s) + standing

    def row(self) -> StepRow:
        """Return the step as it stands while it waits: planned, and nothing committed."""
        return StepRow(
            step_id=self.step_id,
            phase=self.phase,
            uses=self.uses,
            state=StepState.WAITING,
            started_at=self.asked_at,
            pages=self.pages,
            digest=self.plan,
        )

    def waits(self, run: Run) -> bool:
        """Return True while an answer would be heard: asked in this round, open, and the run goes on."""
        going_on = not run.ended and run.stop is None and run.round == self.round
        return going_on and self.answer is None and not self.closed


class OpenQuestion(Strict):
    """A question as people look at it while it can be answered; `until` is when it no longer can."""

    run_id: str
    runbook: str
    step: str
    uses: str
    number: int
    reason: str
    choices: tuple[str, ...] = ()
    may_lose_data: bool = False
    digest: str
    changes: dict[str, int]
    first: tuple[str, ...] = ()
    asked_at: datetime
    until: datetime


def shown(asked: Asked, run: Run, now: datetime) -> OpenQuestion | None:
    """Return a question as people look at it; None when it cannot be answered now."""
    until = asked.until(run, now)
    if not asked.waits(run) or now >= until:
        return None
    told = asked.model_dump(include=set(OpenQuestion.model_fields))
    return OpenQuestion(**told, step=asked.step_id, changes=asked.kinds, until=until)


def standing(asked: Asked, run: Run) -> StepRow | None:
    """Return how a step that asked and is not committed stands; None when the question is of an earlier round."""
    if run.ended:
        message = "the run ended before anybody answered; nothing of it was done"
        ended = {"state": StepState.STOPPED, "ended_at": run.ended_at, "answer": asked.answer}
        return asked.row().model_copy(update={**ended, "message": "" if asked.answer else message, "pages": 0})
    if asked.waits(run):
        return asked.row()
    if asked.closed == PASSED and asked.round == run.round:
        message = "the run went on without it: nothing more is begun after what has failed"
        return asked.row().model_copy(update={"state": StepState.STOPPED, "message": message, "pages": 0})
    if asked.answer or asked.round == run.round:
        return asked.row().model_copy(update={"state": StepState.RUNNING, "answer": asked.answer})
    return None


def digest_of(question: Question, plan: str, number: int) -> str:
    """Digest a question: what is approved, what can be chosen, and which asking of it this is."""
    text = "\x1f".join((plan, question.reason, str(question.may_lose_data), str(number), *question.choices))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def told_changes(asked: Asked) -> str:
    """Say how much would be changed: `2 create, 1 delete: vol-1, vol-2, i-3`."""
    if not asked.total:
        return "nothing is changed by the answer itself"
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(asked.kinds.items()))
    more = f" and {asked.total - len(asked.first)} more" if asked.total > len(asked.first) else ""
    return f"{kinds}: {', '.join(asked.first)}{more}"


def grown(approved: Iterable[Change], wanted: Iterable[Change]) -> list[str]:
    """Name the changes of a plan that an approved one did not have, or had otherwise; empty when it is covered."""
    known: Mapping[str, str] = {change.key: _content(change) for change in approved}
    return [change.resource for change in wanted if known.get(change.key) != _content(change)]


def _content(change: Change) -> str:
    """Return what of a change is done, not what is told of it: reasons may name ages, which grow."""
    return change.model_dump_json(exclude=BESIDE, exclude_defaults=True)


def exceeded(before: Asked, question: Question, more: list[str]) -> str:
    """Say why an approval does not cover what is planned now; empty when it does.

    Args:
        before: What was asked and approved.
        question: What the plan of now asks.
        more: The changes that were not approved, from `grown`.
    """
    if more:
        named = ", ".join(more[:NAMED]) + (f" and {len(more) - NAMED} more" if len(more) > NAMED else "")
        return f"the plan has changes that were not approved: {named}"
    if question.may_lose_data and not before.may_lose_data:
        return "a yes may now lose data"
    chosen = before.answer.choice if before.answer else ""
    if question.choices and chosen not in question.choices:
        return f"'{chosen}' can no longer be chosen" if chosen else "there is now something to choose"
    return ""


def declined(asked: Asked, answer: Answer) -> RefusedError:
    """Return what a step that was declined ends with."""
    return RefusedError("ask.declined", f"Step '{asked.step_id}' was {answer.told()}. Nothing of it was done.")


def expired(asked: Asked) -> RefusedError:
    """Return what a step that nobody answered ends with."""
    waited = format_duration(timedelta(seconds=asked.within_s))
    return RefusedError(
        "ask.expired",
        f"Step '{asked.step_id}' asked, and nobody answered within {waited}. Nothing of it was done: silence never "
        f"approves. Start the runbook again, and answer with `lifeboat approve`, or give the step a longer `within:`.",
    )


def checked(asked: Asked | None, run: Run, step_id: str, answer: Answer) -> Asked:
    """Return the question, if this answer to it may be recorded.

    Args:
        asked: The step's newest question, if it has one.
        run: The run, as it is now.
        step_id: Which step is meant.
        answer: What somebody answers now.

    Raises:
        RefusedError: it was answered before, waits for nobody, or asks something else than what was looked at.
        InputError: what was chosen cannot be chosen (`ask.choice`).
    """
    if asked and asked.answer:
        raise _answered(asked, asked.answer)
    if asked is None or not asked.waits(run) or answer.at >= asked.until(run, answer.at):
        raise RefusedError("ask.not_waiting", f"Step '{step_id}' of run '{run.run_id}' {_why_not(asked, run)}.")
    if answer.digest != asked.digest:
        raise RefusedError(
            "ask.stale",
            f"Step '{step_id}' asks something else by now: its question is {asked.digest}, and you answer "
            f"{answer.digest}. Look at it again with `lifeboat runs show {run.run_id}`, then answer.",
            digest=asked.digest,
        )
    wrong = _wrong_choice(asked, answer)
    if wrong:
        raise wrong
    return asked


def _answered(asked: Asked, first: Answer) -> RefusedError:
    return RefusedError(
        "ask.answered",
        f"Step '{asked.step_id}' was answered before: {first.told()}. The first answer counts.",
        by=first.by,
        at=first.at.isoformat(),
        answer=first.word,
        choice=first.choice,
    )


def _why_not(asked: Asked | None, run: Run) -> str:
    if run.ended:
        return f"waits for nobody: the run has ended {run.state.value}"
    if run.stop is not None:
        return f"waits for nobody: the run was asked to stop by {run.stop.by}"
    if asked is None or run.round != asked.round:
        return "waits for nobody now; `lifeboat runs show` tells where the run is"
    if asked.closed == PASSED:
        return "waits no longer: the run went on without it"
    return "waits no longer: it was not answered in time"


def _wrong_choice(asked: Asked, answer: Answer) -> InputError | None:
    if not answer.yes or answer.choice in (asked.choices or ("",)):
        return None
    if not asked.choices:
        return InputError("ask.choice", f"Step '{asked.step_id}' has nothing to choose: leave '{answer.choice}' out.")
    said = f"'{answer.choice}' cannot be chosen" if answer.choice else "Something has to be chosen"
    return InputError("ask.choice", f"{said}: step '{asked.step_id}' takes one of {', '.join(asked.choices)}.")


def lines(asked: Asked, run: Run, now: datetime, link: str) -> Iterator[str]:
    """Yield what people are told of a question: why, what is at stake, until when, and how to answer.

    Args:
        asked: The question.
        run: Its run.
        now: The time.
        link: Base URL of the API; empty when there is none to be named.
    """
    yield f"Step '{asked.step_id}' waits for a person: {asked.reason}"
    if asked.may_lose_data:
        yield "A YES MAY LOSE DATA."
    yield f"It covers: {told_changes(asked)}."
    yield f"Until {asked.until(run, now):%Y-%m-%d %H:%M} UTC; without an answer nothing of it is done."
    choice = f" --choice {'|'.join(asked.choices)}" if asked.choices else ""
    named = f"{asked.run_id} {asked.step_id}"
    yield f"Yes: lifeboat approve {named} --digest {asked.digest}{choice}"
    yield f"No: lifeboat decline {named}"
    if link:
        where = f"{link.rstrip('/')}/runs/{asked.run_id}/steps/{asked.step_id}"
        yield f"API: POST {where}/approve (or /decline) with the digest {asked.digest}"
