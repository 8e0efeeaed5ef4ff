"""`lifeboat validate`: says everything that is wrong with runbooks, with file, line and column."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Json, Runbooks
from chalicelib.errors import InputError, LifeboatError

if TYPE_CHECKING:
    from chalicelib.stores.catalog import Catalog

Which = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME|FILE]...", help="Runbooks; all of the directory if none is given.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(which: Which = None, runbooks: Runbooks = None, as_json: Json = False) -> None:
    """Check runbooks completely: keys, types, references, order. Ends with 2 if any is invalid; warnings are none."""
    from chalicelib.actions.registry import signatures
    from chalicelib.settings import Settings
    from chalicelib.stores.catalog import Catalog

    catalog = Catalog(runbooks or Settings().runbooks, signatures())
    wanted = which or catalog.names()
    if not wanted:
        raise InputError("runbook.none", f"There is no runbook in {catalog.directory}.")
    results = [_result(catalog, text) for text in wanted]
    if as_json:
        endings.document({"runbooks": results})
    else:
        _say(results)
    if not all(result["valid"] for result in results):
        raise typer.Exit(endings.WRONG)


def _result(catalog: Catalog, text: str) -> dict[str, Any]:
    from chalicelib.domain.watch import too_short

    file = Path(text) if text.endswith((".yaml", ".yml")) or "/" in text else catalog.directory / f"{text}.yaml"
    problems: list[Any] = []
    warnings: list[str] = []
    try:
        book = catalog.load_file(file) if file == Path(text) else catalog.load(text)
        warnings = [warning for warning in [too_short(book, datetime.now(UTC))] if warning]
    except LifeboatError as error:
        found = error.details.get("problems")
        whole = {"file": str(file), "line": 0, "column": 0, "key": "", "message": error.message, "hint": ""}
        problems = found if isinstance(found, list) and found else [whole]
    found = {"runbook": file.stem, "file": str(file), "valid": not problems}
    return {**found, "problems": problems, "warnings": warnings}


def _say(results: list[dict[str, Any]]) -> None:
    from chalicelib.stores.catalog import render

    for result in results:
        if result["valid"]:
            typer.secho(f"{result['runbook']}: valid", fg="green")
        for warning in result["warnings"]:
            typer.secho(f"{result['runbook']}: warning: {warning}", fg="yellow")
        for problem in result["problems"]:
            typer.echo(render([problem]) if problem["line"] else f"{result['runbook']}: {problem['message']}")
