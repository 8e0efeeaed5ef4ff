"""Tokens that say where the next page begins: opaque to callers, and refused when they are not ours."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from chalicelib.api.problems import RequestError

MOST = 1_000_000  # more than any place's number


def token(place: Any) -> str:
    """Write a place as a token."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def place(text: str | None, kinds: tuple[type, ...]) -> list[Any] | None:
    """Read a token as a list of values of these types; None when there is none.

    Raises:
        RequestError: `request.bad_next`, it is not one of ours.
    """
    if text is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, list) or [type(one) for one in found] != list(kinds) or not _possible(found):
        raise bad_next()
    return found


def _possible(place: list[Any]) -> bool:
    """Return False for what AWS and DynamoDB cannot be asked: no such place was ever handed out."""
    return all(0 <= one < MOST if isinstance(one, int) else one.isprintable() for one in place)


def bad_next() -> RequestError:
    """Return the error of a token that is none of ours."""
    return RequestError("request.bad_next", "`next` is not what an answer gave; leave it out to begin anew.")
