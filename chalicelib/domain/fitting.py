"""Whether a value of one type can stand where another is wanted. Types are JSON Schemas, made from the models.

"Can" means: at least one value of the source is a value of the target, so that what is refused here could never work.
A known form (a Region, an id) is tried with an example of it; a text of unknown form can be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

from chalicelib.domain.types import REGION_PATTERN

DURATION_PATTERN = r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"
# Form, what people call it, an example of it.
FORMS: dict[str, tuple[str, str]] = {
    REGION_PATTERN: ("Region", "us-west-2"),
    r"^vol-[0-9a-f]{8,17}$": ("volume id", "vol-0123456789abcdef0"),
    r"^snap-[0-9a-f]{8,17}$": ("snapshot id", "snap-0123456789abcdef0"),
    r"^i-[0-9a-f]{8,17}$": ("instance id", "i-0123456789abcdef0"),
    r"^\d{12}$": ("account id", "012345670123"),
    DURATION_PATTERN: ("duration", "1h30m"),
}
_EXAMPLE_TIME = "2030-01-31T03:00:00Z"
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "null": "nothing",
}
_DEEPEST = 8  # types may contain themselves


@dataclass(frozen=True)
class Shape:
    """A JSON Schema and the definitions that it refers to."""

    schema: Mapping[str, Any]
    defs: Mapping[str, Any] = field(default_factory=dict)

    def options(self) -> Iterator[Shape]:
        """Yield the alternatives of which this is made, references followed; itself when there is but one."""
        schema = self.schema
        if "$ref" in schema:
            yield from self.to(self.defs[str(schema["$ref"]).rsplit("/", 1)[-1]]).options()
            return
        alternatives = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if alternatives:
            for alternative in alternatives:
                yield from self.to(alternative).options()
        else:
            yield self

    def to(self, schema: Any) -> Shape:
        """Return a part of this schema; `true` and a missing part stand for anything."""
        return Shape(schema if isinstance(schema, Mapping) else {}, self.defs)

    def at(self, path: tuple[str | int, ...]) -> list[Shape]:
        """Return what may stand at a path inside a value of this type; nothing when no such path is possible."""
        found = list(self.options())
        for part in path:
            found = [option for shape in found for inner in shape.inside(part) for option in inner.options()]
        return found

    def inside(self, part: str | int) -> Iterator[Shape]:
        """Yield the type of one key or of the items."""
        schema = self.schema
        if isinstance(part, int):
            if "items" in schema:
                yield self.to(schema["items"])
        elif part in schema.get("properties", {}):
            yield self.to(schema["properties"][part])
        elif isinstance(schema.get("additionalProperties"), Mapping):
            yield self.to(schema["additionalProperties"])

    def fixed_keys(self) -> set[str]:
        """Return the keys that a mapping of this type may have, where they are fixed."""
        return {key for option in self.options() for key in option.schema.get("properties", {})}

    def kinds(self) -> set[str]:
        """Return JSON's names of the types that this allows; empty when it allows anything."""
        kinds: set[str] = set()
        for option in self.options():
            kind = _kind(option.schema)
            if kind is None:
                return set()
            kinds.add(kind)
        return kinds

    def words(self) -> str:
        """Say in words what this is."""
        said = dict.fromkeys(_words(option) for option in self.options() if _kind(option.schema) != "null")
        return " or ".join(said) or "nothing"


def one_of(options: Iterable[Shape]) -> str:
    """Say with its article what one of several types is wanted; empty when there are none."""
    words = " or ".join(dict.fromkeys(option.words() for option in options))
    return with_article(words) if words else ""


def with_article(words: str) -> str:
    """Write `a` or `an` before words, or nothing where they take none."""
    if words.startswith(("anything", "nothing", "true or false")):
        return words
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


@lru_cache(maxsize=256)
def shape_of(model: type[BaseModel], mode: Literal["validation", "serialization"] = "validation") -> Shape:
    """Return the type of a model: what it takes (`validation`) or what it gives (`serialization`)."""
    schema = model.model_json_schema(mode=mode)
    return Shape(schema, schema.get("$defs", {}))


def can_fit(source: Shape, target: Shape, depth: int = 0) -> bool:
    """Say whether a value of `source` can be one of `target`. Null is left out: it is no value to hope for."""
    if depth > _DEEPEST:
        return True
    given = [option for option in source.options() if _kind(option.schema) != "null"]
    return any(_fits(one, wanted, depth) for one in given for wanted in target.options())


def _fits(source: Shape, target: Shape, depth: int) -> bool:
    have, want = _kind(source.schema), _kind(target.schema)
    if have is None or want is None:
        return True
    if have != want:
        return (have, want) == ("integer", "number")
    if have == "string":
        return _text_fits(source.schema, target.schema)
    if have == "array":
        return can_fit(source.to(source.schema.get("items")), target.to(target.schema.get("items")), depth + 1)
    return have != "object" or _mapping_fits(source, target, depth)


def _text_fits(source: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
    examples = _examples(source)
    return examples is None or any(_accepts(target, example) for example in examples)


def _examples(schema: Mapping[str, Any]) -> list[str] | None:
    """Return texts that stand for all of this type; None when it can be any text."""
    if "enum" in schema or "const" in schema:
        return [str(value) for value in schema.get("enum", [schema.get("const")])]
    if schema.get("pattern") in FORMS:
        return [FORMS[schema["pattern"]][1]]
    return [_EXAMPLE_TIME] if schema.get("format") == "date-time" else None


def _accepts(schema: Mapping[str, Any], text: str) -> bool:
    if "enum" in schema or "const" in schema:
        return text in (_examples(schema) or [])
    if "pattern" in schema:
        return re.search(schema["pattern"], text) is not None
    return schema.get("format") != "date-time" or _is_time(text)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _mapping_fits(source: Shape, target: Shape, depth: int) -> bool:
    have, want = source.schema.get("properties"), target.schema.get("properties")
    if have is None or want is None:
        return True
    if not set(target.schema.get("required", ())) <= set(have):
        return False
    if target.schema.get("additionalProperties") is False and not set(have) <= set(want):
        return False
    return all(can_fit(source.to(have[key]), target.to(want[key]), depth + 1) for key in set(have) & set(want))


def _kind(schema: Mapping[str, Any]) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return "string" if values and all(isinstance(value, str) for value in values) else None


def _words(option: Shape) -> str:
    schema = option.schema
    if "enum" in schema or "const" in schema:
        return "|".join(_examples(schema) or [])
    if schema.get("pattern") in FORMS:
        return FORMS[schema["pattern"]][0]
    kind = _kind(schema)
    if kind == "array":
        return _list_words(option.to(schema.get("items")))
    if schema.get("format") == "date-time":
        return "time"
    if kind == "object" and "properties" in schema and "title" in schema:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(schema["title"])).lower()
    return _WORDS[kind] if kind else "anything"


def _list_words(items: Shape) -> str:
    if not items.kinds() or "boolean" in items.kinds():
        return "list"
    return "list of " + " or ".join(f"{word}s" for word in items.words().split(" or "))
