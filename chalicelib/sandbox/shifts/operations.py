"""The operations of ARC's zonal shift that the sandbox answers, in REST and JSON.

Source: https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_Operations.html. One shift at a time per resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chalicelib.sandbox.ec2.notices import uuid_of
from chalicelib.sandbox.ec2.wire import AwsError
from chalicelib.sandbox.query import page
from chalicelib.sandbox.request import Request, Response
from chalicelib.sandbox.shifts.things import MAX_HOURS, Arc, Managed, Shift
from chalicelib.sandbox.weather.sky import Sky

_EXPIRES = re.compile(r"([1-9][0-9]*)(m|h)")
PAGE_SIZE = 100
Json = dict[str, Any]


class RefusedError(AwsError):
    """A refusal with ARC's reason."""

    def __init__(self, code: str, message: str, status: int, reason: str = "") -> None:
        super().__init__(code, message, status)
        self.reason = reason


@dataclass(frozen=True)
class ArcCall:
    """A request in one Region; `named` is what the path names."""

    sky: Sky
    arc: Arc
    named: str
    request: Request

    def managed(self, resource: str) -> Managed:
        """Return a managed resource, by ARN or name.

        Raises:
            RefusedError: there is none.
        """
        for each in self.arc.managed.values():
            if resource in {each.arn, each.name}:
                return each
        raise RefusedError("ResourceNotFoundException", f"No managed resource '{resource}' was found.", 404)

    def shift(self) -> Shift:
        """Return the shift that the path names, while it is active.

        Raises:
            RefusedError: there is none, or it has ended.
        """
        found = self.arc.shifts.get(self.named)
        if found is None:
            raise RefusedError("ResourceNotFoundException", f"No zonal shift '{self.named}' was found.", 404)
        if found.status(self.sky.now_s) != "ACTIVE":
            raise RefusedError("ConflictException", "The zonal shift is not active.", 409, "ZonalShiftStatusNotActive")
        return found


def start(call: ArcCall) -> Json:
    """Start a shift."""
    given = call.request.json()
    resource = call.managed(str(given.get("resourceIdentifier")))
    if given.get("awayFrom") not in resource.zones:
        raise RefusedError("ValidationException", f"'{given.get('awayFrom')}' is no zone of it.", 400, "InvalidAz")
    other = call.arc.active(resource.arn, call.sky.now_s)
    if other:
        said = f"There is already an active zonal shift '{other.id}' for it."
        raise RefusedError("ConflictException", said, 409, "ZonalShiftAlreadyExists")
    shift = Shift(
        uuid_of("shift", resource.arn, call.sky.next_serial()),
        resource.arn,
        given["awayFrom"],
        call.sky.now_s,
        call.sky.now_s + _seconds(given.get("expiresIn")),
        str(given.get("comment")),
    )
    call.arc.shifts[shift.id] = shift
    return shift_shape(call.sky, shift)


def update(call: ArcCall) -> Json:
    """Let a shift last so long from now, or say something else of it."""
    shift, given = call.shift(), call.request.json()
    if given.get("expiresIn"):
        shift.expires_s = call.sky.now_s + _seconds(given["expiresIn"])
    if given.get("comment"):
        shift.comment = str(given["comment"])
    return shift_shape(call.sky, shift)


def cancel(call: ArcCall) -> Json:
    """End a shift."""
    shift = call.shift()
    shift.cancelled_s = call.sky.now_s
    return shift_shape(call.sky, shift)


def list_shifts(call: ArcCall) -> Json:
    """List shifts."""
    status, resource = call.request.asked("status", ""), call.request.asked("resourceIdentifier", "")
    shifts = [
        {**shift_shape(call.sky, shift), "shiftType": "ZONAL_SHIFT"}
        for shift in call.arc.shifts.values()
        if status in {"", shift.status(call.sky.now_s)} and resource in {"", shift.resource}
    ]
    return _paged(call, shifts)


def list_managed(call: ArcCall) -> Json:
    """List managed resources."""
    shown = [
        {"arn": each.arn, "name": each.name, "availabilityZones": list(each.zones), **_state(call, each)}
        for each in call.arc.managed.values()
    ]
    return _paged(call, shown)


