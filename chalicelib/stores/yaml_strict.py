"""YAML with nothing surprising in it, and the position of everything.

What is read is JSON written as YAML: mappings with text keys, lists, texts, whole numbers, decimals, true, false, null.
Refused, with line and column: duplicate keys, anchors, aliases, merges, tags, several documents, yes/no/on/off, numbers
in any form but the plain one. Dates, and numbers that start with 0 such as an account id, stay text.

Source: https://yaml.org/spec/1.2.2/#103-core-schema, of which this is a part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.error import Mark

MAX_BYTES = 256 * 1024  # a runbook is read by people
MAX_DEPTH = 20

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"^[-+]?(0|[1-9][0-9]{0,17})$")
_FLOAT = re.compile(r"^[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,40}$")
_SURPRISES = (
    (re.compile(r"^(yes|no|on|off)$", re.IGNORECASE), "some YAML readers take it for true or false"),
    (re.compile(r"^[-+]?0[xob][0-9a-f_]+$", re.IGNORECASE), "numbers are written in decimal"),
    (re.compile(r"^[-+]?[0-9][0-9_]*_[0-9_]*$"), "numbers have no underscores"),
    (re.compile(r"^[-+]?[0-9]{1,2}(:[0-5]?[0-9])+(\.[0-9]*)?$"), "some YAML readers take it for a number to base 60"),
    (re.compile(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)e[-+]?[0-9]+$", re.IGNORECASE), "it may be a number or a name"),
    (re.compile(r"^[-+]?\.(inf|nan)$", re.IGNORECASE), "numbers are finite"),
    (re.compile(r"^[-+]?([1-9][0-9]{18,}(\.[0-9]*)?|[0-9]*\.[0-9]{41,})$"), "it has too many digits for a number"),
)

Path = tuple[str | int, ...]
Place = tuple[int, int]  # line and column, both counted from 1


@dataclass(frozen=True)
class Fault:
    """Something that is not allowed, where it stands, and what to do about it."""

    place: Place
    path: Path
    message: str
    hint: str = ""


@dataclass
class Document:
    """What was read.

    Attributes:
        value: Plain Python values; what is at fault is there as text, or None.
        values: Where each value starts, by path.
        keys: Where each mapping key starts, by the path of its value.
        faults: Everything that is not allowed, in order. After a fault of syntax nothing else was read.
    """

    value: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Return where the value at `path` starts, or its key, or the nearest thing around it."""
        exact = True
        while path:
            if path in self.values:
                return self.keys.get(path, self.values[path]) if at_key or not exact else self.values[path]
            path, exact = path[:-1], False
        return self.values.get((), (1, 1))


class _StopReadingError(Exception):
    """The rest of the document cannot be made sense of."""


