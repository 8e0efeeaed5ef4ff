"""Errors as RFC 9457 problem documents: which status each code has, and how it is written."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from chalice import Response
from pydantic import ValidationError

from chalicelib.api.answers import Problem
from chalicelib.errors import (
    ActionError,
    ErrorKind,
    InputError,
    LifeboatError,
    RefusedError,
    StoreError,
    SupersededError,
)

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[str, HTTPStatus] = {
    "runbook.unknown": HTTPStatus.NOT_FOUND,
    "run.unknown": HTTPStatus.NOT_FOUND,
    "runbook.no_step": HTTPStatus.NOT_FOUND,
    "request.too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "run.key_reused": HTTPStatus.CONFLICT,
    "run.held": HTTPStatus.CONFLICT,
    "run.not_continuable": HTTPStatus.CONFLICT,
    "run.left_to_person": HTTPStatus.CONFLICT,
    "runbook.invalid": HTTPStatus.CONFLICT,
}


class RequestError(InputError):
    """A request that breaks the API's own rules."""


def status_of(error: LifeboatError) -> HTTPStatus:
    """Return the HTTP status of an error: what the caller must change is 4xx, what passes by itself is 503."""
    if error.code in STATUSES:
        return STATUSES[error.code]
    if isinstance(error, SupersededError | RefusedError):
        return HTTPStatus.CONFLICT
    if isinstance(error, InputError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, StoreError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, ActionError) and error.kind is ErrorKind.TERMINAL:
        return HTTPStatus.BAD_GATEWAY
    return HTTPStatus.SERVICE_UNAVAILABLE


def of_error(error: LifeboatError) -> Response:
    """Return the problem of a deliberate error."""
    details = {name: str(value) for name, value in error.details.items()}
    return response(status_of(error), error.code, error.message, details)


def of_validation(error: ValidationError, where: str) -> Response:
    """Return the problem of a body or query that does not fit, naming every field that is wrong."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    named = [(".".join(map(str, each["loc"])) or where, each["msg"].removeprefix("Value error, ")) for each in wrong]
    said = "; ".join(f"{name}: {message}" for name, message in named[:10])
    return response(HTTPStatus.BAD_REQUEST, "request.invalid", f"The {where} does not fit: {said}.")


def response(status: HTTPStatus, code: str, detail: str, details: dict[str, Any] | None = None) -> Response:
    """Write a problem."""
    problem = Problem(
        type=f"urn:lifeboat:{code}",
        title=status.phrase,
        status=int(status),
        detail=detail,
        code=code,
        details=details or {},
    )
    return Response(problem.model_dump_json(), status_code=int(status), headers={"Content-Type": MEDIA_TYPE})


def from_framework(answer: Response) -> Response:
    """Turn what the web framework itself refuses (method, media type, a fault of ours) into a problem."""
    if answer.status_code < HTTPStatus.BAD_REQUEST or "Content-Type" in answer.headers:
        return answer
    status, body = HTTPStatus(answer.status_code), answer.body
    said = body.get("Message", "") if isinstance(body, dict) else str(body)
    code = {405: "request.method", 415: "request.media_type"}.get(status, "request.failed")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        said = "Something went wrong inside Lifeboat; the logs of the API's function say what. It is safe to try again."
    made = response(status, code, said or status.phrase)
    made.headers |= {name: value for name, value in answer.headers.items() if name == "Allow"}
    return made
