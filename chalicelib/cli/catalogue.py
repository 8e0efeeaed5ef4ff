"""Writes `docs/actions.md`: what a step can do, as the code declares it."""

from __future__ import annotations

import inspect
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args, get_origin

from chalicelib.domain.types import format_duration

HEAD = """# What a step can do

Made by `make docs` from the code; do not edit. A step names one of these under `uses:`, and gives it what stands in its
first table under `with:`. What it returns is read by later steps as `${{ steps.<id>.<field> }}`; of a *streamed* field
each item may be used as soon as it is there.
"""
WORDS: dict[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    dict: "mapping",
    Any: "anything",
    timedelta: "duration",
    datetime: "time",
}
LISTS = (list, tuple, frozenset, set)
SECTIONS = ("Args:", "Raises:", "Returns:", "Attributes:", "Class attributes:")


def actions_page() -> str:
    """Return the page, actions in the order of their names."""
    from chalicelib.actions.registry import ACTIONS

    names = sorted(ACTIONS)
    index = "\n".join(f"- [`{name}`](#{name.replace('.', '')}): {_first_line(ACTIONS[name])}" for name in names)
    return "\n".join([HEAD, index, "", *(_entry(ACTIONS[name]) for name in names)]).rstrip() + "\n"


def _entry(action: Any) -> str:
    streams = frozenset(getattr(action, "streams", ()))
    lines = [f"## {action.name}", "", _prose(action), "", "It is given:", "", *_table(action.given), ""]
    for name, model in _parts(action.given).items():
        many = "list" in type_text(action.given.model_fields[name].annotation)
        lines += [f"An item of `{name}`:" if many else f"`{name}` is a mapping:", "", *_table(model), ""]
    lines += ["It returns:", "", *_table(action.returns, streams, outputs=True), ""]
    for name, model in _parts(action.returns).items():
        lines += [f"An item of `{name}`:" if name in streams else f"`{name}`:", "", *_table(model, outputs=True), ""]
    lines.append(f"- Takes at most {format_duration(action.within)}, unless the step says `within:`.")
    if getattr(action, "lease", None):
        lines.append(f"- Only one run at a time may do this to a resource (lease `{action.lease}`).")
    if action.calls:
        lines.append(f"- AWS calls. {action.calls}")
    if action.permissions:
        lines.append(f"- IAM actions: {', '.join(f'`{each}`' for each in action.permissions)}.")
    return "\n".join([*lines, ""])


def _parts(model: Any) -> dict[str, Any]:
    """Return the fields of a model that are models themselves, or lists of models, by name."""
    found = {name: _model_in(field.annotation) for name, field in model.model_fields.items()}
    return {name: part for name, part in found.items() if part is not None}


def _model_in(annotation: Any) -> Any:
    if hasattr(annotation, "model_fields"):
        return annotation
    inner = (_model_in(each) for each in get_args(annotation))
    return next((each for each in inner if each is not None), None)


def _prose(action: Any) -> str:
    """Return the docstring without its technical sections."""
    kept: list[str] = []
    for line in (inspect.getdoc(type(action)) or "").splitlines():
        if line.strip() in SECTIONS:
            break
        kept.append(line)
    return "\n".join(kept).strip()


def _first_line(action: Any) -> str:
    return (_prose(action).splitlines() or [""])[0]


def _table(model: Any, streams: frozenset[str] = frozenset(), *, outputs: bool = False) -> list[str]:
    if not model.model_fields:
        return ["Nothing."]
    head = ("| field | type | |", "|---|---|---|") if outputs else ("| key | type | default | |", "|---|---|---|---|")
    return [*head, *(_row(name, field, name in streams, outputs) for name, field in model.model_fields.items())]


def _row(name: str, field: Any, streamed: bool, outputs: bool) -> str:
    kind = type_text(field.annotation) + (" (streamed)" if streamed else "")
    default = "required" if field.is_required() else f"`{_default_text(field)}`"
    cells = [f"`{field.alias or name}`", kind.replace("|", "\\|")]
    if not outputs:
        cells.append("" if default in {"`None`", "`''`"} else default)
    return f"| {' | '.join([*cells, (field.description or '').replace('|', chr(92) + '|')])} |"


def _default_text(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return format_duration(value) if hasattr(value, "total_seconds") else str(value)


def type_text(annotation: Any) -> str:
    """Write a type as a reader of runbooks would call it: `text`, `list of text`, `instance or volume`."""
    if annotation in WORDS:
        return WORDS[annotation]
    args, origin = get_args(annotation), get_origin(annotation)
    if origin is Annotated:
        return type_text(args[0])
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in args)
    if origin in LISTS:
        return f"list of {type_text(args[0])}"
    if args and origin is not dict:
        return " or ".join(dict.fromkeys(type_text(each) for each in args if each is not type(None)))
    return "mapping" if origin is dict or hasattr(annotation, "model_fields") else str(annotation.__name__)
