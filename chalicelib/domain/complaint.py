"""What is wrong with a runbook, in words: pydantic's errors, translated for the people who write runbooks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from chalicelib.domain.fitting import FORMS, Shape, one_of
from chalicelib.domain.spelling import did_you_mean, nearest

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a runbook.

    Attributes:
        path: Keys and indexes that lead to it, from the top of the runbook.
        message: What is wrong.
        hint: What would be right; may be empty.
        at_key: True when the key itself is wrong, rather than what stands under it.
    """

    path: Path
    message: str
    hint: str = ""
    at_key: bool = False

    @property
    def key(self) -> str:
        """The path as people write it: `steps[0].with.select`."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.lstrip(".")


def problems_of(error: ValidationError, data: Any, shape: Shape, base: Path = ()) -> list[Problem]:
    """Translate what pydantic says of `data`, a problem per place.

    Args:
        error: What pydantic raised.
        data: What it was given.
        shape: The type that it was meant to have, for the names of its keys.
        base: The path of `data` in the runbook.
    """
    found: dict[Path, Problem] = {}
    for one in error.errors(include_url=False):
        problem = _problem(one, data, shape, base)
        earlier = found.get(problem.path)
        found[problem.path] = problem if earlier is None else _joined(earlier, problem)
    meant = {(*p.path[:-1], _meant(p)) for p in found.values()}
    # A list with a wrong item counts as too short for pydantic, and a misspelled key as missing: both are one problem.
    return [p for p in found.values() if p.path not in meant and not _inside(p.path, found)]


def shown(value: Any) -> str:
    """Write a value the way a runbook would, cut to a length that one can read."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:56] + " ..."  # noqa: PLR2004 - about half a line


def _inside(path: Path, found: Mapping[Path, Problem]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in found)


def _meant(problem: Problem) -> str:
    """Return the key that an unknown key was probably meant to be; empty when it is not about that."""
    found = re.fullmatch(r"did you mean '(.+)'\?", problem.hint) if problem.at_key else None
    return found[1] if found else ""


def _joined(one: Problem, other: Problem) -> Problem:
    """Join what the members of a union say of one value."""
    start, _, rest = other.message.partition(" is not ")
    if other.message in one.message:
        message = one.message
    elif rest.startswith("a ") and one.message.startswith(f"{start} is not a "):
        message = f"{one.message.replace(' is not a ', ' is neither a ', 1)} nor {rest}"
    else:
        message = f"{one.message}, and {other.message}"
    hint = one.hint if other.hint in one.hint else f"{one.hint} or {other.hint}" if one.hint else other.hint
    return Problem(one.path, message, hint, one.at_key)


def _problem(error: Any, data: Any, shape: Shape, base: Path) -> Problem:
    kind, loc = str(error["type"]), tuple(error["loc"])
    path = _path(loc, data, missing=kind == "missing")
    if "[key]" in loc:
        message, hint = f"'{path[-1]}' cannot be a name", "use a-z, 0-9 and _, and start with a letter"
        return Problem((*base, *path), message, hint, at_key=True)
    if kind == "extra_forbidden":
        left = _keys_left(shape.at(path[:-1]), set(_at(data, path[:-1])))
        return Problem(
            (*base, *path), f"there is no key '{path[-1]}' here", did_you_mean(str(path[-1]), left), at_key=True
        )
    if kind == "missing":
        wanted = one_of(shape.at(path))
        return Problem((*base, *path), f"'{path[-1]}' is missing", f"it takes {wanted}" if wanted else "", at_key=True)
    message, hint = _SAID.get(kind, _as_is)(error)
    return Problem((*base, *path), message, hint)


def _keys_left(options: list[Shape], there: set[str]) -> set[str]:
    """Return the keys that may still be added, to the member of the union that what is there fits best."""
    complete = [option for option in options if set(option.schema.get("required", ())) <= there]
    return {key for option in complete or options for key in option.fixed_keys()} - there


