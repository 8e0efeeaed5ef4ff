"""`lifeboat plan`: what a runbook would do now. Reads only, needs no ledger, works while writes are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Inputs, Json, Local, RegionOption, Runbooks, Sandboxed, inputs_of, place_of

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.domain.runbook import Runbook
    from chalicelib.engine.preview import Preview

AsCommands = Annotated[
    bool, typer.Option("--as-commands", help="Print the AWS CLI commands, in order, for doing it by hand.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The runbook.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    name: Name,
    local: Local = False,
    sandbox: Sandboxed = False,
    inputs: Inputs = None,
    region: RegionOption = None,
    runbooks: Runbooks = None,
    as_commands: AsCommands = False,
    as_json: Json = False,
) -> None:
    """Print every change that a runbook would make now, with reasons and the forecast. Changes nothing."""
    from chalicelib.cli.world import world

    given = inputs_of(inputs)
    place = place_of(local=local, sandbox=sandbox, region=region, runbooks=runbooks)
    with world(replace(place, needs_ledger=False)) as services:
        found = planned(services, services.catalog.load(name), given, by_hand=as_commands)
    if as_commands and not as_json:
        from chalicelib.cli.by_hand import commands

        typer.echo("\n".join(commands(found)))
    elif as_json:
        endings.document(found.model_dump(mode="json"))
    else:
        from chalicelib.cli.show_plan import show_preview

        show_preview(found)
    raise typer.Exit(code_of(found))


def planned(
    services: Services, runbook: Runbook, given: Mapping[str, Any], *, by_hand: bool = False, mode: str = "run"
) -> Preview:
    """Return what a runbook would do now.

    Raises:
        InputError: the inputs do not fit.
    """
    from chalicelib.domain.template import check_inputs
    from chalicelib.engine.preview import preview, summed

    inputs, now = check_inputs(runbook, given), services.clock.now()
    services.aws.calls.take()
    steps = preview(runbook, inputs, services.aws, services.actions, services.settings, now, by_hand=by_hand, mode=mode)
    return summed(runbook, inputs, services.settings.region, steps, now, services.aws.calls.take())


def code_of(found: Preview) -> int:
    """Return the exit code: of the first step that cannot be planned, else 1 if part of a step would fail."""
    for step in found.steps:
        if step.status == "refused":
            return endings.REFUSED
        if step.status == "failed":
            return endings.WRONG if step.wrong_input else endings.FAILED
    return endings.FAILED if any(step.failures for step in found.steps) else endings.SUCCEEDED
