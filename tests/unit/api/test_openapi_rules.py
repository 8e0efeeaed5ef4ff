"""The OpenAPI document is linted: what a validator lets pass and those who call the API need all the same."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.api.openapi import document

Rule = Callable[[dict[str, Any]], Iterator[str]]
BOUNDS = {"pattern", "maxLength", "enum", "const", "format"}
GATEWAYS = {"403", "429", "504"}


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def named_and_described(made: dict[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for path, method, operation in operations(made):
        name = operation.get("operationId", "")
        if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) or name in seen:
            yield f"{method} {path}: '{name}' is no operationId of its own"
        seen.add(name)
        if not operation.get("summary") or not operation.get("description"):
            yield f"{name} says not what it does"
        if len(operation.get("summary", "")) > 160:
            yield f"{name}: its summary is no line"


def tagged(made: dict[str, Any]) -> Iterator[str]:
    known = {tag["name"] for tag in made["tags"] if tag.get("description")}
    for _, _, operation in operations(made):
        if len(operation.get("tags", [])) != 1 or not known.issuperset(operation["tags"]):
            yield f"{operation['operationId']} has not one tag that is described"


def parameters_complete(made: dict[str, Any]) -> Iterator[str]:
    for path, _, operation in operations(made):
        wanted, given = set(re.findall(r"\{(\w+)\}", path)), operation["parameters"]
        if {one["name"] for one in given if one["in"] == "path"} != wanted:
            yield f"{path}: its parameters are not those of the path"
        for one in given:
            if not one.get("description") and not one["schema"].get("description"):
                yield f"{path}: parameter {one['name']} is not described"
            yield from (f"{path}: {one['name']}: {said}" for said in unbounded(one["schema"], made))


def unbounded(schema: dict[str, Any], made: dict[str, Any]) -> Iterator[str]:
    """Yield what of a request's schema has no bound: such a value may have any size."""
    if "$ref" in schema:
        schema = made["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for each in [*schema.get("anyOf", []), *schema.get("allOf", [])]:
        yield from unbounded(each, made)
    kind = schema.get("type")
    if kind == "string" and not BOUNDS & schema.keys():
        yield "a text without bounds"
    if kind == "integer" and not {"minimum", "maximum"} <= schema.keys():
        yield "a number without bounds"
    if kind == "array" and "maxItems" not in schema:
        yield "a list without bounds"
    for name, each in schema.get("properties", {}).items():
        yield from (f"{name}: {said}" for said in unbounded(each, made))


def bodies_bounded(made: dict[str, Any]) -> Iterator[str]:
    for path, _, operation in operations(made):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from (f"{path}: {said}" for said in unbounded(content["schema"], made))


def answers_complete(made: dict[str, Any]) -> Iterator[str]:
    for path, method, operation in operations(made):
        statuses = operation["responses"]
        if not any(status.startswith("2") for status in statuses):
            yield f"{method} {path} never succeeds"
        for status, answer in statuses.items():
            kinds = set(answer["content"])
            problem = status[0] in "45" and status not in GATEWAYS
            if not answer.get("description") or ("application/problem+json" in kinds) is not problem:
                yield f"{method} {path}: {status} is not described, or is no problem document"


def no_schema_unused(made: dict[str, Any]) -> Iterator[str]:
    text = json.dumps(made)
    for name in made["components"]["schemas"]:
        if f'"#/components/schemas/{name}"' not in text:
            yield f"nothing uses {name}"


def no_3_0_words(made: dict[str, Any]) -> Iterator[str]:
    text = json.dumps(made)
    yield from (f"{word} is of OpenAPI 3.0" for word in ('"nullable"', '"x-nullable"') if word in text)
    if re.search(r'"exclusiveM(in|ax)imum": (true|false)', text):
        yield "an exclusive bound that is no number"


RULES: list[Rule] = [
    named_and_described,
    tagged,
    parameters_complete,
    bodies_bounded,
    answers_complete,
    no_schema_unused,
    no_3_0_words,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_document_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(document())) == []


def _spoiled(made: dict[str, Any], rule: str) -> None:
    show = made["paths"]["/runs/{run_id}"]["get"]
    spoil: dict[str, Callable[[], Any]] = {
        "named_and_described": lambda: show.update(operationId="listRuns"),
        "tagged": lambda: show.update(tags=["other"]),
        "parameters_complete": lambda: show["parameters"][0].pop("description"),
        "bodies_bounded": lambda: (
            made["components"]["schemas"]["Why"]["properties"]["reason"].pop("maxLength")
            and made["components"]["schemas"]["Why"]["properties"]["reason"].pop("pattern")
        ),
        "answers_complete": lambda: show["responses"]["404"].update(content={"application/json": {}}),
        "no_schema_unused": lambda: made["components"]["schemas"].update(Other={}),
        "no_3_0_words": lambda: show["parameters"][0]["schema"].update(nullable=True),
    }
    spoil[rule]()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_document_that_breaks_the_rule_is_caught(rule: Rule) -> None:
    made = copy.deepcopy(document())
    _spoiled(made, rule.__name__)
    assert list(rule(made)) != []
