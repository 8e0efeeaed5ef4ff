"""Calls as data, sent: what `calls_for` shows to people is what is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated


def send(
    aws: Aws, service: str, region: str, operation: str, params: Mapping[str, Any], resource: str
) -> Mapping[str, Any]:
    """Make one call that changes something, once: without an answer nobody tries again but the engine, after a look.

    Args:
        aws: The way to AWS.
        service: boto3's name of the service.
        region: Where.
        operation: AWS's name of the operation, e.g. `RebootDBInstance`.
        params: What it is given.
        resource: What it is about, as an operator would name it.

    Raises:
        ActionError: AWS refused, or did not answer (in doubt).
    """
    from botocore import xform_name

    client = aws.client(service, region, "once")
    with translated(f"{resource} in {region}", service=service, sends=True):
        answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**params)
    return answer
