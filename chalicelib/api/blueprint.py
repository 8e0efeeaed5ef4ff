"""The API's routes under the Chalice app. Loads nothing heavy: what answers is loaded by the first request.

API Gateway authorizes every route with IAM (SigV4) before anything here runs:
https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from chalice import Blueprint, IAMAuthorizer, Response

from chalicelib.api.routes import ROUTES

_being_answered: ContextVar[Any] = ContextVar("request")


def blueprint(services: Callable[[], Any], *, signed: bool = True) -> Blueprint:
    """Return all routes.

    Args:
        services: The joined service, looked up at each request.
        signed: False only where nobody but this machine can reach it, over an AWS that is not there.
    """
    routes = Blueprint(__name__)
    for name, (method, path) in ROUTES.items():
        view, authorizer = _view(name, services), IAMAuthorizer() if signed else None
        routes.route(path, methods=[method], name=name, authorizer=authorizer)(view)
    return routes


def as_problems(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Chalice middleware: what the framework itself refuses becomes a problem document too."""
    _being_answered.set(event)  # the app's own `current_request` is one for all threads
    response = get_response(event)
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return response
    from chalicelib.api.problems import from_framework

    return from_framework(response)


def _view(name: str, services: Callable[[], Any]) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        from chalicelib.api.answering import answered
        from chalicelib.api.operations import BY_NAME

        return answered(BY_NAME[name], services, _being_answered.get(), path)

    view.__name__ = name
    return view
