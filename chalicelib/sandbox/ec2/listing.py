"""Listings: filters on the server, real pages, late visibility, and an index instead of a scan.

Sources: the Describe* pages of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/ (ids that do not exist fail the
whole request, filters do not; MaxResults 5 to 1000 and not together with ids; at most 200 values per filter).
"""

from __future__ import annotations

import base64
import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.sandbox.ec2 import tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, several
from chalicelib.sandbox.weather.sky import Land

Getter = Callable[[Any], "Iterable[str]"]
FILTER_VALUES = 200
PAGE_SIZES = range(5, 1001)


@dataclass(frozen=True)
class Kind:
    """What can be listed: where it is kept, how it is named, filtered and found quickly."""

    prefix: str
    id_field: str
    store: Callable[[Land], dict[str, Any]]
    missing: Callable[[str], AwsError]
    malformed: str
    getters: dict[str, Getter]
    shortcuts: dict[str, Callable[[Land, list[str]], Iterable[Any]]]


@dataclass(frozen=True)
class Page:
    """One page of a listing, and the token of the next."""

    things: list[Any]
    token: str | None


def listed(call: Ec2Call, kind: Kind) -> Page:
    """Return the page that a Describe call asks for, oldest things first.

    Raises:
        AwsError: an id does not exist or is not visible yet, a filter is unknown, or the paging is wrong.
    """
    filters = _filters(call, kind)
    ids = [str(value) for value in several(call.form.get(kind.id_field))]
    size, after = _paging(call, ids, kind)
    things = _named(call, kind, ids) if ids else _candidates(call, kind, filters)
    if after:
        things = [thing for thing in things if thing.serial > after]
    matching = (thing for thing in things if _matches(call, kind, thing, filters))
    shown = _seen(call, matching, None if ids else size + 1)
    if ids or len(shown) <= size:
        return Page(shown, None)
    return Page(shown[:size], _token(kind, shown[size - 1].serial))


def _seen(call: Ec2Call, matching: Iterable[Any], enough: int | None) -> list[Any]:
    shown: list[Any] = []
    hid = False
    for thing in matching:
        if not call.witness and thing.visible_at_s > call.sky.now_s:
            hid = True
            continue
        shown.append(thing)
        if len(shown) == enough:
            break
    if hid:
        call.sky.books.fault("late_listing")
    return shown


def _named(call: Ec2Call, kind: Kind, ids: list[str]) -> list[Any]:
    store, found = kind.store(call.land), {}
    for thing_id in ids:
        if not re.fullmatch(kind.prefix + "-[0-9a-f]{8}([0-9a-f]{9})?", thing_id):
            raise AwsError(kind.malformed, f'Invalid id: "{thing_id}" (expecting "{kind.prefix}-...")')
        thing = store.get(thing_id)
        if thing is not None and not call.witness and thing.visible_at_s > call.sky.now_s:
            call.sky.books.fault("late_listing")
            thing = None
        if thing is None:
            raise kind.missing(thing_id)
        found[thing_id] = thing
    return sorted(found.values(), key=lambda thing: thing.serial)


def _candidates(call: Ec2Call, kind: Kind, filters: dict[str, list[str]]) -> Iterable[Any]:
    """Return few things among which all matches are: from the first filter that has an index, else all."""
    store = kind.store(call.land)
    for name, values in filters.items():
        if any("*" in value or "?" in value for value in values):
            continue
        found: Iterable[Any] | None = None
        if name.startswith("tag:"):
            found = [store[i] for i in tags.having(call.land, name[4:], values) if i in store]
        elif name in kind.shortcuts:
            found = kind.shortcuts[name](call.land, values)
        if found is not None:
            return sorted({thing.id: thing for thing in found}.values(), key=lambda thing: thing.serial)
    return list(store.values())


def _matches(call: Ec2Call, kind: Kind, thing: Any, filters: dict[str, list[str]]) -> bool:
    own: dict[str, str] | None = None
    for name, patterns in filters.items():
        if name.startswith("tag"):
            if own is None:
                own = tags.visible(call.land, thing.id, witness=call.witness)
            values: Iterable[str] = _tag_values(name, own)
        else:
            values = kind.getters[name](thing)
        if not _any_like(values, patterns):
            return False
    return True


def _tag_values(name: str, own: dict[str, str]) -> Iterable[str]:
    if name.startswith("tag:"):
        return [own[name[4:]]] if name[4:] in own else []
    return own.keys() if name == "tag-key" else own.values()


def _any_like(values: Iterable[str], patterns: list[str]) -> bool:
    return any(
        value == pattern or (("*" in pattern or "?" in pattern) and fnmatch.fnmatchcase(value, pattern))
        for value in values
        for pattern in patterns
    )


def _filters(call: Ec2Call, kind: Kind) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for node in several(call.form.get("Filter")):
        name, values = str(node.get("Name", "null")), [str(v) for v in several(node.get("Value"))]
        if not (name.startswith("tag:") or name in {"tag-key", "tag-value"} or name in kind.getters):
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if len(values) > FILTER_VALUES:
            raise AwsError("FilterLimitExceeded", f"The maximum number of filter values is {FILTER_VALUES}.")
        wanted[name] = values
    return wanted


def _paging(call: Ec2Call, ids: list[str], kind: Kind) -> tuple[int, int]:
    size = call.number_of("MaxResults")
    if size is not None and ids:
        raise AwsError(
            "InvalidParameterCombination", f"The parameter {kind.id_field} cannot be used with the parameter maxResults"
        )
    if size is not None and size not in PAGE_SIZES:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({size}) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )
    token = call.text("NextToken")
    return min(size or PAGE_SIZES[-1], call.sky.settings.page_size), _serial(kind, token) if token else 0


def _token(kind: Kind, serial: int) -> str:
    return base64.urlsafe_b64encode(f"{kind.prefix}:{serial}".encode()).decode()


def _serial(kind: Kind, token: str) -> int:
    try:
        prefix, serial = base64.urlsafe_b64decode(token).decode().split(":")
        if prefix == kind.prefix:
            return int(serial)
    except ValueError:
        pass
    raise AwsError("InvalidNextToken", "The token is not valid for this request.")
