"""The API's verbs about drills and taking back: rehearse, show what would be taken back, do it, strike out."""

from __future__ import annotations

from chalicelib.api.answers import Asked, Started
from chalicelib.api.service import Request, Serves
from chalicelib.domain.run import DRILL, Run, RunCause, RunState
from chalicelib.domain.template import check_inputs
from chalicelib.engine.starter import BY_HAND
from chalicelib.engine.undo_plan import UndoPlan, undo_plan
from chalicelib.errors import InputError


def drill(service: Serves, request: Request) -> Started:
    """Rehearse a runbook, once per key: restores go to its drill's place, and are removed afterwards.

    Raises:
        InputError: there is no such runbook, it is not valid, or the inputs do not fit.
        RefusedError: it states no place for drills (`drill.no_site`), a recovery is under way (`drill.recovery_first`),
            or the key names a drill with other inputs (`run.key_reused`).
        ActionError: its execution could not be started; the same request does so.
    """
    run, how = service.starter.known(request.path["name"], request.key, request.asked.inputs, DRILL), "existing"
    if run is None:
        book, now = service.catalog.load(request.path["name"]), service.clock.now()
        inputs = check_inputs(book, request.asked.inputs)
        cause = RunCause(kind=BY_HAND, key=request.key, occurred_at=now, summary=f"by {request.caller} over the API")
        started = service.starter.start(book, cause, inputs, mode=DRILL)
        run, how = started.run, started.how
    if not run.ended and run.holder == service.launcher.holder(run.run_id, run.generation):
        service.launcher.start(run.run_id, run.generation)  # a drill is started when its execution exists
    return Started.model_validate({"run_id": run.run_id, "state": run.state, "how": how})


def plan_undo(service: Serves, request: Request) -> UndoPlan:
    """Show what taking a run back would do, the last step first; changes nothing."""
    engine = service.engine
    run = run_of(service, request)
    return undo_plan(run, engine.ledger, engine.aws, engine.actions, engine.clock, engine.settings)


def undo(service: Serves, request: Request) -> Asked:
    """Take back what an ended run did, as far as that can be; what is undone or being undone is left so.

    Raises:
        RefusedError: it is running (`undo.running`), did nothing (`undo.nothing`), or another run of its runbook is
            under way (`undo.other_run`).
        ActionError: its execution could not be started; the same request does so.
    """
    run = run_of(service, request)
    holder = service.launcher.holder(run.run_id, run.generation + 1)
    taken = service.starter.undo(run, by=request.caller, reason=request.asked.reason.strip(), holder=holder)
    if taken.state is RunState.RUNNING and taken.holder == service.launcher.holder(taken.run_id, taken.generation):
        service.launcher.start(taken.run_id, taken.generation)  # it is undone when its execution exists
    return Asked(run_id=taken.run_id, state=taken.state, asked=taken is not run)


def settle(service: Serves, request: Request) -> Asked:
    """Strike out one thing that a run owes, because a person has done it or it is not needed any more.

    Raises:
        InputError: the run does not owe that (`owes.unknown`).
    """
    run, asked = run_of(service, request), request.asked
    owed = service.ledger.owed(run.run_id)
    if asked.name not in owed:
        known = ", ".join(sorted(owed)) or "nothing"
        raise InputError("owes.unknown", f"Run '{run.run_id}' does not owe '{asked.name}'; it owes {known}.")
    service.ledger.settle(run.run_id, asked.name, f"by {request.caller}: {asked.reason.strip()}")
    return Asked(run_id=run.run_id, state=run.state, asked=True)


def run_of(service: Serves, request: Request) -> Run:
    """Return the run that a request is about.

    Raises:
        InputError: there is none (`run.unknown`).
    """
    run = service.ledger.load(request.path["run_id"])
    if run is None:
        raise InputError("run.unknown", f"There is no run '{request.path['run_id']}' in {service.settings.region}.")
    return run
