"""Where calls to Elastic Load Balancing come in."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox import query
from chalicelib.sandbox.ec2.wire import AwsError, fields
from chalicelib.sandbox.elb.operations import ElbCall, perform
from chalicelib.sandbox.elb.things import front
from chalicelib.sandbox.request import Request, Response, Target

SERVICE = "elbv2"  # botocore's name; calls are signed as elasticloadbalancing


def answer(door: Any, request: Request, target: Target, _number: int) -> Response:
    """Answer a call. The control plane is Regional: it works whatever zone is dark."""
    sky = door.sky
    request_id = f"{int(sky.draw('request', sky.next_serial()) * 2**48):012x}"
    call = ElbCall(sky, front(sky, target.region), target.operation, fields(request.body))
    try:
        return query.answer(SERVICE, target.operation, perform(call), request_id)
    except AwsError as refused:
        return query.refusal(SERVICE, refused, request_id)
