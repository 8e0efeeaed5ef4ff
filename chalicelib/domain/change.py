"""What a step would change, and what has become of each change. Plain data: no clock, no chance, no AWS.

A `Change` is decided once, when the step is planned, and never again. An `Effect` is what is known of it since: the
ledger holds it, `observe` moves it on. Both are JSON-safe.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, JsonValue

from chalicelib.domain.types import Strict


class ChangeKind(StrEnum):
    """How much a change can hurt. The guard's share counts `disrupt` and `delete` only."""

    CREATE = "create"
    MODIFY = "modify"
    DISRUPT = "disrupt"
    DELETE = "delete"


class EffectState(StrEnum):
    """What is known of one change."""

    ABSENT = "absent"  # nothing was sent, or what was sent surely had no effect
    IN_DOUBT = "in_doubt"  # sent, or about to be; no id is recorded and none was found yet
    PENDING = "pending"  # AWS has it and works on it
    DONE = "done"  # AWS shows the effect
    FAILED = "failed"  # it will not come; `code` and `message` say why
    MOOT = "moot"  # no longer needed; `message` says why
    CONFLICT = "conflict"  # its premise is gone; `message` says how


SETTLED = frozenset({EffectState.DONE, EffectState.FAILED, EffectState.MOOT, EffectState.CONFLICT})
IN_FLIGHT = frozenset({EffectState.PENDING, EffectState.IN_DOUBT})


class Change(Strict):
    """One effect that a step wants.

    Attributes:
        key: Unique within the step and the same however often the step is planned, e.g. `i-0abc` or `vol-0abc`.
        kind: What the guard makes of it.
        resource: The resource it is about, as an operator would name it.
        region: The Region in which the call is made.
        reason: Why, for the person who approves it.
        after: `step/key` of changes that must be done first (of this step or of the one whose output it consumes).
        targets: The resources that the guard counts; several when one call covers a set.
        params: What `apply` needs. JSON-safe.
        yields: What it will leave behind, an item each; known parts are filled now, the rest from the effect's facts.
        size_gib: Data moved, an upper bound, in GiB; for forecasts and for expected completion.
        order: Sort key: the smallest is applied first. An ISO time here means "oldest protected point first".
        weight: How much of the action's window (its quota) it takes while in flight.
        group: Changes of one group have the same `order`; the guard lets all of them through, or none.
        by: The action that carries it out, when it is not the step's own: of changes that take something back.
    """

    key: Annotated[str, Field(min_length=1, max_length=200)]
    kind: ChangeKind
    resource: str
    region: str
    reason: str
    after: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    params: dict[str, JsonValue] = Field(default_factory=dict)
    yields: tuple[dict[str, JsonValue], ...] = ()
    size_gib: int = 0
    order: str = ""
    weight: int = 1
    group: str = ""
    by: str = ""


class Failure(Strict):
    """One thing that will not be done, named, with what to do about it."""

    resource: str
    code: str
    message: str


class Forecast(Strict):
    """What a step is expected to take. `duration` is an estimate whose basis is said; None when nothing is known."""

    data_gib: int = 0
    duration: timedelta | None = None
    basis: str = ""


class Question(Strict):
    """What a person has to answer before a plan may be carried out.

    Attributes:
        reason: Why it is not decided without a person, and what is at stake.
        choices: What can be answered besides yes and no, such as zones; empty = yes or no.
        may_lose_data: Whether a yes may lose data.
    """

    reason: str
    choices: tuple[str, ...] = ()
    may_lose_data: bool = False


class Plan(Strict):
    """What a step decided: changes to make, what it cannot do at all, and notes for the reader.

    `population` is how many there are of what is disrupted or deleted: what the guard's share is a share of. None means
    the changes themselves. `ask` is what a person must say yes to first; None when nobody has to be asked.
    """

    changes: tuple[Change, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
    population: int | None = None
    ask: Question | None = None


class Obligation(Strict):
    """Something that must still be done about an effect after its step: a fence, a shift to end, a group to return.

    Attributes:
        name: Unique within the run, e.g. `isolate.i-0abc`. The same name is the same obligation.
        why: What is to be done and why it could not be done yet, for people.
        due: When it should be done (UTC); None = as soon as it can be.
        uses: The action that does it; empty when only a person can.
        change: What that action applies; its key is unique within the run. The effect must be safe to repeat.
    """

    name: str
    why: str
    due: datetime | None = None
    uses: str = ""
    change: Change | None = None


class Effect(Strict):
    """What is known of one change.

    Attributes:
        state: See `EffectState`.
        id: What AWS calls the result; of a set, its set id.
        at: When the state was reached (UTC). Of an effect in doubt: when the intent was written.
        due: When it is expected to be done (UTC), if anything is known.
        adopted: True when it was found rather than made by the process that recorded it.
        facts: What later steps, the report and `observe` need, e.g. `{"vol-1": "snap-1"}`. JSON-safe.
        failures: Parts of the change that were lost although the rest went ahead.
        code: Of a failure: the stable error code.
        message: Of a failure, moot or conflict: why, naming the resource and what to do.
        owes: What must still be done about it later; written down as obligations of the run when it is recorded.
        ends: Names of what any run still owes that is done with it, and of what came of that (`NAME.` and more).
    """

    state: EffectState = EffectState.ABSENT
    id: str | None = None
    at: datetime | None = None
    due: datetime | None = None
    adopted: bool = False
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    code: str = ""
    message: str = ""
    owes: tuple[Obligation, ...] = ()
    ends: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """True when nothing more will come of it."""
        return self.state in SETTLED

    def moved(self, state: EffectState, at: datetime, **changes: Any) -> Effect:
        """Return this effect in another state, reached at `at`."""
        return self.model_copy(update={"state": state, "at": at, **changes})


class Finding(Strict):
    """What a check says of one resource in one Region."""

    resource: str
    region: str
    ok: bool
    code: str = ""
    message: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)


def effect_id(run_id: str, step_id: str, key: str, attempt: int = 1) -> str:
    """Name one attempt at one change of one run: its tag, client token or RDS name.

    Lower-case letters and digits, starts with a letter, 28 characters: fits a tag value, an EC2 client token (64)
    and an RDS identifier (63, no double hyphen). The same arguments give the same name for ever.
    """
    text = "\x1f".join((run_id, step_id, key, str(attempt)))
    return "lb" + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:26]


def filled_items(change: Change, effect: Effect, step_id: str) -> list[dict[str, JsonValue]]:
    """Return what the change yields, each item with what the effect's `facts["items"]` knows of it.

    `facts["items"]` maps an item's `item` name to facts about it. Every item says which change makes it (`made_by`).
    """
    known = effect.facts.get("items")
    facts: Mapping[str, JsonValue] = known if isinstance(known, dict) else {}
    filled: list[dict[str, JsonValue]] = []
    for item in change.yields:
        extra = facts.get(str(item.get("item")))
        filled.append({**item, **(extra if isinstance(extra, dict) else {}), "made_by": f"{step_id}/{change.key}"})
    return filled