def get_managed(call: ArcCall) -> Json:
    """Show one managed resource."""
    found = call.managed(call.named)
    return {"arn": found.arn, "name": found.name, **_state(call, found)}


def list_autoshifts(call: ArcCall) -> Json:
    """List the shifts that AWS itself made; only those that last are kept."""
    shown = [
        {"awayFrom": zone, "startTime": since_s, "status": "ACTIVE"}
        for zone, since_s in call.arc.autoshifts.items()
        if call.request.asked("status", "ACTIVE") == "ACTIVE"
    ]
    return _paged(call, shown)


def _state(call: ArcCall, managed: Managed) -> Json:
    now_s = call.sky.now_s
    away, shift = call.arc.away_from(managed.arn, now_s), call.arc.active(managed.arn, now_s)
    by_aws = [
        {"appliedStatus": "APPLIED" if managed.autoshift else "NOT_APPLIED", "awayFrom": zone, "startTime": since_s}
        for zone, since_s in call.arc.autoshifts.items()
    ]
    mine = [{**shift_shape(call.sky, shift), "appliedStatus": "APPLIED"}] if shift else []
    for each in mine:
        del each["status"]
    return {
        "appliedWeights": {zone: 0.0 if zone in away else 1.0 for zone in managed.zones},
        "zonalShifts": mine,
        "autoshifts": by_aws,
        "zonalAutoshiftStatus": "ENABLED" if managed.autoshift else "DISABLED",
    }


def shift_shape(sky: Sky, shift: Shift) -> Json:
    """Return a shift as ARC shows it."""
    return {
        "zonalShiftId": shift.id,
        "resourceIdentifier": shift.resource,
        "awayFrom": shift.away_from,
        "expiryTime": shift.expires_s,
        "startTime": shift.began_s,
        "status": shift.status(sky.now_s),
        "comment": shift.comment,
    }


def _seconds(text: Any) -> float:
    found = _EXPIRES.fullmatch(str(text))
    seconds = int(found[1]) * (60 if found[2] == "m" else 3600) if found else 0
    if not 60 <= seconds <= MAX_HOURS * 3600:  # noqa: PLR2004 - seconds of a minute
        raise RefusedError("ValidationException", f"'{text}' is not 1m to {MAX_HOURS}h.", 400, "InvalidExpiresIn")
    return float(seconds)


def _paged(call: ArcCall, things: list[Json]) -> Json:
    size = min(int(call.request.asked("maxResults", str(PAGE_SIZE))), PAGE_SIZE)
    items, token = page(things, call.request.asked("nextToken", ""), size)
    return {"items": items, **({"nextToken": token} if token else {})}


OPERATIONS: dict[tuple[str, str, bool], Callable[[ArcCall], Json]] = {
    ("POST", "zonalshifts", False): start,
    ("GET", "zonalshifts", False): list_shifts,
    ("PATCH", "zonalshifts", True): update,
    ("DELETE", "zonalshifts", True): cancel,
    ("GET", "managedresources", False): list_managed,
    ("GET", "managedresources", True): get_managed,
    ("GET", "autoshifts", False): list_autoshifts,
}


def serve(sky: Sky, arc: Arc, request: Request) -> Response:
    """Answer a request to ARC."""
    _, kind, *rest = request.path.split("/", 2)
    named = unquote(rest[0]) if rest else ""
    operation = OPERATIONS.get((request.method, kind, bool(named)))
    try:
        if operation is None:
            raise RefusedError("UnknownOperationException", f"The sandbox does not play {request.path}.", 404)
        body = operation(ArcCall(sky, arc, named, request))
    except RefusedError as refused:
        said = {"message": refused.message, **({"reason": refused.reason} if refused.reason else {})}
        return _json(refused.status, said, [("x-amzn-ErrorType", refused.code)])
    return _json(201 if operation is start else 200, body, [])


def _json(status: int, body: Json, more: list[tuple[str, str]]) -> Response:
    return Response(status, [("Content-Type", "application/json"), *more], json.dumps(body).encode())
