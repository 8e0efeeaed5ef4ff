"""What a request may say, with its limits. Unknown fields are errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from chalicelib.actions.expiry import POLICY_PATTERN
from chalicelib.domain.change import EffectState
from chalicelib.domain.run import RunState
from chalicelib.domain.types import Duration, Region

BODY_BYTES = 64 * 1024  # most bytes of a request's body
LIMIT = 200  # most items of one page
KEY_PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"
FIRST_YEAR, LAST_YEAR = 1970, 9998  # between them every time has a UTC of its own
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"

Limit = Annotated[int, Field(ge=1, le=LIMIT, description=f"Most items of this page, 1 to {LIMIT}.")]
Next = Annotated[str, Field(min_length=1, max_length=2000, description="`next` of the page before this one.")]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S", description="Why; it is recorded.")]
Name = Annotated[str, Field(pattern=NAME_PATTERN, description="A runbook's name.")]


def _in_utc(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"years from {FIRST_YEAR} to {LAST_YEAR} are known here")
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
SELECTED = r"^(vol-[0-9a-f]{8,17}|(db|cluster):[A-Za-z][A-Za-z0-9-]{0,62})$"


class Asked(BaseModel):
    """A request's body or query."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Asked):
    """A request that says nothing more than its path does."""


class Inputs(Asked):
    """The inputs of a run or a drill."""

    inputs: dict[Annotated[str, Field(max_length=64)], JsonValue] = Field(
        default_factory=dict,
        max_length=50,
        description="Inputs of the runbook by name.",
    )


class PlanAsked(Inputs):
    """What is to be planned."""

    mode: Literal["run", "drill"] = Field(
        "run", description="`drill`: what a rehearsal would make at its own place, and what it would only tell."
    )


class Why(Asked):
    """A reason."""

    reason: Reason


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="Of the question that was looked at.")]
Comment = Annotated[str, Field(max_length=500, description="Why; it is recorded.")]


class Approve(Asked):
    """A yes."""

    digest: Digest
    choice: Annotated[str, Field(max_length=200, description="One of the question's choices, if it has some.")] = ""
    reason: Comment = ""


class Decline(Asked):
    """A no, to whatever the step asks now, or to the question of a digest."""

    digest: Digest | Annotated[str, Field(max_length=0)] = ""
    reason: Comment = ""

    @property
    def choice(self) -> str:
        """Nothing: a no chooses nothing."""
        return ""


class ApprovalsQuery(Asked):
    """Which questions."""

    runbook: Name | None = Field(None, description="Only those of runs of this runbook.")
    limit: Limit = 50
    next: Next | None = None


class SettleAsked(Asked):
    """What a run owes no longer, and why."""

    name: Annotated[str, Field(min_length=1, max_length=300, description="The obligation, as the run's record has it.")]
    reason: Reason


class PauseAsked(Asked):
    """What is to be paused: `runbook` or, said expressly, `all`."""

    runbook: Name | None = Field(None, description="The runbook whose runs are held back.")
    all: bool = Field(default=False, description="True to hold back all runs of this Region.")
    reason: Reason


class ResumeAsked(Asked):
    """What goes on: a `runbook`, or what a pause of `all` holds back."""

    runbook: Name | None = Field(None, description="The runbook whose own pause is lifted.")
    all: bool = Field(default=False, description="True to lift the pause of all runs of this Region.")


class RunsQuery(Asked):
    """Which runs: newest first."""

    runbook: Name | None = Field(None, description="Only runs of this runbook.")
    state: RunState | None = Field(None, description="Only runs in this state.")
    since: Moment | None = Field(None, description="Only runs that started then or later.")
    until: Moment | None = Field(None, description="Only runs that started before.")
    limit: Limit = 50
    next: Next | None = None


class ChangesQuery(Asked):
    """Which changes of a run."""

    step: Annotated[str, Field(max_length=64)] | None = Field(None, description="Only changes of this step.")
    state: EffectState | None = Field(None, description="Only changes in this state.")
    limit: Limit = 100
    next: Next | None = None


class PointsQuery(Asked):
    """Which recovery points, of one Region."""

    region: Region | None = Field(None, description="Where they are; the Region that runs belong to when left out.")
    resource: Annotated[str, Field(pattern=SELECTED)] | None = Field(
        None, description="Only those of a volume (`vol-...`) or a database (`db:name`, `cluster:name`); no wildcards."
    )
    policy: Annotated[str, Field(pattern=POLICY_PATTERN)] | None = Field(
        None, description="Only those of this policy; no wildcards."
    )
    max_age: Duration | None = Field(None, description="Only those that are not older, e.g. `24h`.")
    limit: Limit = 100
    next: Next | None = None


def moment(value: datetime | None) -> str | None:
    """Write a time as the API does."""
    return value.isoformat() if value else None
