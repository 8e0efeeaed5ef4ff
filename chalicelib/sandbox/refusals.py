"""Calls that are turned away at the door: writes refused, token buckets empty, throttled by the dice."""

from __future__ import annotations

import json
import re

from chalicelib.sandbox import query
from chalicelib.sandbox.ec2.wire import AwsError, refusal
from chalicelib.sandbox.rds.wire import refusal as rds_refusal
from chalicelib.sandbox.request import Request, Response, Target
from chalicelib.sandbox.weather.sky import Sky

GUARDED = {"autoscaling", "ec2", "kms", "rds", "sns"}
QUERY = {"autoscaling", "rds"}  # these write refusals alike
FAULTY = {"arc-zonal-shift", "autoscaling", "ec2", "elasticloadbalancing", "rds"}  # throttling and lost answers
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_TYPE = re.compile(rb'"__type"\s*:\s*"(?:[^"]*#)?([^"]+)"')


def refuse(sky: Sky, request: Request, target: Target, number: int) -> Response | None:
    """Return the refusal that a call meets, or None when it may pass."""
    if sky.settings.refuse_writes and target.service in GUARDED and not target.reads:
        sky.books.fault("write_refused")
        return _not_allowed(target)
    if target.service not in FAULTY or not sky.weather:
        return None
    return _by_bucket(sky, request, target) or _by_dice(sky, target, number)


def _by_bucket(sky: Sky, request: Request, target: Target) -> Response | None:
    if target.service != "ec2":
        return None
    paged = b"MaxResults=" in request.body or b"Filter.1" in request.body or b"Id.1=" in request.body
    if not sky.buckets.take(
        sky.settings.buckets, target.region, target.operation, sky.now_s, read=target.reads, paged=paged
    ):
        sky.books.fault("bucket_empty")
        return _throttled(target)
    return None


def _by_dice(sky: Sky, target: Target, number: int) -> Response | None:
    share = sky.settings.throttle_reads_share if target.reads else sky.settings.throttle_share
    if sky.draw("throttle", target.operation, target.region, number) < share:
        sky.books.fault("throttled")
        return _throttled(target)
    return None


def code_in(answer: Response) -> str:
    """Return AWS's error code in an answer; the HTTP status when there is none to be found."""
    found = _CODE.search(answer.body) or _TYPE.search(answer.body)
    return found[1].decode() if found else f"http_{answer.status}"


def _throttled(target: Target) -> Response:
    if target.service in QUERY:
        slow = AwsError("Throttling", "Rate exceeded")
        return Response(slow.status, [("Content-Type", "text/xml")], rds_refusal(slow, "throttled"))
    if target.service == "elasticloadbalancing":
        return query.refusal("elbv2", AwsError("Throttling", "Rate exceeded"), "throttled")
    if target.service == "arc-zonal-shift":
        said = json.dumps({"message": "Rate exceeded"}).encode()
        return Response(429, [("Content-Type", "application/json"), ("x-amzn-ErrorType", "ThrottlingException")], said)
    error = AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
    return Response(error.status, [("Content-Type", "text/xml;charset=UTF-8")], refusal(error, "throttled"))


def _not_allowed(target: Target) -> Response:
    text = f"You are not authorized to perform this operation: {target.service}:{target.operation}."
    if target.service == "kms":
        body = json.dumps({"__type": "AccessDeniedException", "message": text}).encode()
        return Response(400, [("Content-Type", "application/x-amz-json-1.1")], body)
    if target.service == "sns":
        xml = f"<Type>Sender</Type><Code>AuthorizationError</Code><Message>{text}</Message>"
        body = (
            '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
            f"<Error>{xml}</Error><RequestId>refused</RequestId></ErrorResponse>"
        ).encode()
        return Response(403, [("Content-Type", "text/xml")], body)
    if target.service in QUERY:
        return Response(
            403, [("Content-Type", "text/xml")], rds_refusal(AwsError("AccessDenied", text, 403), "refused")
        )
    error = AwsError("UnauthorizedOperation", text, 403)
    return Response(403, [("Content-Type", "text/xml;charset=UTF-8")], refusal(error, "refused"))
