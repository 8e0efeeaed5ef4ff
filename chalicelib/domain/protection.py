"""Who protects what, and where: read from the runbooks alone. What has no schedule protects nothing by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from pydantic import JsonValue

from chalicelib.domain.runbook import Runbook, ScheduleTrigger, Step
from chalicelib.domain.template import Scope, check_inputs, fill, holds, references_in
from chalicelib.domain.types import Strict
from chalicelib.errors import InputError

MAKERS = {"ebs.create_snapshots": "ebs", "rds.create_snapshots": "rds"}
COPIERS = frozenset({"ebs.copy_snapshots", "rds.copy_snapshots"})


class Protection(Strict):
    """One step of one scheduled runbook that makes recovery points.

    Attributes:
        service: `ebs` or `rds`.
        select: Its selector, as the runbook writes it, inputs filled in.
        region: Where the resources are.
        away: The other Regions that steps of the runbook copy its points to.
        rpo: The runbook's recovery point objective; None when it states none.
    """

    runbook: str
    step: str
    service: str
    select: dict[str, JsonValue]
    region: str
    away: tuple[str, ...] = ()
    policy: str
    rpo: timedelta | None = None


class Unwatched(Strict):
    """One step of one scheduled runbook that makes or copies points which nobody can look for beforehand."""

    runbook: str
    step: str
    why: str


def protections(runbooks: Iterable[Runbook], home: str) -> list[Protection]:
    """Return what scheduled runbooks protect, with their inputs' defaults; what only a run can know is left out.

    Args:
        runbooks: The valid ones.
        home: The Region that runs belong to.
    """
    return [one for one in _found(runbooks, home) if isinstance(one, Protection)]


def unwatched(runbooks: Iterable[Runbook], home: str) -> list[Unwatched]:
    """Return the steps that `protections` leaves out, and why."""
    return [one for one in _found(runbooks, home) if isinstance(one, Unwatched)]


def scheduled(book: Runbook) -> bool:
    """Return True when a runbook runs by a schedule, and is not only rehearsed by one."""
    return any(isinstance(trigger, ScheduleTrigger) and trigger.mode == "run" for trigger in book.when)


def _found(runbooks: Iterable[Runbook], home: str) -> Iterator[Protection | Unwatched]:
    for book in runbooks:
        yield from reversed(list(_from_the_end(book, home))) if scheduled(book) else ()


def _from_the_end(book: Runbook, home: str) -> Iterator[Protection | Unwatched]:
    try:
        scope = Scope(inputs=check_inputs(book, {}))
    except InputError:  # an input without a default: its schedule cannot start it either
        return
    copies: dict[str, set[str]] = {}  # by the step whose points are copied
    for step in reversed([step for step in book.all_steps() if step.uses in {*MAKERS, *COPIERS}]):
        try:
            given = _given(step, scope)
        except InputError as error:  # it depends on what an earlier step finds
            yield Unwatched(runbook=book.name, step=step.id, why=error.message)
            continue
        reached = copies.get(step.id, set())
        if given is not None and step.uses in MAKERS:
            yield _protection(book, step, given, home, reached)
        elif given is not None:
            for source in _sources(step):  # a copy of a copy is one of the first step's points too
                copies.setdefault(source, set()).update({given["to_region"], *reached})


def _sources(step: Step) -> set[str]:
    return {found.names[0] for found in references_in(step.with_.get("snapshots")) if found.root == "steps"}


def _given(step: Step, scope: Scope) -> dict[str, Any] | None:
    """Return what matters here of what a step is given; None when it is skipped.

    Raises:
        InputError: only a run can know it.
    """
    if (step.if_ and not holds(fill(step.if_, scope))) or (step.unless and holds(fill(step.unless, scope))):
        return None
    wanted = {name: value for name, value in step.with_.items() if step.uses in MAKERS or name == "to_region"}
    return dict(fill(wanted, scope))


def _protection(book: Runbook, step: Step, given: dict[str, Any], home: str, away: set[str]) -> Protection:
    region = given.get("region") or home
    return Protection(
        runbook=book.name,
        step=step.id,
        service=MAKERS[step.uses],
        select=given.get("select", {}),
        region=region,
        away=tuple(sorted(away - {region})),
        policy=str(given.get("policy", "")),
        rpo=book.objectives.rpo,
    )
