"""Takes in what happened: from an event to runs that surely execute.

What should be tried again is raised, after everything else was done: Lambda delivers the event again, which finds the
runs that exist and starts those whose execution is missing. What nobody can mend by trying again (a shape that is
wrong, a runbook that cannot be started by itself) is recorded and returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from chalicelib.domain.aws_news import GLOBAL
from chalicelib.domain.event import AlarmEvent, OtherEvent, ScheduleEvent, parse
from chalicelib.domain.matching import Match, matches, too_old
from chalicelib.domain.run import RunCause, RunState
from chalicelib.domain.runbook import Runbook, ScheduleTrigger
from chalicelib.domain.template import check_inputs
from chalicelib.engine.starter import Refusal
from chalicelib.engine.sweeper import Sweeps, sweep
from chalicelib.engine.watchdog import watch
from chalicelib.errors import ActionError, InputError, LifeboatError, StoreError

AnyEvent = ScheduleEvent | AlarmEvent | OtherEvent
SWEEP = {"lifeboat": "sweep"}  # what the sweeper's schedule sends
WATCHDOG = {"lifeboat": "watchdog"}  # what the watchdog's schedule sends


class KnowsRunbooks(Protocol):
    """The catalog, as far as events are concerned."""

    def names(self) -> list[str]:
        """Return the names of all runbooks."""
        ...

    def load(self, name: str) -> Runbook:
        """Return a runbook; InputError when it is not valid."""
        ...


class TakesIn(Sweeps, Protocol):
    """The part of the joined services that events need."""

    @property
    def catalog(self) -> KnowsRunbooks:
        """The runbooks."""
        ...


def on_schedule(raw: Any, services: TakesIn) -> dict[str, Any]:
    """Take in what a schedule sends: a firing of a runbook's trigger, or the order to sweep or to watch.

    Raises:
        ActionError: as `on_event` and `sweep`.
        StoreError: as `on_event` and `sweep`.
    """
    if raw == SWEEP:
        return sweep(services)
    if raw == WATCHDOG:
        return watch(services)
    return on_event(raw, services)


def on_event(raw: Any, services: TakesIn) -> dict[str, Any]:
    """Start every run that an event is for. The same event again finds the same runs.

    Returns:
        JSON-safe: `outcome` (`handled`, `unmatched` or `ignored`), and under `runs` of each runbook that the event is
        for: `runbook`, `outcome` (`new`, `existing`, `joined`, `refused`), `run_id` and, if there is one, `why`.

    Raises:
        ActionError: an execution could not be started; everything else was done.
        StoreError: the ledger could not be reached for a run; everything else was done.
    """
    try:
        event = parse(raw, services.engine.clock.now())
    except InputError as error:
        services.engine.journal.note("event ignored", error_code=error.code, why=error.message, **_shown(error.details))
        return {"outcome": "ignored", "code": error.code, "why": error.message}
    if (
        isinstance(event, OtherEvent)
        and event.elsewhere
        and event.region not in {services.engine.settings.region, GLOBAL}
    ):
        services.engine.journal.note("event of another Region", cause=event.summary, region=event.region)
        return {"outcome": "unmatched", "cause": event.summary, "runs": []}
    runs: list[dict[str, Any]] = []
    failed: LifeboatError | None = None
    for match in matches(event, _valid_runbooks(services)):
        try:
            runs.append(_take_in(event, match, services))
        except (ActionError, StoreError) as error:
            failed = failed or error
            runs.append({"runbook": match.runbook.name, "outcome": "failed", "code": error.code, "why": error.message})
        services.engine.journal.note("event taken in", cause=event.summary, **runs[-1])
    if failed:
        raise failed
    return {"outcome": "handled" if runs else "unmatched", "cause": event.summary, "runs": runs}


def _of_another_region(event: AnyEvent, region: str) -> bool:
    """Return True for what AWS Health says of another Region: it sends every event to a backup Region too."""
    return isinstance(event, OtherEvent) and event.elsewhere and event.region not in {region, GLOBAL}


def _valid_runbooks(services: TakesIn) -> Iterator[Runbook]:
    """Yield the runbooks that are valid; one that is not is told about, and does not stop the others."""
    for name in services.catalog.names():
        try:
            yield services.catalog.load(name)
        except (InputError, StoreError) as error:
            services.engine.journal.note("runbook ignored", runbook=name, error_code=error.code, why=error.message)


def _take_in(event: AnyEvent, match: Match, services: TakesIn) -> dict[str, Any]:
    runbook = match.runbook
    cause = RunCause(
        kind=event.kind,
        key=event.cause_key,
        occurred_at=event.occurred_at,
        summary=match.reason,
        trigger=match.trigger_index,
        since=event.since,
        about=event.about,
    )
    now, teller = services.engine.clock.now(), services.engine.teller
    inputs, refused = _inputs(runbook)
    late = too_old(event, match.trigger, now)
    refused = Refusal(code="cause.too_old", why=late) if late else refused
    mode = match.trigger.mode if isinstance(match.trigger, ScheduleTrigger) else "run"
    started = services.starter.start(runbook, cause, inputs, refused=refused, before_refusal=teller.will_end, mode=mode)
    run = started.run
    if run.state is RunState.REFUSED:  # also one that was recorded before, and perhaps not told
        teller.ended(run, now)
    mine = services.engine.launcher.holder(run.run_id, run.generation)
    if started.how in {"new", "existing"} and not run.ended and run.holder == mine:
        services.engine.launcher.start(run.run_id, run.generation)  # a run is started when its execution exists
    told = {"runbook": runbook.name, "outcome": started.how, "run_id": run.run_id}
    return {**told, "code": run.code, "why": run.message} if started.how == "refused" else told


def _inputs(runbook: Runbook) -> tuple[dict[str, Any], Refusal | None]:
    """Return the inputs' defaults; or why there are none, which no repetition mends."""
    try:
        return check_inputs(runbook, {}), None
    except InputError as error:
        return {}, Refusal(error.code, error.message)


def _shown(details: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in details.items()}
