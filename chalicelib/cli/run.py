"""`lifeboat run`: carries a runbook out in this process, with live progress, and says what came of it."""

from __future__ import annotations

import getpass
import secrets
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Api, Inputs, Json, Local, RegionOption, Runbooks, Sandboxed, Yes, inputs_of, place_of
from chalicelib.errors import InputError, LifeboatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.bootstrap import Services
    from chalicelib.cli.progress import Progress
    from chalicelib.domain.report import RunRecord
    from chalicelib.domain.run import Run, RunCause
    from chalicelib.domain.runbook import Runbook

Name = Annotated[str, typer.Argument(metavar="NAME", help="The runbook.", show_default=False)]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="K",
        help="Names the run: the same key continues an unfinished run and reports a finished one.",
        show_default="a new one",
    ),
]
REHEARSE = "Rehearse it? What it makes goes to the place that its section 'drill' states, and goes again."
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end; only with the API.")]
CreateLedger = Annotated[bool, typer.Option("--create-ledger", help="Make the ledger's table if there is none.")]


@dataclass(frozen=True)
class Wish:
    """What somebody asked for."""

    name: str
    given: Mapping[str, str]
    key: str | None
    ask: bool
    mode: str = "run"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    name: Name,
    local: Local = False,
    sandbox: Sandboxed = False,
    inputs: Inputs = None,
    key: Key = None,
    create_ledger: CreateLedger = False,
    api: Api = None,
    wait: Wait = True,
    region: RegionOption = None,
    runbooks: Runbooks = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Carry a runbook out: through the API, in this process (--local), or on the embedded AWS (--sandbox).

    Unless you say --yes, it shows what it would do and asks first; the sandbox does not.

    Ends with 0 when the run succeeded, 1 when it failed wholly or in part, 2 when the command or the runbook is wrong,
    3 when it is refused (guard, lease, key), and 130 when it was interrupted or stopped and can be continued.
    """
    from chalicelib.cli.progress import Progress
    from chalicelib.cli.remote import Remote, is_remote
    from chalicelib.cli.world import world

    if is_remote(api, local=local, sandbox=sandbox):
        from chalicelib.cli.remote_run import run_there

        there = Remote(str(api), region)
        run_there(there, name, inputs_of(inputs), checked(key), ask=not yes, wait=wait, as_json=as_json)
    wish = Wish(name, inputs_of(inputs), checked(key), ask=not (sandbox or yes))
    place = replace(
        place_of(local=local, sandbox=sandbox, region=region, runbooks=runbooks), create_ledger=create_ledger
    )
    if wish.ask:
        must_be_asked()
    with Progress() as progress, world(place, journal=progress.timed_by) as services:
        found = carried_out(services, wish, progress)
    told(found, as_json=as_json)
    raise typer.Exit(endings.code_of(found))


def told(found: RunRecord, *, as_json: bool) -> None:
    """Print a record, as JSON or for people."""
    if as_json:
        endings.document(found.model_dump(mode="json"))
        return
    from chalicelib.cli.show import show_record

    show_record(found)


def carried_out(services: Services, wish: Wish, progress: Progress) -> RunRecord:
    """Start, continue or find the run, drive it to its end in this process, and return its record.

    Raises:
        InputError: the runbook or its inputs are wrong.
        RefusedError: the key names a run with other inputs, or another process drives the run.
        LifeboatError: it was interrupted and let go (`run.interrupted`); it says how to continue.
    """
    from chalicelib.engine.local import hold

    key = wish.key or fresh_key(services.clock.now())
    services.aws.calls.take()
    run, how = services.starter.known(wish.name, key, wish.given, wish.mode), "existing"
    if run is None:
        run, how = _started(services, wish, key)
    elif wish.ask and not (run.ended and run.state.value != "stopped"):
        must_agree(f"Continue run {run.run_id} ({run.state.value})?")
    _say_how(progress, run, how)
    held = hold(run, services.starter, new=how == "new")
    return driven(services, held, progress)


def _started(services: Services, wish: Wish, key: str) -> tuple[Run, str]:
    """Start a run, if the person agrees to what it would do; returns it, and whether it is new."""
    from chalicelib.domain.template import check_inputs

    runbook, now = services.catalog.load(wish.name), services.clock.now()
    inputs = check_inputs(runbook, wish.given)
    if wish.ask:
        _ask(services, runbook, wish)
    cause = cause_of(runbook.name, key, wish.given, now)
    started = services.starter.start(runbook, cause, inputs, mode=wish.mode)
    return started.run, started.how


def cause_of(runbook: str, key: str, given: Mapping[str, str], now: datetime) -> RunCause:
    """Return the cause of a run by hand. The run's key is the caller's key as it was given."""
    from chalicelib.domain.event import ManualCause
    from chalicelib.domain.run import RunCause

    cause = ManualCause(runbook=runbook, who=getpass.getuser(), key=key, inputs=dict(given), occurred_at=now)
    return RunCause(kind=cause.kind, key=cause.key, occurred_at=cause.occurred_at, summary=cause.summary)


def driven(services: Services, run: Run, progress: Progress) -> RunRecord:
    """Drive a held run to its end in this process, and return its record.

    Raises:
        LifeboatError: it was interrupted and let go (`run.interrupted`), or could not be driven; it can be continued.
    """
    from chalicelib.cli.record import record
    from chalicelib.engine.local import drive

    try:
        return record(services, drive(services.engine, run))
    except KeyboardInterrupt:
        raise LifeboatError(
            endings.INTERRUPTION,
            f"Interrupted. What AWS works on goes on. To continue: the same command with --key {run.key}, "
            f"or `lifeboat runs continue {run.run_id}`.",
            run_id=run.run_id,
            key=run.key,
        ) from None
    except LifeboatError:
        progress.say(f"The run is not lost. To continue: `lifeboat runs continue {run.run_id}`.")
        raise


def _say_how(progress: Progress, run: Run, how: str) -> None:
    if how == "new":
        progress.say(f"Run {run.run_id}, key {run.key}")
    elif run.ended and run.state.value != "stopped":
        progress.say(f"Run {run.run_id} of this key has ended before; nothing is done again.")
    else:
        progress.say(f"Continuing run {run.run_id}, key {run.key}")


def must_be_asked() -> None:
    """Make sure that there is a person to ask.

    Raises:
        InputError: there is no terminal (`usage.yes`).
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("usage.yes", "There is nobody to ask here, and this changes your AWS: say --yes.")


