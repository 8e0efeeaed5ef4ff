"""Event patterns exactly as EventBridge reads them.

A field that holds a list matches when one of its elements does. All fields of a pattern must match; of a field's list
of alternatives, one must. A number equals only a number that is written the same way (300 is not 300.0).

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-content-based-filtering.html
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.spelling import did_you_mean

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BOUND = 1e9  # numbers are compared between -10^9 and 10^9 only
_OR = "$or"
_TOP_FIELDS = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
_RANGE_PARTS = (2, 4)  # one comparison, or two

Path = tuple[str | int, ...]
Problem = tuple[Path, str]


def check_pattern(pattern: Any) -> list[Problem]:
    """Return what is wrong with a pattern, each with the keys that lead to it; nothing when it can be used."""
    if not isinstance(pattern, Mapping) or not pattern:
        return [((), "a pattern names at least one field of the event, for example source: [aws.health]")]
    unknown: list[Problem] = [
        ((key,), f"events have no field '{key}'; {did_you_mean(str(key), _TOP_FIELDS)}")
        for key in pattern
        if key not in {*_TOP_FIELDS, _OR}
    ]
    return unknown or _check_fields(pattern, ())


def matches_pattern(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Say whether an event fits a pattern that `check_pattern` accepts."""
    return all(
        any(matches_pattern(branch, event) for branch in wanted)
        if key == _OR
        else _field_matches(wanted, event.get(key, _MISSING))
        for key, wanted in pattern.items()
    )


class _Missing:
    """Stands for a field that the event does not have."""


_MISSING: Any = _Missing()


