"""`lifeboat schema`: JSON Schemas of what people write and of what scripts read."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from chalicelib.cli import endings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Subject(StrEnum):
    """What there is a schema of."""

    RUNBOOK = "runbook"
    RUN_RECORD = "run-record"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(subject: Annotated[Subject, typer.Argument(help="Of what.", show_default=False)]) -> None:
    """Print a JSON Schema: of runbooks (for editors) or of the run record (what --json prints)."""
    endings.document(schema_of(subject))


def schema_of(subject: Subject) -> dict[str, Any]:
    """Return a schema in the dialect 2020-12."""
    if subject is Subject.RUNBOOK:
        from chalicelib.actions.registry import signatures
        from chalicelib.domain.runbook_schema import schema as runbook_schema

        found: dict[str, Any] = runbook_schema(signatures())
        return found
    from chalicelib.domain.report import RunRecord

    return {"$schema": DIALECT, **RunRecord.model_json_schema(mode="serialization")}
