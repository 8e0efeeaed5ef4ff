"""`lifeboat runs`: what runs there are, what became of them, and how to intervene."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Api, Json, Local, RegionOption, Sandboxed, Yes, place_of
from chalicelib.cli.remote import Remote, find, is_remote, record_at
from chalicelib.cli.run import driven, must_agree, must_be_asked, told

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from chalicelib.bootstrap import Services

Which = Annotated[
    str, typer.Argument(metavar="RUN", help="Its id or key, or an unambiguous beginning of one.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded with the run.", show_default=False)]

group = typer.Typer(help="List, show, stop, continue and release runs.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="runs")


@group.command("list")
def list_(
    runbook: Annotated[str | None, typer.Option("--runbook", help="Only runs of this runbook.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The newest so many.")] = 20,
    running: Annotated[bool, typer.Option("--running", help="Only those that have not ended.")] = False,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """List the newest runs first."""
    if is_remote(api, local=local, sandbox=sandbox):
        from chalicelib.cli.remote_runs import list_there

        list_there(Remote(str(api), region), runbook, limit, running=running, as_json=as_json)
        return
    with _opened(local=local, sandbox=sandbox, region=region) as services:
        found = services.ledger.list_runs(limit=limit, runbook=runbook, running=running)
    if as_json:
        hidden = {"intents", "opened", "tick", "ticks"}  # the engine's own
        endings.document({"runs": [run.model_dump(mode="json", exclude=hidden) for run in found]})
        return
    from chalicelib.cli.show import show_runs

    show_runs(found)


@group.command("show")
def show(
    which: Which,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Show one run: its steps, what failed and what to do, objectives beside what was measured."""
    from chalicelib.cli.record import find_run, record

    if is_remote(api, local=local, sandbox=sandbox):
        there = Remote(str(api), region)
        told(record_at(there, find(there, which)), as_json=as_json)
        return
    with _opened(local=local, sandbox=sandbox, region=region) as services:
        found = record(services, find_run(services, which))
    told(found, as_json=as_json)


@group.command("continue")
def continue_(
    which: Which,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Go on with an interrupted or stopped run in this process, with the runbook and inputs it was started with."""
    from chalicelib.cli.progress import Progress
    from chalicelib.cli.record import find_run, record
    from chalicelib.cli.world import world
    from chalicelib.engine.local import hold

    if is_remote(api, local=local, sandbox=sandbox):
        from chalicelib.cli.remote_runs import continue_there

        continue_there(Remote(str(api), region), which, ask=not yes, as_json=as_json)
    place = place_of(local=local, sandbox=sandbox, region=region)
    if local and not yes:
        must_be_asked()
    with Progress() as progress, world(place, journal=progress.timed_by) as services:
        run = find_run(services, which)
        if run.ended and run.state.value != "stopped":
            progress.say(f"Run {run.run_id} has ended; nothing is done again.")
            found = record(services, run)
        else:
            if local and not yes:
                must_agree(f"Continue run {run.run_id} ({run.state.value})?")
            found = driven(services, hold(run, services.starter, new=False), progress)
    told(found, as_json=as_json)
    raise typer.Exit(endings.code_of(found))


@group.command("stop")
def stop(
    which: Which,
    reason: Reason,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Ask a run to stop: no further change, what is in flight is watched to its end, `always:` still runs."""
    from chalicelib.cli.record import find_run
    from chalicelib.domain.run import Stop

    _must_say(reason)
    if is_remote(api, local=local, sandbox=sandbox):
        there = Remote(str(api), region)
        asked_of = there.ask("stopRun", {"run_id": find(there, which)}, {"reason": reason})
        _tell(asked_of, _stopped(asked_of["state"], asked=asked_of["asked"]), as_json=as_json)
        return
    with _opened(local=local, sandbox=sandbox, region=region) as services:
        run = find_run(services, which)
        if not run.ended:
            asked = Stop(at=services.clock.now(), by=getpass.getuser(), reason=reason.strip())
            services.ledger.ask_stop(run.run_id, asked)
    said = _stopped(run.state.value, asked=not run.ended)
    _tell({"run_id": run.run_id, "asked": not run.ended, "state": run.state.value}, said, as_json=as_json)


@group.command("release")
def release(
    which: Which,
    reason: Reason,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Break a run's leases and its driver's hold. Only when its driver is surely gone: two drivers do damage."""
    from chalicelib.cli.record import find_run

    _must_say(reason)
    with _opened(local=local, sandbox=sandbox, region=region) as services:
        run = find_run(services, which)
        released = services.ledger.release(run.run_id, reason.strip())
    said = f"let go of {', '.join(released)}" if released else "held nothing"
    _tell({"run_id": run.run_id, "released": released}, said, as_json=as_json)


def _opened(*, local: bool, sandbox: bool, region: str | None) -> AbstractContextManager[Services]:
    from chalicelib.cli.world import world

    return world(place_of(local=local, sandbox=sandbox, region=region, assume_local=True))


def _stopped(state: str, *, asked: bool) -> str:
    return "was asked to stop, and can be continued later" if asked else f"has ended already: {state}"


def _must_say(reason: str) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why; it is recorded with the run", param_hint="--reason")


def _tell(facts: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        endings.document(facts)
    else:
        typer.echo(f"Run {facts['run_id']} {said}.")
