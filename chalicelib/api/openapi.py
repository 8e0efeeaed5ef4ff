"""The OpenAPI 3.1 document, made from the table of operations and their models. Written to docs/openapi.json."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chalicelib.api.answering import KEY_HEADER
from chalicelib.api.answers import Problem
from chalicelib.api.operations import OPERATIONS, Operation
from chalicelib.api.requests import BODY_BYTES, KEY_PATTERN, LIMIT, NAME_PATTERN, Nothing
from chalicelib.domain.runbook_values import ID_PATTERN

REF = "#/components/schemas/{model}"
PATH_PATTERNS = {"name": NAME_PATTERN, "run_id": r"^[a-z0-9_-]{1,100}$", "step": ID_PATTERN}
GATEWAYS = frozenset({403, 429, 504})  # their bodies are {"message": ...}
FOLLOWING = {"run_id": "$response.body#/run_id"}
OF_A_RUN = tuple(one.name for one in OPERATIONS if one.path.startswith("/runs/{run_id}") and "{step}" not in one.path)
PATH_WORDS = {"name": "A runbook's name.", "run_id": "A run's id.", "step": "A step's id."}
TAGS = {
    "runbooks": "What there is to be carried out.",
    "runs": "What was and is carried out.",
    "pause": "Holding runs back.",
    "resume": "Letting them go on.",
    "recovery-points": "What there is to restore from.",
    "approvals": "What waits for a person's answer.",
    "health": "Whether Lifeboat does its work.",
}
PHRASES = {
    400: "The request does not fit.",
    403: "Not authorized; answered by API Gateway.",
    404: "There is no such thing.",
    405: "The path knows no such method.",
    409: "What was asked for is not possible in the state that things are in.",
    413: f"The body is larger than {BODY_BYTES} bytes.",
    415: "The body is not declared as application/json.",
    429: "Too many requests; answered by API Gateway. Try again after some seconds.",
    500: "A fault of Lifeboat's; the logs say what.",
    502: "AWS refused what was needed.",
    503: "The ledger or AWS cannot be reached, or throttles; try again.",
    504: "No answer within 29 seconds; answered by API Gateway. What was asked for may be done all the same: the same "
    "request is safe.",
}


def document() -> dict[str, Any]:
    """Return the document, ready to be written as JSON."""
    answers = {operation.answer for operation in OPERATIONS} | {Problem}
    asked = {operation.asked for operation in OPERATIONS} - {Nothing}
    wanted = [(model, "serialization") for model in sorted(answers, key=lambda m: m.__name__)]
    wanted += [(model, "validation") for model in sorted(asked, key=lambda m: m.__name__)]
    keys, schemas = models_json_schema(wanted, ref_template=REF)  # type: ignore[arg-type]
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, keys, schemas["$defs"])
    used = json.dumps([paths, schemas["$defs"]])  # a query's model stands in its parameters, and nowhere else
    kept = {name: made for name, made in schemas["$defs"].items() if f'"{REF.format(model=name)}"' in used}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lifeboat",
            "version": version("lifeboat-dr"),
            "description": "Disaster recovery for AWS, driven by runbooks. Every request is signed with SigV4 for the "
            f"service execute-api. A body has at most {BODY_BYTES} bytes, a page at most {LIMIT} items, an answer at "
            "most 6 MB (Lambda's limit: a plan's lists are cut to fit and say how much is left out). API Gateway waits "
            "29 seconds for an answer.",
        },
        "servers": [{"url": "/", "description": "The stage's own URL, or `lifeboat serve`."}],
        "security": [{"sigv4": []}],
        "tags": [{"name": name, "description": said} for name, said in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": kept,
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _operation(operation: Operation, keys: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.path.split("/")[1]],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": _parameters(operation, keys, schemas),
        "responses": _responses(operation, keys),
    }
    if operation.method == "POST" and operation.asked is not Nothing:
        content = {"application/json": {"schema": keys[operation.asked, "validation"]}}
        made["requestBody"] = {"required": bool(_required(operation.asked)), "content": content}
    return made


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _parameters(operation: Operation, keys: Any, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    named = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_WORDS[name],
            "schema": {"type": "string", "pattern": PATH_PATTERNS[name]},
        }
        for name in named
    ]
    if operation.keyed:
        schema = {"type": "string", "pattern": KEY_PATTERN}
        said = "The same key and inputs are the same run, however often the request is sent."
        found.append({"name": KEY_HEADER, "in": "header", "required": True, "description": said, "schema": schema})
    if operation.method == "GET" and operation.asked is not Nothing:
        reference = keys[operation.asked, "validation"]["$ref"].rsplit("/", 1)[-1]
        for name, schema in schemas[reference]["properties"].items():
            found.append({"name": name, "in": "query", "required": False, "schema": _plain(schema)})
    return found


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a query parameter's schema without null, which a query cannot say."""
    kinds = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default", "title"}}
    if schema.get("default") is not None:
        rest["default"] = schema["default"]
    return {**(kinds[0] if len(kinds) == 1 else {}), **rest}


def _responses(operation: Operation, keys: Any) -> dict[str, Any]:
    body = {"application/json": {"schema": keys[operation.answer, "serialization"]}}
    done: dict[str, Any] = {"description": "Done." if operation.status < 202 else "Accepted.", "content": body}  # noqa: PLR2004
    if operation.keyed:
        said = {"description": "Where the run is shown.", "schema": {"type": "string"}}
        done["headers"] = {"Location": said}
        done["links"] = {name: {"operationId": name, "parameters": FOLLOWING} for name in OF_A_RUN}
    found = {str(operation.status): done}
    problem = {"application/problem+json": {"schema": keys[Problem, "serialization"]}}
    for status in operation.problems:
        content = {"application/json": {"schema": {"type": "object"}}} if status in GATEWAYS else problem
        found[str(status)] = {"description": PHRASES[status], "content": content}
    if operation.name == "health":
        found["503"] = {"description": "Something fails; the body says what.", "content": {**body, **problem}}
    return found
