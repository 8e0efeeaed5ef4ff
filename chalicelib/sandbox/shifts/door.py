"""Where calls to ARC's zonal shift come in."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.request import Request, Response, Target
from chalicelib.sandbox.shifts.operations import serve
from chalicelib.sandbox.shifts.things import arc


def answer(door: Any, request: Request, target: Target, _number: int) -> Response:
    """Answer a call. It is data plane: it works whatever zone is dark."""
    return serve(door.sky, arc(door.sky, target.region), request)
