"""The OpenAPI document: valid by the standard, and of every route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import app
from chalicelib.api.openapi import document
from chalicelib.api.operations import OPERATIONS
from chalicelib.api.routes import ROUTES

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_document_is_valid_openapi_3_1() -> None:
    assert document()["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_what_is_in_docs_is_what_the_code_says() -> None:
    assert json.loads((DOCS / "openapi.json").read_text()) == json.loads(json.dumps(document())), "run `make docs`"


def test_every_route_of_the_app_is_documented_and_signed() -> None:
    served = {(method, path) for path, methods in app.app.routes.items() for method in methods}
    written = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert served == written == set(ROUTES.values())
    assert [operation.name for operation in OPERATIONS] == list(ROUTES)
    entries = [entry for methods in app.app.routes.values() for entry in methods.values()]
    assert {type(entry.authorizer).__name__ for entry in entries} == {"IAMAuthorizer"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_says_what_it_does_and_every_schema_refers_to_one_that_is_there(operation: Any) -> None:
    made = document()["paths"][operation.path][operation.method.lower()]
    assert made["summary"]
    assert str(operation.status) in made["responses"]
    schemas = document()["components"]["schemas"]
    for part in json.dumps(made).split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in schemas
