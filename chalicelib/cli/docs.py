"""`lifeboat docs`: writes the documents that are made from the code, or says which have drifted from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from chalicelib.cli import endings
from chalicelib.cli.schema import Subject, schema_of

ROOT = Path(__file__).resolve().parents[2]


def register(app: typer.Typer) -> None:
    """Add the command; it is for those who work on Lifeboat, and hidden from those who use it."""
    app.command("docs", hidden=True)(docs)


def docs(
    write: Annotated[bool, typer.Option("--write/--check", help="Write them, or only compare.")] = False,
    directory: Annotated[Path, typer.Option("--dir", help="Where they are.")] = ROOT / "docs",
) -> None:
    """Regenerate generated documents (--write), or end with 1 naming those that drifted (--check)."""
    drifted = []
    for name, text in generated().items():
        file = directory / name
        if (file.read_text(encoding="utf-8") if file.is_file() else None) != text:
            drifted.append(str(file))
            if write:
                directory.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for name in drifted:
        typer.echo(f"{name}: {'written' if write else 'differs from the code; run `make docs`'}")
    if drifted and not write:
        raise typer.Exit(endings.FAILED)


def generated() -> dict[str, str]:
    """Return every generated document by its name."""
    from chalicelib.actions.docs import render
    from chalicelib.api.openapi import document

    return {
        "runbook.schema.json": _json(schema_of(Subject.RUNBOOK)),
        "run-record.schema.json": _json(schema_of(Subject.RUN_RECORD)),
        "actions.md": render(),
        "openapi.json": _json(document()),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
