"""`lifeboat undo`: takes back what an ended run did. `lifeboat runs settle`: does what a run still owes."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Api, Json, Local, RegionOption, Sandboxed, Yes, place_of
from chalicelib.cli.remote import Desk, Here, Remote, desk, find, is_remote, record_at
from chalicelib.cli.run import driven, must_agree, must_be_asked, told
from chalicelib.cli.runs import Which, group
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.cli.options import Place
    from chalicelib.cli.progress import Progress
    from chalicelib.domain.report import RunRecord
    from chalicelib.engine.obligations import Tried
    from chalicelib.engine.undo_plan import UndoPlan

Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded with the run.")]
Only = Annotated[bool, typer.Option("--plan", help="Only show what would be done.")]
Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one, due or not.", show_default=False)]
Done = Annotated[
    str | None,
    typer.Option("--done", metavar="WHY", help="Strike NAME out: you have done it, or it is not needed any more."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("undo")(undo)
    group.command("settle")(settle)


def undo(
    which: Which,
    reason: Reason = "asked for by hand",
    only_plan: Only = False,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take back what an ended run did, the last step first; what cannot be taken back is named.

    It shows what it would do, and asks first unless you say --yes; the sandbox does not. Ends with 0 when all was taken
    back, 1 when some was not, 3 when it is refused (the run is running, or another of its runbook is).
    """
    from chalicelib.cli.progress import Progress
    from chalicelib.cli.world import world

    ask = not (yes or sandbox or only_plan)
    if ask:
        must_be_asked()
    if is_remote(api, local=local, sandbox=sandbox):
        found = _there(Remote(str(api), region), which, reason, ask=ask, only_plan=only_plan, as_json=as_json)
    else:
        place = place_of(local=local, sandbox=sandbox, region=region)
        with Progress() as progress, world(place, journal=progress.timed_by) as services:
            found = _here(services, progress, which, reason, ask=ask, only_plan=only_plan, as_json=as_json)
    if found is not None:
        told(found, as_json=as_json)
        raise typer.Exit(endings.code_of(found))


def _there(where: Desk, which: str, reason: str, *, ask: bool, only_plan: bool, as_json: bool) -> RunRecord | None:
    from chalicelib.cli.remote_run import followed

    run_id = find(where, which)
    if not _agreed(where, run_id, ask=ask, only_plan=only_plan, as_json=as_json):
        return None
    asked = where.ask("undoRun", {"run_id": run_id}, {"reason": reason})
    typer.echo(f"Run {run_id} {'is being taken back' if asked['asked'] else 'is ' + asked['state']}.", err=True)
    return followed(where, run_id) if asked["asked"] else record_at(where, run_id)


def _here(
    services: Services, progress: Progress, which: str, reason: str, *, ask: bool, only_plan: bool, as_json: bool
) -> RunRecord | None:
    from chalicelib.cli.record import find_run, record
    from chalicelib.engine.local import here, hold

    run = find_run(services, which)
    if not _agreed(Here(services), run.run_id, ask=ask, only_plan=only_plan, as_json=as_json):
        return None
    taken = services.starter.undo(run, by=getpass.getuser(), reason=reason.strip(), holder=here())
    if taken.ended:
        progress.say(f"Run {run.run_id} is {taken.state.value}; nothing is done again.")
        return record(services, taken)
    held = taken if taken.holder == here() else hold(taken, services.starter, new=False)
    return driven(services, held, progress)


def _agreed(where: Desk, run_id: str, *, ask: bool, only_plan: bool, as_json: bool) -> bool:
    """Show what would be taken back; True when it shall be."""
    from chalicelib.cli.paper import console
    from chalicelib.engine.undo_plan import UndoPlan

    if not (ask or only_plan):
        return True
    found = where.ask("planUndo", {"run_id": run_id})
    if only_plan and as_json:
        endings.document(found)
        return False
    show_undo(UndoPlan.model_validate(found), console(stderr=ask))
    if ask:
        must_agree("Take it back?")
    return not only_plan


def show_undo(plan: UndoPlan, paper: Any) -> None:
    """Print what would be taken back: each step with its changes, and what cannot be."""
    from chalicelib.cli.paper import coloured, count_text, plain, table

    where = f"{plan.runbook} in {plan.region}, {coloured(plan.state.value)}"
    paper.print(f"Taking back run [bold]{plain(plan.run_id)}[/] ({where}). Nothing was changed.")
    for step in plan.steps:
        paper.print()
        done = f"; {count_text(step.done, 'change')} made before" if step.done else ""
        paper.print(f"[bold]{step.id}[/] (takes back {step.uses}{done})")
        rows = table("change", "resource", "Region", "by", "why")
        for change in step.changes:
            rows.add_row(change.kind.value, plain(change.resource), change.region, change.by, plain(change.reason))
        if step.changes:
            paper.print(rows)
        for failure in step.cannot:
            paper.print(f"  [red]cannot:[/] {plain(failure.resource)}: {plain(failure.message)}")
        if not step.changes and not step.cannot:
            paper.print("  Nothing is left to take back.")
    total = sum(len(step.changes) for step in plan.steps)
    cannot = sum(len(step.cannot) for step in plan.steps)
    paper.print()
    paper.print(f"[bold]In all:[/] {count_text(total, 'change')}; {cannot:,} that cannot be taken back.")


def settle(
    which: Which,
    name: Name = None,
    done: Done = None,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Do what a run still owes, now and in this process; or strike out what you have done yourself (--done).

    The deployed sweeper does the same every five minutes. Ends with 1 when something due could not be done.
    """
    if done is not None:
        if not (name and done.strip()):
            raise InputError("usage.settle", "Name what was done and why: lifeboat runs settle RUN NAME --done WHY.")
        with desk(api=api, local=local or not (api or sandbox), sandbox=sandbox, region=region) as where:
            _strike_out(where, which, name, done, as_json=as_json)
        return
    if is_remote(api, local=local, sandbox=sandbox):
        raise InputError("usage.settle", "Over the API only --done works: its sweeper does what is due by itself.")
    _tell(
        _tried(place_of(local=local, sandbox=sandbox, region=region, assume_local=True), which, name), as_json=as_json
    )


def _tried(place: Place, which: str, name: str | None) -> list[Tried]:
    from chalicelib.cli.record import find_run
    from chalicelib.cli.world import world

    with world(place) as services:
        run = find_run(services, which)
        if name and name not in services.ledger.owed(run.run_id):
            raise InputError("owes.unknown", f"Run '{run.run_id}' does not owe '{name}'.")
        return services.engine.debts.of_run(run.run_id, name or "")


def _tell(tried: list[Tried], *, as_json: bool) -> None:
    if as_json:
        endings.document({"tried": [vars(one) for one in tried]})
    for one in () if as_json else tried:
        typer.echo(f"{one.name}: {one.outcome.replace('_', ' ')}" + (f": {one.said}" if one.said else ""))
    if not tried and not as_json:
        typer.echo("Nothing is due.")
    if any(one.outcome == "in_vain" for one in tried):
        raise typer.Exit(endings.FAILED)


def _strike_out(where: Desk, which: str, name: str, why: str, *, as_json: bool) -> None:
    run_id = find(where, which)
    found = where.ask("settleObligation", {"run_id": run_id}, {"name": name, "reason": why})
    if as_json:
        endings.document(found)
    else:
        typer.echo(f"Run {run_id} no longer owes {name}.")