def _field_matches(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        if isinstance(value, list):
            return any(_field_matches(wanted, item) for item in value)
        # A field that must not exist does not exist either where its parent is missing.
        return matches_pattern(wanted, value if isinstance(value, Mapping) else {})
    if isinstance(value, list):
        return any(_one_matches(option, item) for option in wanted for item in value)
    return any(_one_matches(option, value) for option in wanted)


def _one_matches(option: Any, value: Any) -> bool:
    if isinstance(option, Mapping):
        [(name, argument)] = option.items()
        if name == "exists":
            return argument is (value is not _MISSING and not isinstance(value, Mapping))
        return value is not _MISSING and not isinstance(value, Mapping) and _FILTERS[name](argument, value)
    return type(option) is type(value) and bool(option == value)


def _text_test(name: str, argument: Any, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(argument, Mapping):  # {"prefix": {"equals-ignore-case": "x"}}
        return _TEXT[name](argument["equals-ignore-case"].lower(), value.lower())
    return _TEXT[name](argument, value)


def _wildcard(pattern: str, value: str) -> bool:
    parts = re.split(r"(\\.|\*)", pattern)
    written = "".join(
        ".*" if part == "*" else re.escape(part[1] if part.startswith("\\") and len(part) > 1 else part)
        for part in parts
    )
    return re.fullmatch(written, value, re.DOTALL) is not None


_TEXT: dict[str, Callable[[str, str], bool]] = {
    "prefix": lambda argument, value: value.startswith(argument),
    "suffix": lambda argument, value: value.endswith(argument),
    "equals-ignore-case": lambda argument, value: value.lower() == argument.lower(),
    "wildcard": _wildcard,
}


def _anything_but(argument: Any, value: Any) -> bool:
    if isinstance(argument, Mapping):
        [(name, texts)] = argument.items()
        return not any(_text_test(name, text, value) for text in _listed(texts))
    return not any(_one_matches(option, value) for option in _listed(argument))


def _numeric(argument: Sequence[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _BOUND:
        return False
    pairs = zip(argument[::2], argument[1::2], strict=True)
    return all(_COMPARE[sign](value, bound) for sign, bound in pairs)


def _cidr(argument: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return False


_FILTERS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda argument, value: _text_test("prefix", argument, value),
    "suffix": lambda argument, value: _text_test("suffix", argument, value),
    "equals-ignore-case": lambda argument, value: _text_test("equals-ignore-case", argument, value),
    "wildcard": lambda argument, value: _text_test("wildcard", argument, value),
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_fields(pattern: Mapping[str, Any], path: Path) -> list[Problem]:
    problems: list[Problem] = []
    for key, wanted in pattern.items():
        here = (*path, key)
        if key == _OR:
            problems += _check_or(wanted, here)
        elif isinstance(wanted, Mapping) and wanted:
            problems += _check_fields(wanted, here)
        elif isinstance(wanted, list) and wanted:
            for index, option in enumerate(wanted):
                problems += _check_option(option, (*here, index))
        else:
            problems.append((here, "a field takes a list of what it may be, for example [ALARM, OK]"))
    return problems


def _check_or(branches: Any, path: Path) -> list[Problem]:
    if not isinstance(branches, list) or len(branches) < 2:  # noqa: PLR2004 - a choice is between two
        return [(path, "'$or' takes a list of at least two patterns")]
    return [
        problem
        for index, branch in enumerate(branches)
        for problem in (
            _check_fields(branch, (*path, index))
            if isinstance(branch, Mapping) and branch
            else [((*path, index), "'$or' takes a list of at least two patterns")]
        )
    ]


def _check_option(option: Any, path: Path) -> list[Problem]:
    if isinstance(option, list):
        return [(path, "a list inside the list of alternatives never matches")]
    if not isinstance(option, Mapping):
        return []
    if len(option) != 1:
        return [(path, "a filter has exactly one key, for example {prefix: arn:}")]
    [(name, argument)] = option.items()
    check = _CHECKS.get(name)
    if check is None:
        return [((*path, name), f"there is no filter '{name}'; {did_you_mean(str(name), _CHECKS)}")]
    wrong = check(argument)
    return [((*path, name), wrong)] if wrong else []


def _check_text(argument: Any) -> str:
    return "" if isinstance(argument, str) else "it takes a text"


def _check_affix(argument: Any) -> str:
    if isinstance(argument, Mapping) and set(argument) == {"equals-ignore-case"}:
        return _check_text(argument["equals-ignore-case"])
    return _check_text(argument)


def _check_wildcard(argument: Any) -> str:
    return "it takes a text in which two * never stand side by side" if "**" in str(argument) else _check_text(argument)


def _check_anything_but(argument: Any) -> str:
    if isinstance(argument, Mapping):
        fits = len(argument) == 1 and set(argument) <= set(_TEXT)
        texts = [text for value in argument.values() for text in _listed(value)]
        wanted = "it takes one of prefix, suffix, equals-ignore-case or wildcard, with a text or a list of texts"
        return "" if fits and texts and all(isinstance(text, str) for text in texts) else wanted
    values = _listed(argument)
    same = {type(value) is str for value in values}
    simple = all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in values)
    return "" if values and simple and len(same) == 1 else "it takes a text, a number, or a list of one of the two"


def _check_numeric(argument: Any) -> str:
    wanted = "it takes a comparison or two, for example ['>', 0, '<=', 5]"
    if not isinstance(argument, list) or len(argument) not in _RANGE_PARTS:
        return wanted
    signs, bounds = argument[::2], argument[1::2]
    numbers = all(isinstance(b, int | float) and not isinstance(b, bool) and abs(b) <= _BOUND for b in bounds)
    return "" if numbers and all(sign in _COMPARE for sign in signs) else wanted


def _check_exists(argument: Any) -> str:
    return "" if isinstance(argument, bool) else "it takes true or false"


def _check_cidr(argument: Any) -> str:
    try:
        ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return "it takes a network, for example 10.0.0.0/24"
    return "" if isinstance(argument, str) else "it takes a network, for example 10.0.0.0/24"


_CHECKS: dict[str, Callable[[Any], str]] = {
    "prefix": _check_affix,
    "suffix": _check_affix,
    "equals-ignore-case": _check_text,
    "wildcard": _check_wildcard,
    "anything-but": _check_anything_but,
    "numeric": _check_numeric,
    "exists": _check_exists,
    "cidr": _check_cidr,
}
