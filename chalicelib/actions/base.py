"""The one shape of everything a step can do: plan, observe, apply; or check.

* `plan` reads AWS and decides. It runs with clients that cannot write. What it returns is data and is committed once.
* `observe` reads, in as few calls as the API allows, what has become of changes that were intended.
* `apply` makes one effect, tagged, tokened or named with its effect id. It never waits, polls or retries.
* `review` reads again, immediately before the effect, what a change relies on.

Everything else (resume, adoption, waiting, deadlines, quotas, dry runs, reports) is the engine's, the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from chalicelib.aws.clients import Aws
from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change, Effect, Finding, Plan, effect_id
from chalicelib.domain.protection import Protection
from chalicelib.domain.run import RunCause
from chalicelib.domain.signature import Signature
from chalicelib.settings import Limits


class ActionModel(BaseModel):
    """What a runbook writes under `with:`, or what later steps read. Frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class DrillSite:
    """Where a drill may make things, and nowhere else.

    Attributes:
        subnet_id: The isolated subnet; drills of databases need `db_subnet_group` too.
        security_group_id: The only security group that restored things get.
        instance_profile: Name of the instance profile that restored instances get.
    """

    subnet_id: str
    security_group_id: str
    instance_profile: str
    db_subnet_group: str = ""


@dataclass(frozen=True)
class Undo:
    """How an effect is taken back.

    Attributes:
        by: The action that carries the inverse changes out.
        changes: The inverse changes, in order; keys unique within the run.
        cannot: Why it cannot be taken back, and what a person can do; empty when it can.
    """

    by: str = ""
    changes: Sequence[Change] = ()
    cannot: str = ""


@dataclass(frozen=True)
class ApiCall:
    """One AWS call as data: what a person would type. `params` as boto3 takes them; `<...>` is not known yet."""

    service: str
    operation: str
    region: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class StepContext:
    """What an action may know of the run and the world. Times are aware and UTC.

    Attributes:
        aws: The way to AWS; while planning and checking it cannot write.
        now: The time of this tick; the only clock an action may read.
        started_at: When the run started.
        region: The Region that the run belongs to.
        limits: Quotas and assumed rates, see `Settings`.
        rpo: The runbook's recovery point objective, if it states one.
        timezone: The time zone (IANA) of the runbook's first schedule; UTC when it has none.
        summary: What the run has done so far, for notices: a subject line, then details.
        protections: What the deployed runbooks protect, as far as anybody has told.
        drill: Where this drill may make things; None when this is no drill.
        answer: What a person chose, when the plan asked and there was something to choose; empty otherwise.
        answered: The whole answer, also of questions without choices; None while nobody said yes.
        troubled_since: When the trouble that caused the run began, e.g. the alarm's first breaching datapoint (UTC).
        causes: Why the run exists: its own cause, then those that joined it.
        opened_at: When this step was first tried (UTC); None when it is only previewed.
    """

    run_id: str
    step_id: str
    runbook: str
    region: str
    started_at: datetime
    now: datetime
    aws: Aws
    limits: Limits
    rpo: timedelta | None = None
    timezone: str = "UTC"
    attempt: int = 1
    summary: Sequence[str] = field(default_factory=tuple)
    protections: Sequence[Protection] = field(default_factory=tuple)
    drill: DrillSite | None = None
    answer: str = ""
    answered: Answer | None = None
    troubled_since: datetime | None = None
    causes: Sequence[RunCause] = field(default_factory=tuple)
    opened_at: datetime | None = None

    def effect_id(self, key: str) -> str:
        """Name the effect of one change of this step."""
        return effect_id(self.run_id, self.step_id, key, self.attempt)


@dataclass(frozen=True)
class Review:
    """What was found when a change's premise was read again.

    Attributes:
        state: `moot` or `conflict` when the change must not be made; None when it may.
        message: Why, when it must not be made.
        params: The change's params to use instead, e.g. without a volume that is gone.
        lost: What had to be left out, as (resource, code, message).
    """

    state: str | None = None
    message: str = ""
    params: Mapping[str, Any] | None = None
    lost: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Verdict:
    """What a check found, and what later steps and the report may read of it."""

    findings: Sequence[Finding]
    outputs: Mapping[str, Any]


I = TypeVar("I", bound=ActionModel)  # noqa: E741 - the input model


