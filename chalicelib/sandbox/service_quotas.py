"""Service Quotas, which moto lacks: the one quota that limits what may be launched can be read, and that is all.

Source: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.sandbox.request import Request, Response, Target

STANDARD = ("ec2", "L-1216C47A")  # vCPUs of running On-Demand Standard instances


def answer(door: Any, request: Request, target: Target, _number: int) -> Response:
    """Answer GetServiceQuota; any other operation, service or quota is not there."""
    asked = request.json()
    if target.operation != "GetServiceQuota" or (asked.get("ServiceCode"), asked.get("QuotaCode")) != STANDARD:
        return _json(400, {"__type": "NoSuchResourceException", "Message": "The quota is not there."})
    quota = {
        "ServiceCode": STANDARD[0],
        "QuotaCode": STANDARD[1],
        "QuotaName": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        "Value": float(door.sky.settings.quotas.standard_vcpus),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    return _json(200, {"Quota": quota})


def _json(status: int, value: Any) -> Response:
    return Response(status, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(value).encode())
