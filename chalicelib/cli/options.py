"""Options that several commands share, each with one spelling and one help text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from chalicelib.errors import InputError

Local = Annotated[
    bool, typer.Option("--local", help="Work in this process on the AWS that your profile, role and environment name.")
]
Sandboxed = Annotated[bool, typer.Option("--sandbox", help="Work on the embedded AWS. Touches nothing real.")]
Api = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="URL",
        envvar="LIFEBOAT_API_URL",
        help="Work through Lifeboat's API there, with your own credentials.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; progress goes to stderr.")]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="The Region that runs belong to.", show_default=False)
]
Runbooks = Annotated[
    Path | None,
    typer.Option("--runbooks", metavar="DIR", help="Directory of the runbooks; the shipped ones if not given."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="K=V", help="An input of the runbook; give it once for each input."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True)
class Place:
    """Where a command works.

    Attributes:
        sandbox: True for the embedded AWS.
        region: The Region that runs belong to; None = from the environment.
        runbooks: Directory of the runbooks; None = from the environment, else the shipped ones.
        create_ledger: Make the ledger's table if there is none.
        needs_ledger: False for commands that never look at it; the sandbox has one made for all others.
    """

    sandbox: bool
    region: str | None = None
    runbooks: Path | None = None
    create_ledger: bool = False
    needs_ledger: bool = True


def place_of(
    *, local: bool, sandbox: bool, region: str | None, runbooks: Path | None = None, assume_local: bool = False
) -> Place:
    """Return where to work.

    Args:
        local: `--local` was given.
        sandbox: `--sandbox` was given.
        region: `--region`.
        runbooks: `--runbooks`.
        assume_local: True for commands that only read: neither option means `--local`.

    Raises:
        InputError: both or neither were given (`usage.where`).
    """
    if local and sandbox:
        raise InputError("usage.where", "Say one of --local and --sandbox, not both.")
    if not (local or sandbox or assume_local):
        raise InputError(
            "usage.where",
            "Say where: --api URL (or LIFEBOAT_API_URL), --local (this process, your AWS) or --sandbox (embedded AWS).",
        )
    return Place(sandbox, region, runbooks)


def inputs_of(given: list[str] | None) -> dict[str, str]:
    """Read `k=v` options.

    Raises:
        InputError: one has no `=`, no name, or stands there twice (`usage.input`).
    """
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InputError("usage.input", f"'{text}' is not an input; write --input name=value.")
        if name.strip() in found:
            raise InputError("usage.input", f"The input '{name.strip()}' is given twice; a list is written a,b,c.")
        found[name.strip()] = value
    return found
