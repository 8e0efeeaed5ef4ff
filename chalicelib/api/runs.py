"""The API's verbs about runs: list, show, changes, stop, continue, pause, resume."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.api.answers import Asked, Changes, ChangeShown, Pauses, Runs, RunSummary
from chalicelib.api.paging import place, token
from chalicelib.api.problems import RequestError
from chalicelib.api.service import Request, Serves
from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import Pause, Run, RunState, Stop
from chalicelib.engine.history import changes as changes_of
from chalicelib.engine.history import record
from chalicelib.errors import InputError, RefusedError

SCANNED = 1000  # most runs looked at for one page of a filtered list


def list_runs(service: Serves, request: Request) -> Runs:
    """List runs, newest first, in pages."""
    asked = request.asked
    before = place(asked.next, (str,))
    found: list[RunSummary] = []
    last, looked = "", 0
    for mark, run in service.ledger.runs_before(before[0] if before else None, asked.since, asked.until):
        looked, last = looked + 1, mark
        if _fits(run, asked.runbook, asked.state):
            found.append(_summary(run))
        if len(found) == asked.limit or looked == SCANNED:
            return Runs(runs=found, next=token([last]))
    return Runs(runs=found)


def _fits(run: Run, runbook: str | None, state: RunState | None) -> bool:
    return runbook in {None, run.runbook} and state in {None, run.state}


def show_run(service: Serves, request: Request) -> RunRecord:
    """Show one run: its steps, timings, what failed, objectives beside what was measured."""
    return record(service.ledger, _run(service, request), service.clock.now())


def list_changes(service: Serves, request: Request) -> Changes:
    """List what a run planned and what became of it, in pages."""
    asked, run = request.asked, _run(service, request)
    after = place(asked.next, (int, int, int))
    start = (after[0], after[1], after[2]) if after else (0, 0, -1)
    found: list[ChangeShown] = []
    for made in changes_of(service.ledger, run, start):
        if asked.step not in {None, made.step} or asked.state not in {None, made.effect.state}:
            continue
        if len(found) == asked.limit:
            return Changes(changes=found, next=token(list(start)))
        start = made.place
        change, effect = made.change, made.effect
        found.append(
            ChangeShown(
                step=made.step,
                **change.model_dump(include={"key", "kind", "resource", "region", "reason"}),
                **effect.model_dump(include={"state", "id", "at", "code", "message"}),
            )
        )
    return Changes(changes=found)


def stop(service: Serves, request: Request) -> Asked:
    """Ask a run to stop: no further effect, what is in flight is watched, `always:` runs. Twice is once."""
    run = _run(service, request)
    if not run.ended:
        asked = Stop(at=service.clock.now(), by=request.caller, reason=request.asked.reason.strip())
        service.ledger.ask_stop(run.run_id, asked)
    return Asked(run_id=run.run_id, state=run.state, asked=not run.ended)


def continue_(service: Serves, request: Request) -> Asked:
    """Let a stopped run go on, or one whose driver died; a run that is being driven already is left to its driver.

    Raises:
        RefusedError: it has ended for good (`run.not_continuable`), or somebody drives it from their own machine
            (`run.left_to_person`).
        ActionError: its execution could not be started; the same request does so.
    """
    return gone_on(service, _run(service, request))


def gone_on(service: Serves, run: Run) -> Asked:
    """Let a run go on; see `continue_`."""
    now = service.clock.now()
    if run.ended and run.state is not RunState.STOPPED:
        raise RefusedError(
            "run.not_continuable", f"Run '{run.run_id}' has ended {run.state.value}; start a new one with a new key."
        )
    mine = service.launcher.holder(run.run_id, run.generation)
    if not run.ended and run.holder not in {"", mine}:
        raise RefusedError(
            "run.left_to_person",
            f"Run '{run.run_id}' belongs to {run.holder}: continue it there, or break the hold with "
            "`lifeboat runs release` first.",
        )
    grace = timedelta(seconds=service.settings.pace.grace_s)
    driven = not run.ended and run.beat_until is not None and run.beat_until + grace >= now
    if driven:
        if run.holder == mine:
            service.launcher.start(run.run_id, run.generation)
        return Asked(run_id=run.run_id, state=run.state, asked=False)
    taken = service.starter.take_over(run, holder=service.launcher.holder(run.run_id, run.generation + 1))
    service.launcher.start(taken.run_id, taken.generation)
    return Asked(run_id=taken.run_id, state=taken.state, asked=True)


def pause(service: Serves, request: Request) -> Pauses:
    """Hold runs back before their next effect: those of one runbook, or, said expressly, all. The first pause stays."""
    asked = request.asked
    _one_or_all(asked.runbook, everything=asked.all)
    if asked.runbook is not None:
        _known(service, asked.runbook)
    reason, now = asked.reason.strip(), service.clock.now()
    service.ledger.pause(Pause(runbook=asked.runbook, at=now, by=request.caller, reason=reason))
    return Pauses(paused=service.ledger.pauses())


def resume(service: Serves, request: Request) -> Pauses:
    """Lift the pause of one runbook, or that of all; what is not paused is left as it is."""
    asked = request.asked
    _one_or_all(asked.runbook, everything=asked.all)
    lifted = service.ledger.resume(asked.runbook)
    return Pauses(paused=service.ledger.pauses(), resumed=lifted)


def _one_or_all(runbook: str | None, *, everything: bool) -> None:
    if (runbook is None) is not everything:
        raise RequestError("request.which", 'Name one `runbook`, or say `"all": true`; nothing means nothing.')


def _known(service: Serves, name: str) -> None:
    try:
        service.catalog.load(name)
    except InputError as error:
        if error.code == "runbook.unknown":
            raise


def _run(service: Serves, request: Request) -> Run:
    run = service.ledger.load(request.path["run_id"])
    if run is None:
        raise InputError("run.unknown", f"There is no run '{request.path['run_id']}' in {service.settings.region}.")
    return run


def _summary(run: Run) -> RunSummary:
    fields = {"run_id", "key", "runbook", "region", "state", "cause", "started_at", "ended_at", "code", "message"}
    return RunSummary(**run.model_dump(include=fields), paused=None if run.ended else run.pause)
