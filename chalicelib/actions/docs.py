"""Writes docs/actions.md from the actions themselves, so that it cannot say anything else than the code does."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from chalicelib.actions.base import Action, ActionModel, Check
from chalicelib.actions.registry import ACTIONS
from chalicelib.domain.types import Duration, InstanceId, Region, SnapshotId, VolumeId, format_duration

HEAD = """# Actions

<!-- Generated from chalicelib/actions by `make docs`. Do not edit. -->

What a step of a runbook can do. An action is *planned* (it reads, and decides), *applied* (one call per change) and
*observed* (what AWS shows of it); a check only reads, and judges. Streamed outputs can be used one by one, before the
step has ended.
"""


def render() -> str:
    """Return docs/actions.md as Markdown; the same classes always give the same text."""
    names = sorted(ACTIONS)
    index = "\n".join(f"* [`{name}`](#{_anchor(name)}): {_first_line(ACTIONS[name])}" for name in names)
    sections = [_section(name, ACTIONS[name]) for name in names]
    models = _models(ACTIONS)
    return "\n".join([HEAD, index, "", *sections, "## Models", "", *models]).rstrip() + "\n"


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _first_line(action: Action[Any] | Check[Any]) -> str:
    return (inspect.getdoc(type(action)) or "").splitlines()[0]


def _pattern(kind: Any) -> str:
    return str(TypeAdapter(kind).json_schema()["pattern"])


NAMED = {
    _pattern(Region): "Region",
    _pattern(VolumeId): "volume id",
    _pattern(SnapshotId): "snapshot id",
    _pattern(InstanceId): "instance id",
    _pattern(Duration): "duration",
}


def _section(name: str, action: Action[Any] | Check[Any]) -> str:
    lines = [f"## {name}", "", inspect.getdoc(type(action)) or "", "", "Inputs (`with:`):", ""]
    lines += _table(action.given, frozenset())
    lines += ["", "Outputs (`steps.<id>.<name>`):", ""]
    lines += _table(action.returns, action.streams if isinstance(action, Action) else frozenset())
    lines += ["", *_facts(action), ""]
    return "\n".join(lines)


def _facts(action: Action[Any] | Check[Any]) -> list[str]:
    facts = [
        "* IAM actions: " + (", ".join(f"`{one}`" for one in sorted(action.permissions)) or "none"),
        f"* Calls: {action.calls}",
        f"* Time allowed unless the runbook says otherwise: {format_duration(action.within)}",
    ]
    if isinstance(action, Action):
        facts.append(f"* What changes rely on is read again: {_reviews(action.review_every_s)}")
        facts.append(f"* In a drill: {'carried out at its own place' if action.rehearsable else 'planned only'}")
    return facts


def _reviews(every_s: int | None) -> str:
    if every_s is None:
        return "no"
    return f"every {every_s} s while they wait" if every_s else "immediately before they are made"


def _table(model: type[ActionModel], streams: frozenset[str]) -> list[str]:
    schema = model.model_json_schema()
    needed = set(schema.get("required", ()))
    rows = ["| name | type | default | meaning |", "|---|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        words = field.get("description", "") + (" *Streamed.*" if name in streams else "")
        default = "" if name in needed else f"`{_default(field)}`"
        rows.append(f"| `{name}` | {_type(field)} | {default} | {_cell(words)} |")
    return rows


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "none" if value in (None, [], {}) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        kinds = [_type(one) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    return _plain_type(field)


def _plain_type(field: Mapping[str, Any]) -> str:
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"map of {_type(inner)}" if isinstance(inner, Mapping) else "map"
    pattern = field.get("pattern")
    plain = str(field.get("type", "any")) + (f" `{_cell(pattern)}`" if pattern else "")
    return NAMED.get(str(pattern), plain)


def _models(actions: Mapping[str, Action[Any] | Check[Any]]) -> list[str]:
    """Return a section for each model that inputs and outputs are made of."""
    found: dict[str, Mapping[str, Any]] = {}
    for action in actions.values():
        for model in (action.given, action.returns):
            found |= model.model_json_schema().get("$defs", {})
    lines: list[str] = []
    for name, schema in sorted(found.items()):
        words = schema.get("description", "").partition("\n\nAttributes:")[0]
        lines += [f"### {name}", "", words, ""]
        lines += ["| name | type | meaning |", "|---|---|---|"]
        for field_name, field in schema.get("properties", {}).items():
            lines.append(f"| `{field_name}` | {_type(field)} | {_cell(field.get('description', ''))} |")
        lines.append("")
    return lines
