"""The `lifeboat` command: its commands, and what becomes of errors.

Commands import what they need when they run, so that `lifeboat --help` is quick.
"""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from chalicelib.cli import (
    approve,
    coverage,
    demo,
    docs,
    drill,
    endings,
    pause,
    plan,
    run,
    runs,
    sandbox,
    schema,
    serve,
    undo,
    validate,
)
from chalicelib.errors import LifeboatError

# Each has `register(app)`; the order is that of --help.
COMMANDS = (demo, validate, plan, run, drill, runs, approve, undo, pause, coverage, serve, sandbox, schema, docs)
USAGE = typer.BadParameter.__mro__[1]  # click's UsageError, which Typer carries inside and does not export


class Commands(TyperGroup):
    """The root of all commands: turns every deliberate error into words and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether a script listens, before anything can go wrong."""
        ctx.meta["lifeboat.json"] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        as_json = bool(ctx.meta["lifeboat.json"])
        try:
            return super().invoke(ctx)
        except LifeboatError as error:
            endings.tell(error, as_json=as_json)
            raise typer.Exit(endings.code_for(error)) from error
        except KeyboardInterrupt:
            endings.tell(LifeboatError(endings.INTERRUPTION, "Interrupted."), as_json=as_json)
            raise typer.Exit(endings.INTERRUPTED) from None
        except Exception as error:
            _tell_other(error, as_json=as_json)
            raise


def _tell_other(error: Exception, *, as_json: bool) -> None:
    """Tell what is not ours and yet no bug: wrong options, and an AWS that cannot be used from here at all."""
    if isinstance(error, USAGE):
        if as_json:
            message = str(getattr(error, "message", error))
            endings.document({"error": {"code": "usage.options", "message": message, "details": {}}})
        return  # click prints the usage on stderr and ends with 2
    if "botocore.exceptions" not in sys.modules:
        return
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, BotoCoreError | ClientError):
        said = LifeboatError(
            "aws.unusable", f"AWS cannot be used from here: {error}. Look at the profile, the Region and the endpoint."
        )
        endings.tell(said, as_json=as_json)
        raise typer.Exit(endings.FAILED) from error


app = typer.Typer(
    name="lifeboat",
    cls=Commands,
    help="Event-driven disaster recovery for AWS, driven by declarative runbooks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Event-driven disaster recovery for AWS, driven by declarative runbooks."""


for command in COMMANDS:
    command.register(app)


def main() -> None:
    """Run the command line."""
    app()
