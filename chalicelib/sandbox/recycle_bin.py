"""Recycle Bin, which moto lacks: the rules of a Region can be listed, and that is all.

Source: https://docs.aws.amazon.com/recyclebin/latest/APIReference/API_ListRules.html
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.sandbox.request import Request, Response, Target
from chalicelib.sandbox.weather.sky import Sky

PATH = "/list-rules"


def answer(sky: Sky, target: Target, request: Request) -> Response | None:
    """Answer ListRules with one rule when there is to be a bin (`recycle_bin_days`); None for any other call."""
    if target.service != "rbin" or request.path != PATH:
        return None
    days = sky.settings.recycle_bin_days
    rule: dict[str, Any] = {
        "Identifier": "sandboxrule",
        "RetentionPeriod": {"RetentionPeriodValue": days, "RetentionPeriodUnit": "DAYS"},
        "LockState": "unlocked",
    }
    body = json.dumps({"Rules": [rule] if days else []}).encode()
    return Response(200, [("Content-Type", "application/json")], body)
