"""A run of a runbook: who asked, who drives it, what its steps have come to. Plain data; times are aware and UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue

from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change, Effect, EffectState, Failure, Finding, Forecast
from chalicelib.domain.types import Strict

DRILL = "drill"  # the mode of a run that rehearses: see `domain/drilling.py`


class RunState(StrEnum):
    """Where a run is. All but `running` are terminal; `stopped` can be continued with the same key.

    `undone`: it had ended, and all of it was taken back later.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"
    UNDONE = "undone"


class StepState(StrEnum):
    """Where a step is. `partial`: some of it failed; it passes on what is done and the run ends failed."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"


OPEN_STATES = frozenset({StepState.WAITING, StepState.RUNNING})
BAD_STATES = frozenset({StepState.PARTIAL, StepState.FAILED})


class RunCause(Strict):
    """Why a run exists. `key` stays the same when the same cause is delivered again.

    `since` is when the trouble began (UTC), e.g. an alarm's first breaching datapoint: recovery time counts from it.
    `about` is what the event tells of where: an alarm's name and dimensions, a zone; as AWS gave it, unchecked.
    """

    kind: str
    key: str
    occurred_at: datetime
    summary: str
    trigger: int | None = None
    since: datetime | None = None
    about: dict[str, JsonValue] = Field(default_factory=dict)


class Stop(Strict):
    """A person's wish that a run stops: no further effect, except those of `always:`."""

    at: datetime
    by: str
    reason: str


class Pause(Strict):
    """A person's wish that runs wait before their next effect: those of one runbook, or (None) all of this Region."""

    runbook: str | None = None
    at: datetime
    by: str
    reason: str


class UndoOrder(Strict):
    """That a run takes back what it did.

    `ordered`: a person wants it, after the run had ended; else a step failed whose runbook wants it, or it is a drill.
    """

    at: datetime
    by: str
    reason: str
    ordered: bool = False


class Intent(Strict):
    """Keys of one step that were about to be sent at `at`; what has no recorded effect since is in doubt."""

    at: datetime
    keys: tuple[str, ...]


class CallCount(Strict):
    """How often one AWS operation was called in one Region, retries included."""

    service: str
    operation: str
    region: str
    count: int


class Run(Strict):
    """One run.

    Attributes:
        key: What makes it this run: the caller's key, or the cause's.
        holder: Who drives it, e.g. `host:boot:pid` or an execution's name; empty when nobody does.
        beat_until: Until when the holder need not be doubted.
        fence_until: Until when this generation must not make effects: the last one's calls may still be under way.
        generation: Raised each time somebody else takes over; a stale one's writes fail.
        tick: Raised with each recorded slice; what was remembered at another tick is void.
        ticks: Ticks of this generation, for the hand-over.
        round: 1, and one more each time a stopped run is continued.
        opened: When each step was first tried, so that a deadline holds although no plan came about yet.
        undo: That it takes back what it did; from then on it makes nothing more.
        pause: The pause that holds it back now, as it last saw it.
        paused_at: Since when it has been held back.
        paused_s: How many seconds earlier pauses held it back; its steps' deadlines were put off by as much.
        told: What people were told of it while it ran.
        lasting_at: When it was seen that its cause lasts, where the trigger's `for` asks for it.
        asked: How many questions each step has asked of people.
        calls: AWS calls so far, as far as they were recorded (a killed slice's last calls are not).
    """

    run_id: str
    key: str
    runbook: str
    region: str
    state: RunState
    mode: str = "run"
    cause: RunCause
    joined: tuple[RunCause, ...] = ()
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    started_at: datetime
    ended_at: datetime | None = None
    holder: str = ""
    beat_until: datetime | None = None
    fence_until: datetime | None = None
    generation: int = 1
    tick: int = 0
    ticks: int = 0
    round: int = 1
    stop: Stop | None = None
    intents: dict[str, tuple[Intent, ...]] = Field(default_factory=dict)
    opened: dict[str, datetime] = Field(default_factory=dict)
    undo: UndoOrder | None = None
    pause: Pause | None = None
    paused_at: datetime | None = None
    paused_s: int = 0
    told: tuple[str, ...] = ()
    lasting_at: datetime | None = None
    asked: dict[str, int] = Field(default_factory=dict)
    calls: tuple[CallCount, ...] = ()
    code: str = ""
    message: str = ""

    @property
    def ended(self) -> bool:
        """True when the run is terminal."""
        return self.state is not RunState.RUNNING

    def with_calls(self, taken: Mapping[tuple[str, str, str], int]) -> Run:
        """Return the run with further calls added."""
        total = {(c.service, c.operation, c.region): c.count for c in self.calls}
        for name, count in taken.items():
            total[name] = total.get(name, 0) + count
        calls = tuple(CallCount(service=s, operation=o, region=r, count=n) for (s, o, r), n in sorted(total.items()))
        return self.model_copy(update={"calls": calls})