def _path(loc: tuple[Any, ...], data: Any, *, missing: bool) -> Path:
    """Leave out of pydantic's path what names the member of a union and is no key or index of the data."""
    path: list[str | int] = []
    here = data
    for at, part in enumerate(loc):
        if _has(here, part):
            here = here[part]
        elif not (missing and at == len(loc) - 1):
            continue
        path.append(part)
    return tuple(path)


def _has(here: Any, part: str | int) -> bool:
    if isinstance(here, Mapping):
        return part in here
    return isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _as_is(error: Any) -> tuple[str, str]:
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message, _, hint = message.partition("; ")
    return message[:1].lower() + message[1:], hint


def _not(what: str, hint: str) -> Callable[[Any], tuple[str, str]]:
    return lambda error: (f"{shown(error['input'])} is not {what}", hint)


def _text(error: Any) -> tuple[str, str]:
    value = error["input"]
    simple = value is not None and not isinstance(value, Mapping | list | tuple)
    return f"{shown(value)} is not a text", "put it in quotes" if simple else "write a text"


def _pattern(error: Any) -> tuple[str, str]:
    name, example = FORMS.get(error["ctx"]["pattern"], ("", ""))
    if name:
        return f"{shown(error['input'])} is not a {name}", f"write for example {example}"
    return f"{shown(error['input'])} is not written as it must be", _spelled(error["ctx"]["pattern"])


def _spelled(pattern: str) -> str:
    words = {"-": "words of a-z and 0-9 joined by '-'", "[_-]": "words of a-z and 0-9 joined by '_' or '-'"}
    joined = re.search(r"\(?\[?(\[_-\]|-)\[a-z0-9\]", pattern)
    return f"{words[joined[1]]}, starting with a letter" if joined else f"it must match {pattern}"


def _literal(error: Any) -> tuple[str, str]:
    known = re.findall(r"'([^']*)'|(\d+)", str(error["ctx"]["expected"]))
    options = [text or number for text, number in known]
    if str(error["input"]) in options:
        return f"{shown(error['input'])} is a text here", "write it without quotes"
    return f"{shown(error['input'])} is not possible here", did_you_mean(str(error["input"]), options)


def _short(error: Any) -> tuple[str, str]:
    return (
        f"at least {error['ctx']['min_length']} must be here",
        "write one",
    )


def _long(error: Any) -> tuple[str, str]:
    return f"{shown(error['input'])} is too long", f"at most {error['ctx']['max_length']} characters"


def _trigger(error: Any) -> tuple[str, str]:
    kinds = ("schedule", "alarm", "event")
    given = error["input"] if isinstance(error["input"], Mapping) else {}
    meant = [f"did you mean '{found}'?" for key in given if (found := nearest(str(key), kinds)) and found != key]
    return "a trigger has exactly one of the keys schedule, alarm and event", " ".join(meant)


def _bounds(error: Any) -> tuple[str, str]:
    return f"{shown(error['input'])} is out of bounds", str(error["msg"]).replace("Input should be", "it must be")


_LIST = _not("a list", "write [a, b], or a '-' line for each")
_MAPPING = _not("a mapping", "write keys and values")
_NUMBER = _not("a whole number", "write for example 5")

_SAID: dict[str, Callable[[Any], tuple[str, str]]] = {
    "string_type": _text,
    "string_pattern_mismatch": _pattern,
    "literal_error": _literal,
    "trigger": _trigger,
    "too_short": _short,
    "string_too_short": lambda _: ("this is empty", "write something"),
    "string_too_long": _long,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_from_float": _NUMBER,
    "bool_type": _not("true or false", "write true or false"),
    "bool_parsing": _not("true or false", "write true or false"),
    "greater_than_equal": _bounds,
    "less_than_equal": _bounds,
    "greater_than": _bounds,
    "less_than": _bounds,
}
