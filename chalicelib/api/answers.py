"""What the API answers. Times are UTC, ISO 8601; ages and durations are seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from chalicelib.domain.answer import Answer as Said
from chalicelib.domain.change import ChangeKind, EffectState
from chalicelib.domain.question import OpenQuestion
from chalicelib.domain.run import Pause, RunCause, RunState


class Answer(BaseModel):
    """A success's body."""

    model_config = ConfigDict(frozen=True)


class Problem(Answer):
    """What went wrong, as RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457) says; `code` is stable."""

    type: str = Field(description="`urn:lifeboat:` and the code.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, where, and what to do.")
    code: str = Field(description="Stable, for scripts.")
    details: dict[str, JsonValue] = Field(default_factory=dict, description="Facts, e.g. the run that exists.")


class RunbookSummary(Answer):
    """One runbook."""

    name: str
    description: str = ""
    triggers: list[str] = Field(default_factory=list, description="When it runs by itself.")
    valid: bool
    error: str | None = Field(None, description="Why it is not valid.")
    paused: Pause | None = None


class Runbooks(Answer):
    """All runbooks."""

    runbooks: list[RunbookSummary]


class RunbookShown(RunbookSummary):
    """One runbook, compiled."""

    compiled: dict[str, JsonValue] = Field(default_factory=dict, description="As runs carry it out; empty if invalid.")


class Started(Answer):
    """The run that is responsible for a request."""

    run_id: str
    state: RunState
    how: Literal["new", "existing", "continued"] = Field(
        description="`existing`: the same key made it before; `continued`: and it was stopped, and goes on."
    )


class RunSummary(Answer):
    """One run."""

    run_id: str
    key: str
    runbook: str
    region: str
    state: RunState
    cause: RunCause
    started_at: datetime
    ended_at: datetime | None = None
    code: str = ""
    message: str = ""
    paused: Pause | None = None


class Runs(Answer):
    """A page of runs, newest first; a page may be short, or empty, and yet have a `next`."""

    runs: list[RunSummary]
    next: str | None = None


class ChangeShown(Answer):
    """One change of a run, and what became of it."""

    step: str
    key: str
    kind: ChangeKind
    resource: str
    region: str
    reason: str
    state: EffectState
    id: str | None = None
    at: datetime | None = None
    code: str = ""
    message: str = ""


class Changes(Answer):
    """A page of a run's changes, in the order of its plan."""

    changes: list[ChangeShown]
    next: str | None = None


class Asked(Answer):
    """What was asked of a run, and its state at that moment."""

    run_id: str
    state: RunState
    asked: bool = Field(description="False when there was nothing to ask for any more.")


class Approvals(Answer):
    """A page of what waits for a person, newest first; a page may be short, or empty, and yet have a `next`."""

    approvals: list[OpenQuestion]
    next: str | None = None


class Answered(Answer):
    """The answer that counts, which is this request's."""

    run_id: str
    step: str
    question: int = Field(description="Which asking of the step it answers: 1, or more when the plan grew.")
    answer: Said | None


class Pauses(Answer):
    """The pauses of this Region now, and those that this request lifted."""

    paused: list[Pause]
    resumed: list[Pause] = Field(default_factory=list)


class PointShown(Answer):
    """One recovery point: a snapshot that carries a policy's tag."""

    resource: str = Field(description="What it is of: a volume or database.")
    region: str
    snapshot: str
    policy: str
    set_id: str
    set_size: int
    at: datetime = Field(description="The point in time.")
    age_s: int
    state: str
    flaw: str = Field(description="Why it cannot be restored from by itself; empty when nothing speaks against it.")


class Points(Answer):
    """A page of recovery points; a page may be short, or empty, and yet have a `next`."""

    points: list[PointShown]
    next: str | None = None


Status = Literal["pass", "warn", "fail"]


class HealthCheck(Answer):
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    at: datetime | None = Field(None, description="When it was found; None = now.")


class Health(Answer):
    """Whether Lifeboat does its work."""

    status: Status
    region: str
    checks: list[HealthCheck]
