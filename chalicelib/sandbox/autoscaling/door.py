"""Where calls to Auto Scaling come in."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox import query
from chalicelib.sandbox.autoscaling.call import ScalingCall
from chalicelib.sandbox.autoscaling.operations import perform
from chalicelib.sandbox.autoscaling.things import land
from chalicelib.sandbox.ec2.wire import AwsError, fields
from chalicelib.sandbox.request import Request, Response, Target


def answer(door: Any, request: Request, target: Target, number: int) -> Response:
    """Answer a call. The control plane is Regional: only what acts on an instance in a dark zone hangs or fails."""
    sky = door.sky
    request_id = f"{int(sky.draw('request', sky.next_serial()) * 2**48):012x}"
    call = ScalingCall(sky, land(target.region), target.operation, fields(request.body), witness=number == 0)
    try:
        return query.answer("autoscaling", target.operation, perform(call), request_id)
    except AwsError as refused:
        return query.refusal("autoscaling", refused, request_id)
