"""`lifeboat drill`: rehearses a runbook at a place that nothing else uses, and removes what it made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Api, Inputs, Json, Local, RegionOption, Runbooks, Sandboxed, Yes, inputs_of, place_of
from chalicelib.cli.run import (
    REHEARSE,
    CreateLedger,
    Key,
    Name,
    Wait,
    Wish,
    carried_out,
    checked,
    fresh_key,
    must_agree,
    must_be_asked,
    told,
)

if TYPE_CHECKING:
    from chalicelib.cli.remote import Desk


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill")(drill)


def drill(
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
    """Rehearse a runbook: restores go to the place that its section `drill` states, and are removed afterwards.

    What would touch anything live is planned and told as not rehearsed. It does not begin beside a recovery, and stops
    for one; what it made goes all the same. Ends as `lifeboat run` does.
    """
    from chalicelib.cli.progress import Progress
    from chalicelib.cli.remote import Remote, is_remote
    from chalicelib.cli.world import world
    from chalicelib.domain.run import DRILL

    given, ask = inputs_of(inputs), not (sandbox or yes)
    if ask:
        must_be_asked()
    if is_remote(api, local=local, sandbox=sandbox):
        _there(Remote(str(api), region), name, given, checked(key), ask=ask, wait=wait, as_json=as_json)
    place = place_of(local=local, sandbox=sandbox, region=region, runbooks=runbooks)
    with (
        Progress() as progress,
        world(replace(place, create_ledger=create_ledger), journal=progress.timed_by) as services,
    ):
        found = carried_out(services, Wish(name, given, checked(key), ask=ask, mode=DRILL), progress)
    told(found, as_json=as_json)
    raise typer.Exit(endings.code_of(found))


def _there(
    where: Desk, name: str, given: dict[str, str], key: str | None, *, ask: bool, wait: bool, as_json: bool
) -> None:
    """Start a drill through the API, and follow it."""
    from chalicelib.cli.remote import record_at
    from chalicelib.cli.remote_run import followed, show_plan
    from chalicelib.domain.run import DRILL

    if ask:
        show_plan(where, name, {"inputs": dict(given), "mode": DRILL})
        must_agree(REHEARSE)
    key = key or fresh_key(datetime.now(UTC))
    started = where.ask("startDrill", {"name": name}, {"inputs": dict(given)}, key)
    run_id = str(started["run_id"])
    typer.echo(f"Drill {run_id}, key {key} ({started['how']})", err=True)
    found = followed(where, run_id) if wait else record_at(where, run_id)
    told(found, as_json=as_json)
    raise typer.Exit(endings.code_of(found))
