"""How a request is answered: checked, carried out, written; every deliberate error becomes a problem document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from chalice import Response
from pydantic import ValidationError

from chalicelib.api import problems
from chalicelib.api.answers import Health
from chalicelib.api.operations import Operation
from chalicelib.api.problems import RequestError
from chalicelib.api.requests import BODY_BYTES, KEY_PATTERN
from chalicelib.api.service import Request, Serves
from chalicelib.errors import LifeboatError

KEY_HEADER = "Idempotency-Key"


def answered(operation: Operation, services: Callable[[], Serves], raw: Any, path: dict[str, str]) -> Response:
    """Carry out one request; a deliberate error becomes its problem, anything else is a fault of ours."""
    where = "body" if operation.method == "POST" else "query"
    try:
        asked = operation.asked.model_validate(_body(raw) if operation.method == "POST" else _query(raw))
        key = _key(raw) if operation.keyed else ""
        named = {name: unquote(value) for name, value in path.items()}
        found = operation.verb(services(), Request(asked, named, key, _caller(raw)))
    except ValidationError as error:
        return problems.of_validation(error, where)
    except LifeboatError as error:
        return problems.of_error(error)
    status = operation.status
    headers: dict[str, str | list[str]] = {"Content-Type": "application/json"}
    if operation.keyed:
        headers["Location"] = f"/runs/{found.run_id}"  # type: ignore[attr-defined]
    if isinstance(found, Health) and found.status == "fail":
        status = int(HTTPStatus.SERVICE_UNAVAILABLE)
    return Response(found.model_dump_json(), status_code=status, headers=headers)


def _body(raw: Any) -> Any:
    """Read the body as JSON; none at all is an empty object.

    Raises:
        RequestError: it is too large, or no JSON object.
    """
    text = raw.raw_body or b""
    if len(text) > BODY_BYTES:
        raise RequestError("request.too_large", f"The body has {len(text)} bytes; at most {BODY_BYTES} are taken.")
    try:
        found = json.loads(text or b"{}", parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate is JSON and no text: nothing can write it
    except (ValueError, RecursionError) as error:
        raise RequestError("request.not_json", f"The body is no JSON: {str(error)[:200]}.") from error
    if not isinstance(found, dict):
        raise RequestError("request.not_json", "The body is JSON, and no object; write {...}.")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _query(raw: Any) -> dict[str, str]:
    """Read the query.

    Raises:
        RequestError: a parameter stands there twice.
    """
    given = raw.query_params
    if given is None:
        return {}
    several = sorted({name for name in given if len(given.getlist(name)) > 1})
    if several:
        raise RequestError("request.invalid", f"The query says {', '.join(several)} more than once.")
    return dict(given)


def _key(raw: Any) -> str:
    """Return the `Idempotency-Key`.

    Raises:
        RequestError: there is none, or it has other characters than it may.
    """
    key = raw.headers.get(KEY_HEADER) or ""
    if not re.fullmatch(KEY_PATTERN, key):
        raise RequestError(
            "request.no_key",
            f"Send the header {KEY_HEADER} with 1 to 128 letters, digits or ._:- of your choice: the same key is the "
            "same run, however often the request is sent.",
        )
    return str(key)


def _caller(raw: Any) -> str:
    identity = (raw.context or {}).get("identity") or {}
    return str(identity.get("userArn") or identity.get("caller") or "somebody")[:200]
