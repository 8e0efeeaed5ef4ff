"""Who protects what: read from the runbooks alone. What has no schedule protects nothing by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import JsonValue

from chalicelib.domain.runbook import Runbook, ScheduleTrigger, Step
from chalicelib.domain.template import Scope, check_inputs, fill
from chalicelib.domain.types import Strict
from chalicelib.errors import InputError

MAKERS = {"ebs.create_snapshots": "ebs", "rds.create_snapshots": "rds"}


class Protection(Strict):
    """One step of one scheduled runbook that makes recovery points.

    Attributes:
        service: `ebs` or `rds`.
        select: Its selector, as the runbook writes it, inputs filled in.
        region: Where the resources are.
        rpo: The runbook's recovery point objective; None when it states none.
    """

    runbook: str
    step: str
    service: str
    select: dict[str, JsonValue]
    region: str
    policy: str
    rpo: timedelta | None = None


def protections(runbooks: Iterable[Runbook], home: str) -> list[Protection]:
    """Return what scheduled runbooks protect, with their inputs' defaults; what only a run can know is left out.

    Args:
        runbooks: The valid ones.
        home: The Region that runs belong to.
    """
    return [found for book in runbooks if _scheduled(book) for found in _of(book, home)]


def _scheduled(book: Runbook) -> bool:
    return any(isinstance(trigger, ScheduleTrigger) for trigger in book.when)


def _of(book: Runbook, home: str) -> list[Protection]:
    try:
        scope = Scope(inputs=check_inputs(book, {}))
    except InputError:  # an input without a default: its schedule cannot start it either
        return []
    made = (_protection(book, step, scope, home) for step in book.all_steps() if step.uses in MAKERS)
    return [one for one in made if one]


def _protection(book: Runbook, step: Step, scope: Scope, home: str) -> Protection | None:
    try:
        given: dict[str, Any] = fill(step.with_, scope)
    except InputError:  # it depends on what an earlier step finds
        return None
    return Protection(
        runbook=book.name,
        step=step.id,
        service=MAKERS[step.uses],
        select=given.get("select", {}),
        region=given.get("region") or home,
        policy=str(given.get("policy", "")),
        rpo=book.objectives.rpo,
    )
