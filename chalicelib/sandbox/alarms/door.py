"""Where calls to CloudWatch come in."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.alarms.operations import serve
from chalicelib.sandbox.alarms.things import watch
from chalicelib.sandbox.request import Request, Response, Target


def answer(door: Any, request: Request, target: Target, _number: int) -> Response | None:
    """Answer a call, or leave it to moto."""
    return serve(door.sky, watch(door.sky, target.region), request)
