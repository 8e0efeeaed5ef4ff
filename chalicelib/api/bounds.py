"""What fits an answer: Lambda returns at most 6 MB, whatever a plan has to say.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.engine.preview import Preview, StepPreview

PLAN_BYTES = 4_000_000  # of all lists of a plan together; escaping and what is beside them have the rest


def bounded(found: Preview, most_bytes: int = PLAN_BYTES) -> Preview:
    """Return a plan whose lists fit an answer: the first ones of each step, and how many are left out."""
    room, steps = most_bytes, []
    for step in found.steps:
        listed = {"changes": step.changes, "failures": step.failures, "notes": step.notes}
        kept: dict[str, Any] = {}
        for name, items in listed.items():
            kept[name], room = _fitting(items, room)
        left = sum(len(listed[name]) - len(kept[name]) for name in listed)
        steps.append(step.model_copy(update={**kept, "left_out": left}))
    return found.model_copy(update={"steps": tuple[StepPreview, ...](steps)})


def _fitting(items: Sequence[Any], room: int) -> tuple[tuple[Any, ...], int]:
    """Return the first items that fit, and the room that is left."""
    kept: list[Any] = []
    for item in items:
        room -= len(item.encode() if isinstance(item, str) else item.model_dump_json())
        if room < 0:
            return tuple(kept), 0
        kept.append(item)
    return tuple(kept), room
