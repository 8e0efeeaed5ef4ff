"""EventBridge Scheduler: schedules that fire as virtual time passes them.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky


def add(sky: Sky, given: dict[str, Any]) -> dict[str, Any]:
    """Add a schedule: `name`, `expression`, `timezone` (default UTC) and `input`.

    Returns:
        The name and the instant of the next firing (None: never).

    Raises:
        ValueError, KeyError: a field is missing or the expression is none.
    """
    from chalicelib.domain.schedule import parse

    name, timezone = given["name"], given.get("timezone", "UTC")
    schedule = parse(given["expression"])
    next_s = _next(schedule, sky.now_s, timezone)
    _post(sky, name, schedule, timezone, given.get("input", {}), next_s)
    return {"name": name, "next": None if next_s is None else iso(next_s)}


def _next(schedule: Any, after_s: float, timezone: str) -> float | None:
    found = schedule.next_after(datetime.fromtimestamp(after_s, UTC), timezone)
    return None if found is None else float(found.timestamp())


def _post(sky: Sky, name: str, schedule: Any, timezone: str, text: Any, due_s: float | None) -> None:
    if due_s is None:
        return

    def fire() -> dict[str, Any]:
        _post(sky, name, schedule, timezone, text, _next(schedule, due_s, timezone))
        return _filled(sky, name, text, due_s)

    sky.mail.post(due_s, "schedule", fire, settles=False)


def _filled(sky: Sky, name: str, text: Any, due_s: float) -> dict[str, Any]:
    number = int(sky.draw("execution", name, due_s) * 2**63)
    values = {
        "<aws.scheduler.schedule-arn>": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{name}",
        "<aws.scheduler.scheduled-time>": iso(due_s, timespec="seconds"),
        "<aws.scheduler.execution-id>": str(uuid.UUID(int=number * 2**64 + number, version=4)),
        "<aws.scheduler.attempt-number>": "1",
    }
    written = json.dumps(text)
    for mark, value in values.items():
        written = written.replace(mark, value)
    filled: dict[str, Any] = json.loads(written)
    return filled
