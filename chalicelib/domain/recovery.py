"""What was brought back: which resource, by what, from which point in time, and when. Pure.

Recovery actions put a `Recovery` for each resource into their output `recovered`; the run record measures RPO and RTO
with them. The recovery point objective is held against the time between the point and the beginning of the trouble, the
recovery time objective against the time from there to when the resource was there again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, ValidationError

from chalicelib.domain.types import Strict

SHOWN = 200  # recoveries that a step's outputs hold: those that took longest; the rest is counted


class Recovery(Strict):
    """One resource that was brought back. Times are aware, UTC."""

    resource: str = Field(description="What was lost, by its id or name.")
    replacement: str = Field("", description="What stands in for it; empty when it is the same one.")
    region: str = Field(description="Where it is now.")
    zone_id: str = Field("", description="The Availability Zone's ID; empty when it has none.")
    point: datetime | None = Field(None, description="The point in time of its data; None when nothing was lost.")
    ready_at: datetime = Field(description="When it was there again: running, its volumes attached, or available.")
    initialised_at: datetime | None = Field(
        None, description="When all its data was on the new volumes; None when not yet or not known."
    )
    note: str = Field("", description="What its owner has to know, e.g. that its private address is another.")


class Measured(Strict):
    """A recovery beside what it took, in seconds; `rpo_s` is None when no data was lost."""

    resource: str
    replacement: str = ""
    region: str
    zone_id: str = ""
    point: datetime | None = None
    ready_at: datetime
    initialised_at: datetime | None = None
    rpo_s: int | None = None
    rto_s: int
    initialised_s: int | None = None
    note: str = ""


def shown(recoveries: Iterable[Recovery]) -> list[dict[str, Any]]:
    """Return recoveries as outputs hold them, JSON-safe: those that took longest, then by name."""
    order = sorted(recoveries, key=lambda one: (-one.ready_at.timestamp(), one.resource))
    return [one.model_dump(mode="json") for one in order[:SHOWN]]


def recoveries_in(outputs: Mapping[str, Any]) -> list[Recovery]:
    """Return the recoveries that a step's outputs tell of; outputs of other shapes tell of none."""
    told = outputs.get("recovered")
    if not isinstance(told, list):
        return []
    found = []
    for each in told:
        try:
            found.append(Recovery.model_validate(each))
        except ValidationError:  # another action's output that happens to have this name
            continue
    return found


def measured(recoveries: Iterable[Recovery], since: datetime) -> tuple[Measured, ...]:
    """Measure recoveries from the beginning of the trouble, those that took longest first."""
    found = [
        Measured(
            **one.model_dump(),
            rpo_s=_seconds(since - one.point) if one.point else None,
            rto_s=_seconds(one.ready_at - since),
            initialised_s=_seconds(one.initialised_at - since) if one.initialised_at else None,
        )
        for one in recoveries
    ]
    return tuple(sorted(found, key=lambda one: (-one.rto_s, one.resource)))


def worst(values: Sequence[int | None]) -> int | None:
    """Return the greatest known value; None when there is none."""
    return max((value for value in values if value is not None), default=None)


def _seconds(length: timedelta) -> int:
    return max(0, int(length.total_seconds()))
