"""A runbook: what a team wrote down to be done, typed. What it means together is checked in `domain/checking.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StrictInt,
    Tag,
    field_validator,
    model_validator,
)

from chalicelib.domain import schedule as schedules
from chalicelib.domain.runbook_inputs import InputSpec
from chalicelib.domain.runbook_values import ID_PATTERN, NAME_PATTERN, Cooldown, Share, Tolerance
from chalicelib.domain.template import Reference
from chalicelib.domain.types import Duration, Region, Strict
from chalicelib.errors import InputError

Phase = Literal["steps", "verify", "on_failure", "always"]
PHASES: tuple[Phase, ...] = ("steps", "verify", "on_failure", "always")
UNDO, UNDO_PREFIX = "undo", "undo-"  # the phase in which a run takes back what it did, and what its steps are called
AlarmState = Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
LONGEST_FOR = timedelta(hours=1)


def _one_reference(text: str) -> str:
    try:
        return str_of(Reference.parse(text))
    except InputError as error:
        raise ValueError(error.message) from None


def str_of(reference: Reference) -> str:
    """Write a reference in its one normal form, `${{ a.b }}`."""
    return f"${{{{ {reference} }}}}"


Condition = Annotated[str, AfterValidator(_one_reference)]
OnFailure = Literal["stop", "continue", "undo"]


class Step(Strict):
    """One thing to do: an action and what it is given.

    Attributes:
        id: What later steps call it. Steps outside `steps:` that have none are called `verify-1`, `always-2` and so on.
        uses: The action.
        with_: What the action is given, with references unresolved.
        if_: One reference; the step is skipped when it is false, 0 or an empty list.
        unless: One reference; the step is skipped when it is true, not 0 or a list that is not empty.
        within: How long the step may take; None = the action's own default.
        on_failure: What comes after the step failed: nothing more, the steps below, or that the run takes back what it
            did. `undo` is for `steps:` and `verify:`.
        tolerate: How much of it may fail before it counts as failed; None = anything less than all is partial.
        approved_in_advance: Why nobody has to be asked: the reason is recorded. Where there is something to choose, a
            person is asked all the same.
    """

    id: Annotated[str, Field(pattern=ID_PATTERN, max_length=40)]
    uses: Annotated[str, Field(min_length=1)]
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    if_: Condition | None = Field(None, alias="if")
    unless: Condition | None = None
    within: Duration | None = None
    on_failure: OnFailure = "stop"
    tolerate: Tolerance | None = None
    approved_in_advance: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_group(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "parallel" in value:
            raise ValueError("a parallel group stands directly under 'steps' only; write the steps one after the other")
        return value


class Group(Strict):
    """Steps that run side by side."""

    parallel: Annotated[tuple[Step, ...], Field(min_length=1)]


class ScheduleTrigger(Strict):
    """Starts the runbook at times that EventBridge Scheduler keeps.

    Attributes:
        schedule: `rate(...)`, `cron(...)` or `at(...)`.
        timezone: IANA name of the zone that the expression is read in.
        max_age: Older firings are refused; None = one period of the schedule.
        mode: `drill` rehearses the runbook, at the place that its `drill:` section states.
    """

    schedule: str
    timezone: str = "UTC"
    max_age: Duration | None = None
    mode: Literal["run", "drill"] = "run"

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        try:
            schedules.parse(value)
        except InputError as error:
            raise ValueError(error.message) from None
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            schedules.zone_of(value)
        except InputError as error:
            raise ValueError(error.message) from None
        return value


class AlarmTrigger(Strict):
    """Starts the runbook when a CloudWatch alarm, metric or composite, enters a state.

    Attributes:
        alarm: The alarm's name, or a pattern with `*` and `?`.
        state: The state that it enters.
        max_age: Older changes of state are refused; None = 15 minutes.
        for_: So long after the change the alarm is read again, and must still be in that state; before that nothing is
            done. None = it is acted upon at once.
    """

    alarm: Annotated[str, Field(min_length=1, max_length=255)]
    state: AlarmState = "ALARM"
    max_age: Duration | None = None
    for_: Duration | None = Field(None, alias="for")

    @field_validator("for_")
    @classmethod
    def _bounded(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value > LONGEST_FOR:
            raise ValueError("an alarm is waited for at most 1h; let the alarm itself evaluate more periods")
        return value


class EventTrigger(Strict):
    """Starts the runbook on any event that fits an EventBridge pattern.

    Attributes:
        event: The pattern, exactly as EventBridge reads it.
        max_age: Older events are refused; None = 15 minutes.
    """

    event: dict[str, Any]
    max_age: Duration | None = None


class Objectives(Strict):
    """What the recovery is meant to reach: at most so much lost, at most so long gone."""

    rpo: Duration | None = None
    rto: Duration | None = None


class Guard(Strict):
    """What a run may touch at most.

    Attributes:
        regions: The only Regions in which anything is changed.
        max_targets: The most resources that one step may change.
        max_share: The largest part of their group that may be disrupted or deleted, in percent.
        cooldown: A cause within this time of a run's end joins that run.
    """

    regions: Annotated[tuple[Region, ...], Field(min_length=1)]
    max_targets: Annotated[StrictInt, Field(ge=1, le=100_000)] = 500
    max_share: Share = 30.0
    cooldown: Cooldown = timedelta()

    @field_validator("regions")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a Region stands here twice")
        return value


class DrillSection(Strict):
    """Where drills restore to: a place that nothing else uses. Each is a text, or one reference to an input.

    Attributes:
        subnet: The isolated subnet.
        security_group: The only security group of what is restored.
        instance_profile: Name of the instance profile of restored instances.
        db_subnet_group: The DB subnet group of restored databases; without it drills restore none.
    """

    subnet: Annotated[str, Field(min_length=1, max_length=255)]
    security_group: Annotated[str, Field(min_length=1, max_length=255)]
    instance_profile: Annotated[str, Field(min_length=1, max_length=255)]
    db_subnet_group: Annotated[str, Field(max_length=255)] = ""


_PLAIN: dict[str, Any] = {"with_": {}, "if_": None, "unless": None, "within": None, "tolerate": None}


def _line_kind(value: Any) -> str:
    keys = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Strict) else ()
    return "<group>" if "parallel" in keys else "<step>"


def _trigger_kind(value: Any) -> str | None:
    keys = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Strict) else ()
    found = [f"<{kind}>" for kind in ("schedule", "alarm", "event") if kind in keys]
    return found[0] if len(found) == 1 else None


Line = Annotated[Annotated[Step, Tag("<step>")] | Annotated[Group, Tag("<group>")], Discriminator(_line_kind)]
Trigger = Annotated[
    Annotated[ScheduleTrigger, Tag("<schedule>")]
    | Annotated[AlarmTrigger, Tag("<alarm>")]
    | Annotated[EventTrigger, Tag("<event>")],
    Discriminator(
        _trigger_kind,
        custom_error_type="trigger",
        custom_error_message="a trigger has exactly one of the keys schedule, alarm and event",
    ),
]


class Runbook(Strict):
    """What one runbook file says."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=NAME_PATTERN, max_length=30)]
    description: str = ""
    when: tuple[Trigger, ...] = ()
    inputs: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)], InputSpec] = Field(
        default_factory=dict
    )
    objectives: Objectives = Objectives()
    guard: Guard
    drill: DrillSection | None = None
    steps: Annotated[tuple[Line, ...], Field(min_length=1)]
    verify: tuple[Step, ...] = ()
    on_failure: tuple[Step, ...] = ()
    always: tuple[Step, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """Name the steps that may go without an id after their place."""
        if not isinstance(value, Mapping):
            return value
        named = dict(value)
        for phase in PHASES[1:]:
            if isinstance(named.get(phase), list | tuple):
                named[phase] = [_with_id(step, f"{phase}-{at}") for at, step in enumerate(named[phase], start=1)]
        return named

    def groups(self, phase: Phase) -> tuple[tuple[Step, ...], ...]:
        """Return the steps of a phase in order, those of one line (several in a parallel group) together."""
        if phase == "steps":
            return tuple(line.parallel if isinstance(line, Group) else (line,) for line in self.steps)
        return tuple(
            (step,) for step in {"verify": self.verify, "on_failure": self.on_failure, "always": self.always}[phase]
        )

    def all_steps(self) -> tuple[Step, ...]:
        """Return every step, phase by phase."""
        return tuple(step for phase in PHASES for group in self.groups(phase) for step in group)

    def undo_groups(self) -> tuple[tuple[Step, ...], ...]:
        """Return the steps that take back what those of `steps:` did: one for each, the last first.

        Each says `uses` of the step whose effects it takes back.
        """
        return tuple(
            tuple(step.model_copy(update={"id": f"{UNDO_PREFIX}{step.id}", **_PLAIN}) for step in group)
            for group in reversed(self.groups("steps"))
        )

    def step(self, step_id: str) -> Step:
        """Return the step with that id.

        Raises:
            InputError: there is none (`runbook.no_step`).
        """
        for step in self.all_steps():
            if step.id == step_id:
                return step
        raise InputError("runbook.no_step", f"Runbook {self.name} has no step '{step_id}'", step=step_id)


def _with_id(step: Any, name: str) -> Any:
    return {"id": name, **step} if isinstance(step, Mapping) else step
