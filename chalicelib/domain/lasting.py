"""Whether a cause lasts: what a trigger's `for` asks of an alarm before anything is done. Pure.

A run whose trigger says `for: 5m` waits so long after the alarm's change, and the alarm must still be in that state
when it is read again. Of causes that joined meanwhile, one that lasts is enough, so none is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.run import Run, RunCause
from chalicelib.domain.runbook import AlarmTrigger, Runbook

Key = tuple[str, str]  # Region and alarm


@dataclass(frozen=True)
class Proof:
    """A cause that must last until `due`: an alarm of a Region in a state."""

    alarm: Key
    state: str
    due: datetime


def proofs_of(run: Run, runbook: Runbook) -> list[Proof]:
    """Return what has to be proven; nothing when a cause stands for itself (by hand, no `for`)."""
    found: list[Proof] = []
    for cause in (run.cause, *run.joined):
        proof = _proof(cause, runbook, run.region)
        if proof is None:
            return []
        found.append(proof)
    return found


def _proof(cause: RunCause, runbook: Runbook, region: str) -> Proof | None:
    known = cause.trigger is not None and cause.trigger < len(runbook.when)
    trigger = runbook.when[cause.trigger] if known and cause.trigger is not None else None
    if not isinstance(trigger, AlarmTrigger) or trigger.for_ is None:
        return None
    alarm = (str(cause.about.get("region", region)), str(cause.about.get("alarm", "")))
    return Proof(alarm, trigger.state, cause.occurred_at + trigger.for_)


def due_now(proofs: Iterable[Proof], now: datetime) -> list[Proof]:
    """Return what can be proven now: its time has passed."""
    return [proof for proof in proofs if proof.due <= now]


def next_due(proofs: Iterable[Proof], now: datetime) -> datetime | None:
    """Return when the next one can be; None when all could be."""
    return min((proof.due for proof in proofs if proof.due > now), default=None)


def lasts(proofs: Iterable[Proof], states: Mapping[Key, str]) -> bool:
    """Return True when one of the alarms is in its state still."""
    return any(states.get(proof.alarm) == proof.state for proof in proofs)