class Counts(Strict):
    """What became of a step's changes. `planned` = the rest together with what is still open."""

    planned: int = 0
    adopted: int = 0
    applied: int = 0
    pending: int = 0
    done: int = 0
    moot: int = 0
    failed: int = 0


class StepRow(Strict):
    """One step of a run as the ledger holds it. Its existence with `planned_at` is what makes its plan count.

    `paused_s` says which of the run's pauses its deadline has been put off by, `answer` who said yes to its plan.
    """

    step_id: str
    phase: str
    uses: str
    state: StepState
    started_at: datetime
    deadline: datetime | None = None
    planned_at: datetime | None = None
    ended_at: datetime | None = None
    pages: int = 0
    digest: str = ""
    counts: Counts = Counts()
    failures: tuple[Failure, ...] = ()
    lost: int = 0
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
    findings: tuple[Finding, ...] = ()
    outputs: dict[str, JsonValue] = Field(default_factory=dict)
    code: str = ""
    message: str = ""
    next_at: datetime | None = None
    reviewed_at: datetime | None = None
    round: int = 1
    paused_s: int = 0
    answer: Answer | None = None

    @property
    def settled(self) -> bool:
        """True when nothing more will come of the step."""
        return self.state not in OPEN_STATES


def run_id_for(region: str, runbook: str, mode: str, cause_key: str) -> str:
    """Name the run of a cause: the same cause twice is the same run.

    At most 60 characters of `[a-z0-9_-]`, so that a generation's number still fits a durable execution's name (64).
    """
    digest = hashlib.sha256("\x1f".join((region, runbook, mode, cause_key)).encode()).hexdigest()[:12]
    return f"{region}_{runbook}_{digest}"


def plan_digest(changes: Iterable[Change]) -> str:
    """Digest a plan: what an approval covers. The same changes in the same order give the same digest."""
    total = hashlib.sha256()
    for change in changes:
        total.update(change.model_dump_json(exclude_defaults=True).encode() + b"\n")
    return total.hexdigest()[:16]


def counted(made: Iterable[tuple[Change, Effect]], failures: int) -> Counts:
    """Count what became of changes; `failures` were refused while planning. Lost parts of an effect count as failed."""
    tally: dict[str, int] = dict.fromkeys(Counts.model_fields, 0)
    tally["planned"] = tally["failed"] = failures
    for _, effect in made:
        tally["planned"] += 1
        tally["failed"] += len(effect.failures)
        if effect.id and not effect.adopted:
            tally["applied"] += 1
        if effect.id and effect.adopted:
            tally["adopted"] += 1
        name = _COUNTED_AS.get(effect.state)
        if name:
            tally[name] += 1
    return Counts(**tally)


_COUNTED_AS = {
    EffectState.DONE: "done",
    EffectState.MOOT: "moot",
    EffectState.FAILED: "failed",
    EffectState.CONFLICT: "failed",
    EffectState.PENDING: "pending",
    EffectState.IN_DOUBT: "pending",
}


def run_fields(run: Run) -> dict[str, Any]:
    """Return what a runbook may refer to as `run.<field>`."""
    return {
        "id": run.run_id,
        "start": run.started_at,
        "runbook": run.runbook,
        "region": run.region,
        "cause": run.cause.summary,
    }