def must_agree(question: str) -> None:
    """Ask on stderr, since stdout is for results, and end the command with 3 unless the answer is yes."""
    typer.echo(f"{question} [y/N]: ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        typer.echo("Nothing was started.", err=True)
        raise typer.Exit(endings.REFUSED)


def _ask(services: Services, runbook: Runbook, wish: Wish) -> None:
    """Show what would be done, and go on only if the person says so."""
    from chalicelib.cli.paper import console
    from chalicelib.cli.plan import code_of, planned
    from chalicelib.cli.show_plan import show_preview
    from chalicelib.domain.run import DRILL

    found = planned(services, runbook, wish.given, mode=wish.mode)
    show_preview(found, console(stderr=True))
    if wish.mode == DRILL:
        must_agree(REHEARSE)
        return
    must_agree("Not all of it would succeed. Carry it out all the same?" if code_of(found) else "Carry it out?")


def fresh_key(now: datetime) -> str:
    """Return a key that no run has, and that tells when it was made."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def checked(key: str | None) -> str | None:
    """Return a key that somebody gave, if it may be one.

    Raises:
        InputError: it is empty or too long (`usage.key`).
    """
    if key is not None and not key.strip():
        raise InputError("usage.key", "A key has at least one character.")
    if key is not None and len(key) > 200:  # noqa: PLR2004 - as the event model says
        raise InputError("usage.key", "A key has at most 200 characters.")
    return key
