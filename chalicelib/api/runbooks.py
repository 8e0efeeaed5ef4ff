"""The API's verbs about runbooks: list, show, plan, start a run."""

from __future__ import annotations

import json
from contextlib import suppress

from chalicelib.api.answers import Runbooks, RunbookShown, RunbookSummary, Started
from chalicelib.api.bounds import bounded
from chalicelib.api.runs import gone_on
from chalicelib.api.service import Request, Serves
from chalicelib.domain.run import Pause, Run, RunCause, RunState
from chalicelib.domain.runbook import AlarmTrigger, Runbook, ScheduleTrigger
from chalicelib.domain.template import check_inputs
from chalicelib.engine.pausing import pause_for
from chalicelib.engine.preview import Preview, preview, summed
from chalicelib.engine.starter import BY_HAND
from chalicelib.errors import InputError, SupersededError


def list_runbooks(service: Serves, request: Request) -> Runbooks:  # noqa: ARG001 - there is nothing to say
    """List all runbooks, also those that are not valid, with the reason."""
    pauses = service.ledger.pauses()
    return Runbooks(runbooks=[_summary(service, name, pauses) for name in service.catalog.names()])


def show_runbook(service: Serves, request: Request) -> RunbookShown:
    """Show one runbook as runs carry it out.

    Raises:
        InputError: `runbook.unknown`.
    """
    name = request.path["name"]
    try:
        book = service.catalog.load(name)
    except InputError as error:
        if error.code == "runbook.unknown":
            raise
        return RunbookShown(name=name, valid=False, error=error.message)
    compiled = json.loads(book.model_dump_json(by_alias=True, exclude_none=True))
    pause = pause_for(service.ledger.pauses(), name)
    return RunbookShown(
        name=name, description=book.description, triggers=_triggers(book), valid=True, paused=pause, compiled=compiled
    )


def plan(service: Serves, request: Request) -> Preview:
    """Return what a runbook would do now; changes and records nothing.

    Counts are of everything; of lists that would not fit an answer `left_out` says how much is missing.

    Raises:
        InputError: there is no such runbook, it is not valid, or the inputs do not fit.
    """
    book, now = service.catalog.load(request.path["name"]), service.clock.now()
    inputs = check_inputs(book, request.asked.inputs)
    service.aws.calls.take()
    steps = preview(book, inputs, service.aws, service.actions, service.settings, now, mode=request.asked.mode)
    return bounded(summed(book, inputs, service.settings.region, steps, now, service.aws.calls.take()))


def start(service: Serves, request: Request) -> Started:
    """Start a run, once per key: the same key and inputs are the same run, however often they come.

    A run of that key that was stopped goes on. What is the same does not depend on what was deployed in between.

    Raises:
        InputError: there is no such runbook, it is not valid, or the inputs do not fit.
        RefusedError: `run.key_reused`, the key names a run with other inputs.
        ActionError: its execution could not be started; the same request does so.
    """
    run, how = _known(service, request), "existing"
    if run is None:
        book, now = service.catalog.load(request.path["name"]), service.clock.now()
        inputs = check_inputs(book, request.asked.inputs)
        cause = RunCause(kind=BY_HAND, key=request.key, occurred_at=now, summary=f"by {request.caller} over the API")
        started = service.starter.start(book, cause, inputs)
        run, how = started.run, started.how
    elif run.state is RunState.STOPPED:
        with suppress(SupersededError):  # the same request at the same time was faster
            return Started.model_validate({**gone_on(service, run).model_dump(), "how": "continued"})
        run = _known(service, request) or run
    if not run.ended and run.holder == service.launcher.holder(run.run_id, run.generation):
        service.launcher.start(run.run_id, run.generation)  # a run is started when its execution exists
    return Started.model_validate({"run_id": run.run_id, "state": run.state, "how": how})


def _known(service: Serves, request: Request) -> Run | None:
    return service.starter.known(request.path["name"], request.key, request.asked.inputs)


def _summary(service: Serves, name: str, pauses: list[Pause]) -> RunbookSummary:
    try:
        book = service.catalog.load(name)
    except InputError as error:
        return RunbookSummary(name=name, valid=False, error=error.message)
    return RunbookSummary(
        name=name,
        description=book.description,
        triggers=_triggers(book),
        valid=True,
        paused=pause_for(pauses, name),
    )


def _triggers(book: Runbook) -> list[str]:
    found = []
    for each in book.when:
        if isinstance(each, ScheduleTrigger):
            found.append(f"{each.schedule} in {each.timezone}")
        else:
            found.append("an alarm" if isinstance(each, AlarmTrigger) else "an event")
    return found
