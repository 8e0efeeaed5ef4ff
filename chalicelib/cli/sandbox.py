"""`lifeboat sandbox`: an embedded AWS that stays, with the API, for people to play with and to break.

In one terminal it runs; from another one a zone is broken and healed, and the runs that follow are looked at.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli.options import Place, Runbooks
from chalicelib.cli.world import SANDBOX_REGION, SANDBOX_URL
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from chalicelib.sandbox.client import Control

AWS_PORT, API_PORT = 4566, 8000
Url = Annotated[
    str,
    typer.Option("--url", envvar=SANDBOX_URL, metavar="URL", help="Where the sandbox is."),
]
HERE = f"http://127.0.0.1:{AWS_PORT}"
RegionGiven = Annotated[str, typer.Option("--region", metavar="REGION", help="The zone's Region.")]

commands = typer.Typer(
    help="An embedded AWS that stays, with the API: play with it, break it.", invoke_without_command=True
)
broken = typer.Typer(help="Break something in the sandbox.", no_args_is_help=True)
commands.add_typer(broken, name="break")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="sandbox")


@commands.callback()
def sandbox(
    ctx: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The API's port.")] = API_PORT,
    aws_port: Annotated[int, typer.Option("--aws-port", min=0, max=65535, help="The embedded AWS's.")] = AWS_PORT,
    speed: Annotated[float, typer.Option("--speed", min=1, max=3600, help="Virtual seconds in a real one.")] = 60,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all chance.")] = 1,
    runbooks: Runbooks = None,
) -> None:
    """Keep an embedded AWS with a whole estate running, and Lifeboat with its API over it, until Ctrl-C."""
    if ctx.invoked_subcommand:
        return
    from chalicelib.cli.estate import whole
    from chalicelib.cli.playground import Loud, Playground
    from chalicelib.cli.serve import served, until_asked_to_end
    from chalicelib.sandbox.process import Sandbox

    with Sandbox.start(seed=seed, port=aws_port) as box:
        typer.echo("Building an estate and backing it up ...")
        whole(box.control)
        live = Playground(box.control, speed).live
        with served(port, Place(sandbox=True, runbooks=runbooks), box.control, journal=Loud, driver=live) as url:
            typer.echo(
                f"AWS is at {box.url}, Lifeboat's API at {url}; a second here is {speed:g} there.\n"
                "In another terminal:\n"
                f"  export {SANDBOX_URL}={box.url} LIFEBOAT_API_URL={url}\n"
                "  lifeboat sandbox break az use1-az1     a zone goes dark\n"
                "  lifeboat runs list                     what Lifeboat does about it\n"
                "  lifeboat sandbox heal                  the zone comes back\n"
                "Ctrl-C ends it all."
            )
            until_asked_to_end()


@broken.command("az")
def break_zone(
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="ID or name of the zone, such as use1-az1.")],
    region: RegionGiven = SANDBOX_REGION,
    url: Url = HERE,
) -> None:
    """Let an Availability Zone go dark: what is in it is lost from sight, and calls to it hang or fail."""
    told = _asked(url, "az_dark", region=region, zone=zone)
    typer.echo(f"{told['zone_id']} ({told['zone']}) in {told['region']} is dark since {told['since']}.")


@broken.command("instance")
def break_instance(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="Id of the instance.")],
    url: Url = HERE,
) -> None:
    """Let an instance fail its health checks."""
    control = _control(url)
    sick = {*control.weather()["sick"], instance}
    control.weather(sick=sorted(sick))
    typer.echo(f"{instance} fails its health checks from now on.")


@commands.command("heal")
def heal(url: Url = HERE) -> None:
    """End every darkness and every sickness."""
    healed = [zone["zone_id"] for zone in _asked(url, "heal")["healed"]]
    control = _control(url)
    sick = control.weather()["sick"]
    control.weather(sick=[])
    typer.echo(f"Healed: {', '.join([*healed, *sick]) or 'nothing was broken'}.")


def _asked(url: str, kind: str, **more: str) -> dict[str, Any]:
    try:
        return _control(url).disaster(kind, **more)
    except ValueError as error:
        raise InputError("sandbox.refused", f"{error}.") from error


def _control(url: str) -> Control:
    from chalicelib.sandbox.client import Control

    control = Control(os.environ.get(SANDBOX_URL) or url)
    try:
        control.now()
    except (OSError, ValueError) as error:
        raise InputError(
            "sandbox.unreachable", f"No sandbox answers at {url} ({error}). Start one with `lifeboat sandbox`."
        ) from error
    return control
