"""The JSON Schema of runbooks, for editors, made from the same models that check them.

It knows the actions and what each is given, and lets a reference stand wherever a value may. What needs more than one
place to be looked at (does the step exist, can the type fit) only `lifeboat validate` knows.

Source: https://json-schema.org/draft/2020-12/json-schema-core
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from chalicelib.domain.runbook import (
    AlarmTrigger,
    DrillSection,
    EventTrigger,
    Group,
    Guard,
    Objectives,
    Runbook,
    ScheduleTrigger,
    Step,
)
from chalicelib.domain.runbook_inputs import InputSpec
from chalicelib.domain.signature import Signature, Signatures
from chalicelib.domain.types import format_duration

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{\{.*\}\}", "description": "A reference, for example ${{ inputs.x }}"}
_MODELS: tuple[type[BaseModel], ...] = (
    Runbook, Step, Group, ScheduleTrigger, AlarmTrigger, EventTrigger, Objectives, Guard, DrillSection, InputSpec,
)  # fmt: skip
_SECTION = "\n\nAttributes:\n"
_LATE_PHASES = ("verify", "on_failure", "always")  # whose steps may go without an id


def schema(signatures: Signatures) -> dict[str, Any]:
    """Return the JSON Schema of a runbook file. The same signatures give the same schema, key for key."""
    made = Runbook.model_json_schema(mode="validation")
    defs = made["$defs"]
    _describe(made, defs)
    for name in sorted(signatures):
        defs.update(_given(signatures[name]))
    defs["Reference"] = _REFERENCE
    step = _step(defs.pop("Step"), signatures)
    defs["Step"] = step
    defs["LateStep"] = {**step, "required": [key for key in step["required"] if key != "id"]}
    for phase in _LATE_PHASES:
        made["properties"][phase]["items"] = {"$ref": "#/$defs/LateStep"}
    defs["Guard"]["properties"]["max_share"]["default"] = "30%"  # as people write it
    defs["Guard"]["properties"]["cooldown"]["default"] = "0s"
    return {"$schema": DIALECT, "title": "Lifeboat runbook", **_tidy(made)}


def _step(step: dict[str, Any], signatures: Signatures) -> dict[str, Any]:
    known = [
        {"const": name, "description": f"Takes at most {format_duration(signature.within)} unless `within` says more."}
        for name, signature in sorted(signatures.items())
    ]
    uses = {**step["properties"]["uses"], "oneOf": known}
    rules = [
        {
            "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
            "then": {
                "properties": {"with": {"$ref": f"#/$defs/{_def_name(name)}"}},
                **({"required": ["with"]} if _needs(signature) else {}),
            },
        }
        for name, signature in sorted(signatures.items())
    ]
    return {**step, "properties": {**step["properties"], "uses": uses}, "allOf": rules}


def _needs(signature: Signature) -> bool:
    return any(field.is_required() for field in signature.given.model_fields.values())


def _def_name(action: str, part: str = "") -> str:
    return f"{action}.{part}" if part else action


def _given(signature: Signature) -> Iterator[tuple[str, Any]]:
    """Yield the definitions of what an action is given, under names of its own."""
    model = signature.given.model_json_schema(mode="validation", ref_template="#/$defs/" + signature.name + ".{model}")
    for part, inner in model.pop("$defs", {}).items():
        yield _def_name(signature.name, part), _open(inner)
    yield _def_name(signature.name), _open(model)


def _open(node: Any) -> dict[str, Any]:
    """Let a reference stand for every value inside a schema, but not for the schema itself."""
    opened = dict(node)
    if "properties" in node:
        opened["properties"] = {key: _referable(value) for key, value in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), Mapping):
            opened[key] = _referable(node[key])
    for key in ("anyOf", "oneOf"):
        if key in node:
            opened[key] = [_open(option) for option in node[key]]
    return opened


def _referable(node: Mapping[str, Any]) -> dict[str, Any]:
    opened = _open(node)
    if opened.get("type") == "string" and not {"pattern", "enum", "const", "format"} & set(opened):
        return opened  # takes any text, a reference too
    outer: dict[str, Any] = {key: opened.pop(key) for key in ("description", "default") if key in opened}
    return {"anyOf": [*opened.pop("anyOf", []), *([opened] if opened else []), {"$ref": "#/$defs/Reference"}], **outer}


def _describe(made: dict[str, Any], defs: dict[str, Any]) -> None:
    """Give the keys the descriptions that stand in the docstrings of the models."""
    for model in _MODELS:
        properties = (made if model is Runbook else defs[model.__name__])["properties"]
        for attribute, text in _attributes(model.__doc__ or ""):
            field = model.model_fields[attribute]
            properties[field.alias or attribute].setdefault("description", text)


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    _, _, section = inspect.cleandoc(docstring).partition(_SECTION)
    for found in re.finditer(r"^ {4}(\w+): (.+(?:\n {8,}.+)*)", section, re.MULTILINE):
        yield found[1], re.sub(r"\s+", " ", found[2])


def _tidy(node: Any) -> Any:
    """Leave out what pydantic adds and no editor needs; a pattern says more than the format that goes with it."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    dropped = {key for key in ("title",) if isinstance(node.get(key), str)}
    dropped |= {"format"} if "pattern" in node and isinstance(node.get("format"), str) else set()
    dropped |= {"default"} if node.get("default", ...) is None else set()
    kept = {key: _tidy(value) for key, value in node.items() if key not in dropped}
    if isinstance(kept.get("description"), str):
        kept["description"] = kept["description"].partition(_SECTION)[0]
    return kept