def read(data: bytes | str) -> Document:
    """Read one document. Never raises: what is wrong is in `faults`."""
    raw = data.encode() if isinstance(data, str) else data
    document = Document()
    if len(raw) > MAX_BYTES:
        document.faults.append(Fault((1, 1), (), f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read"))
        return document
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = (raw.count(b"\n", 0, error.start) + 1, error.start - raw.rfind(b"\n", 0, error.start))
        document.faults.append(Fault(place, (), "the file is not UTF-8 text", "save it as UTF-8"))
        return document
    _parse(text, document)
    document.faults.sort(key=lambda fault: fault.place)
    return document


def _parse(text: str, document: Document) -> None:
    import yaml

    try:
        _Builder(yaml.parse(text, Loader=yaml.SafeLoader), document).document_()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        document.faults.append(Fault(place, (), f"the character U+{error.character:04X} is not allowed", "remove it"))
    except yaml.MarkedYAMLError as error:
        document.faults.append(_syntax(error.problem or "", error.problem_mark, error.context or "", text))
    except _StopReadingError:
        pass


def _syntax(problem: str, mark: Mark | None, context: str, text: str) -> Fault:
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    if "'\\t'" in problem or line[: place[1]].strip(" ") == "\t":
        return Fault(place, (), "a tab stands where spaces are meant", "indent with spaces")
    if "mapping values are not allowed" in problem:
        return Fault(place, (), "a ':' stands inside a value", "put the value in quotes, or start a new line")
    if "'%'" in problem or "'@'" in problem or "'`'" in problem:
        return Fault(place, (), f"not YAML: {problem}", "put the value in quotes")
    said = " ".join(part for part in (context, problem) if part)
    return Fault(place, (), f"not YAML: {said}", _BRACKETS if "flow" in context else "")


_BRACKETS = "look for a bracket that is not closed, or a '${{ }}' that is not in quotes"


class _Builder:
    """Builds values from YAML's events, and notes where they stand."""

    def __init__(self, events: Iterator[Any], document: Document) -> None:
        self.events = events
        self.document = document

    def document_(self) -> None:
        """Read the one document of the stream."""
        import yaml

        next(self.events)  # the stream starts
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            return
        if event.version or event.tags:
            self._fault(event, (), "directives are not allowed", "remove the line that starts with '%'")
        self.document.value = self._value(next(self.events), ())
        next(self.events)  # the document ends
        event = next(self.events)
        if isinstance(event, yaml.DocumentStartEvent):
            self._fault(event, (), "a second document starts here", "one file holds one document; remove '---'")

    def _fault(self, event: Any, path: Path, message: str, hint: str = "") -> None:
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        self.document.faults.append(Fault(place, path, message, hint))

    def _value(self, event: Any, path: Path) -> Any:
        import yaml

        self.document.values[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            self._fault(event, path, f"'*{event.anchor}' is an alias", "write the value out, or put it in quotes")
            return None
        if event.anchor is not None:
            self._fault(event, path, f"'&{event.anchor}' is an anchor", "write values out, or put it in quotes")
        if event.tag is not None:
            self._fault(event, path, f"'{_tag(event.tag)}' is a tag", "remove it; types are known from the key")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= MAX_DEPTH:
            self._fault(event, path, f"this is nested more than {MAX_DEPTH} deep")
            raise _StopReadingError
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _sequence(self, path: Path) -> list[Any]:
        import yaml

        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        import yaml

        made: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            place = (event.start_mark.line + 1, event.start_mark.column + 1)
            if key in made:
                first = self.document.keys[here][0]
                self._fault(event, here, f"'{key}' stands here twice", f"the first is on line {first}; keep one")
                self._value(next(self.events), (*here, "<again>"))
                continue
            self.document.keys[here] = place
            made[key] = self._value(next(self.events), here)
        return made

    def _key(self, event: Any, path: Path) -> str:
        import yaml

        if not isinstance(event, yaml.ScalarEvent):
            self._fault(
                event, path, "a key is a mapping, a list or an alias", "a key is a text; '${{ }}' is put in quotes"
            )
            raise _StopReadingError
        text = str(event.value)
        if event.anchor is not None or event.tag is not None:
            self._fault(event, (*path, text), "a key has an anchor or a tag", "a key is a plain text")
        if event.style is None and text == "<<":
            self._fault(event, (*path, text), "'<<' merges are not allowed", "write the keys out")
        elif event.style is None and text.lower() == "on" and not path:
            self._fault(event, (text,), "'on' is read as true by some YAML readers", "triggers stand under 'when'")
        elif event.style is None and not isinstance(self._plain(event, (*path, text)), str):
            self._fault(event, (*path, text), f"the key {text or 'null'} is not a text", f"put it in quotes: '{text}'")
        return text

    def _scalar(self, event: Any, path: Path) -> Any:
        return self._plain(event, path) if event.style is None else str(event.value)

    def _plain(self, event: Any, path: Path) -> Any:
        text = str(event.value)
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.match(text):
            return int(text)
        if _FLOAT.match(text):
            return float(text)
        for pattern, why in _SURPRISES:
            if pattern.match(text):
                self._fault(event, path, f"{text} is not clear: {why}", f"put it in quotes: '{text}'")
        return text


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
