"""Waits until it is seen that a run's cause lasts; before that the run does nothing at all.

What was seen rests on the run. Killed before that, it is read again; nothing has been done yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.aws.alarms import alarms_named
from chalicelib.aws.clients import Aws
from chalicelib.domain.lasting import Key, Proof, due_now, lasts, next_due, proofs_of
from chalicelib.engine.memory import RunMemory
from chalicelib.errors import ActionError, ErrorKind

ASK_AGAIN = timedelta(seconds=30)  # after CloudWatch did not answer
GIVE_UP = timedelta(hours=1)  # so long after the last cause was due


class Lasting(StrEnum):
    """What is known of a run's cause."""

    SEEN = "seen"
    WAITS = "waits"
    OVER = "over"


@dataclass(frozen=True)
class Look:
    """What a look came to; `until` says when to look again, `code` and `why` why it is over."""

    state: Lasting
    until: datetime | None = None
    code: str = ""
    why: str = ""


def look(memory: RunMemory, aws: Aws, now: datetime) -> Look:
    """Say whether the run may go on, must wait, or is over; reads the alarms that are due."""
    proofs = [] if memory.run.lasting_at else proofs_of(memory.run, memory.runbook)
    if not proofs:
        return Look(Lasting.SEEN)
    due, following = due_now(proofs, now), next_due(proofs, now)
    try:
        if due and lasts(due, _states(aws.reading(), due)):
            return Look(Lasting.SEEN)
    except ActionError as error:
        return _unanswered(error, proofs, now)
    if following:
        return Look(Lasting.WAITS, following)
    names = ", ".join(sorted({proof.alarm[1] for proof in due}))
    why = f"The alarm {names} was not in {due[0].state} any more when it was read again; nothing was done."
    return Look(Lasting.OVER, code="cause.not_lasting", why=why)


def _unanswered(error: ActionError, proofs: Iterable[Proof], now: datetime) -> Look:
    """Nobody can be asked: try again for an hour, and then do nothing, and say so."""
    last = max(proof.due for proof in proofs)
    if error.kind is ErrorKind.TERMINAL or now >= last + GIVE_UP:
        why = f"Whether the alarm lasts could not be seen; nothing was done. Start the runbook by hand. {error.message}"
        return Look(Lasting.OVER, code="cause.unconfirmed", why=why)
    return Look(Lasting.WAITS, now + ASK_AGAIN)


def _states(aws: Aws, due: Iterable[Proof]) -> dict[Key, str]:
    wanted: dict[str, list[str]] = {}
    for proof in due:
        wanted.setdefault(proof.alarm[0], []).append(proof.alarm[1])
    return {
        (region, alarm.name): alarm.state
        for region, names in wanted.items()
        for alarm in alarms_named(aws, region, names)
    }