class Action(ABC, Generic[I]):
    """Something that changes AWS.

    Class attributes:
        name: What a runbook's `uses:` says.
        given: The model of `with:`.
        returns: The model of the outputs.
        permissions: The IAM actions it needs, for the generated policy.
        streams: Output fields whose items later steps may use one by one.
        within: How long a step may take when the runbook does not say.
        settle_s: How long after an intent nothing was found until the effect may be sent again; None = the setting.
        lease: Kind of exclusive lease on each change's targets; None when runs may do it side by side.
        review_every_s: None = premises are not read again; 0 = read again immediately before each wave of effects (must
            be 0 for changes that disrupt or delete); N = the next waiting changes are read again every N seconds.
        calls: Which AWS calls it makes, and how many, for `docs/actions.md`.
        later: Names of actions that finish or take back what it did (obligations, undoing): whoever may use it needs
            their permissions too.
        rehearsable: True when a drill carries it out (at its `ctx.drill`); else drills only plan it and say so.
    """

    name: ClassVar[str]
    given: ClassVar[type[ActionModel]]
    returns: ClassVar[type[ActionModel]]
    permissions: ClassVar[tuple[str, ...]]
    review_every_s: ClassVar[int | None] = None
    streams: ClassVar[frozenset[str]] = frozenset()
    within: ClassVar[timedelta] = timedelta(hours=4)
    settle_s: ClassVar[int | None] = None
    lease: ClassVar[str | None] = None
    calls: ClassVar[str] = ""
    rehearsable: ClassVar[bool] = False
    later: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def plan(self, given: I, ctx: StepContext) -> Plan:
        """Read AWS and decide what to change.

        Raises:
            InputError: what was asked for cannot be (nothing selected, key unusable); the step fails.
            ActionError: AWS refused a read; throttled and busy ones are tried again.
        """

    @abstractmethod
    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        """Return what AWS shows of changes that are pending or in doubt, by change key.

        What has an id is read by a filter on ids; what has none by its effect id. Left out of the answer is what AWS
        does not show. An effect found without a recorded id comes back with it and `adopted=True`.
        """

    @abstractmethod
    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        """Make one effect and return it, pending or done, with its id.

        Args:
            change: What to do.
            needs: The effects of `change.after`, all done.
            ctx: Whose effect it is.

        Raises:
            ActionError: with the kind that says whether it may still come.
        """

    @abstractmethod
    def outputs(self, given: I, made: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Any]:
        """Return what later steps may read, without the streamed fields, JSON-safe. Works on an unapplied plan too."""

    def review(
        self,
        changes: Sequence[Change],  # noqa: ARG002 - for those who override it
        needs: Mapping[str, Effect],  # noqa: ARG002
        ctx: StepContext,  # noqa: ARG002
    ) -> Mapping[str, Review]:
        """Read again what changes about to be made rely on; one batched read. Absent keys are as planned.

        `needs` holds the effects of all their `after` keys.
        """
        return {}

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002 - for those who override it
        """Return how a done effect is taken back. Pure: decided from the change and what was recorded of it."""
        return Undo(cannot=f"{self.name} of {change.resource} cannot be taken back by Lifeboat.")

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        """Return the AWS calls that make this change, in order, for a person who does it by hand. Pure."""
        return ()

    def window(self, limits: Limits) -> int | None:  # noqa: ARG002 - for those who override it
        """Return how much weight may be in flight per Region at once; None when AWS sets no bound."""
        return None

    def signature(self) -> Signature:
        """Return the face that runbooks are checked against."""
        return Signature(self.name, self.given, self.returns, self.streams, judges=False, within=self.within)


class Check(ABC, Generic[I]):
    """Something that only reads, and judges. With `wants_protections` its context says what all runbooks protect."""

    wants_protections: ClassVar[bool] = False
    name: ClassVar[str]
    given: ClassVar[type[ActionModel]]
    returns: ClassVar[type[ActionModel]]
    permissions: ClassVar[tuple[str, ...]]
    within: ClassVar[timedelta] = timedelta(minutes=15)
    calls: ClassVar[str] = ""

    @abstractmethod
    def check(self, given: I, ctx: StepContext) -> Verdict:
        """Read AWS and judge, a finding per resource and Region; also what is well has its finding."""

    def signature(self) -> Signature:
        """Return the face that runbooks are checked against."""
        return Signature(self.name, self.given, self.returns, judges=True, within=self.within)
