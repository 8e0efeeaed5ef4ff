"""A plan as AWS CLI commands: what a person types when Lifeboat itself cannot run.

The order is that of the runbook; within a step, a change comes after what it needs. A command answers before its effect
is there, so what has to be waited for is said between them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore import xform_name

from chalicelib.cli.paper import clock_text

if TYPE_CHECKING:
    from chalicelib.domain.change import Change
    from chalicelib.engine.preview import HandCall, Preview, StepPreview

UNKNOWN = "<"  # begins what a person has to fill in


def commands(preview: Preview) -> Iterator[str]:
    """Yield the lines of a shell script that does by hand what the runbook would do now, without `on_failure:`."""
    yield "#!/bin/sh"
    yield f"# {preview.runbook} in {preview.region} by hand, as planned at {clock_text(preview.at)}."
    yield "# Read it, then run it line by line: a command answers before its effect is there. Fill in what <...> says."
    yield "set -eu"
    for step in preview.steps:
        if step.phase != "on_failure":
            yield from _step(step)


def _step(step: StepPreview) -> Iterator[str]:
    yield ""
    yield f"# --- {step.id} ({step.uses}): {step.status.replace('_', ' ')}"
    if step.message:
        yield f"# {_line(step.message)}"
    calls: dict[str, list[HandCall]] = {}
    for call in step.by_hand:
        calls.setdefault(call.change, []).append(call)
    for change in in_order(step.changes, step.id):
        yield f"# {change.kind.value} {change.resource}: {_line(change.reason)}"
        for need in change.after:
            yield f"# wait until {need} is done"
        if change.key not in calls:
            yield "# no AWS call of its own"
        yield from (command(call) for call in calls.get(change.key, ()))
    yield from (f"# cannot be done: {each.resource}: {_line(each.message)}" for each in step.failures)


def in_order(changes: Sequence[Change], step_id: str) -> list[Change]:
    """Return a step's changes as they are sent: what is needed first, then the oldest protected points."""
    left = sorted(changes, key=lambda change: (change.order, change.key))
    done: set[str] = set()
    mine = {f"{step_id}/{change.key}" for change in left}
    found: list[Change] = []
    while left:
        ready = [change for change in left if all(need in done or need not in mine for need in change.after)]
        ready = ready or left  # a plan never goes round in circles; if one did, it is shown all the same
        found += ready
        done |= {f"{step_id}/{change.key}" for change in ready}
        left = [change for change in left if change not in ready]
    return found


def command(call: HandCall) -> str:
    """Return one AWS CLI command. Its parameters are JSON, as AWS's API names them: options differ here and there."""
    given = json.dumps(call.params, separators=(",", ":"), default=str)
    words = ["aws", call.service, xform_name(call.operation, "-"), "--region", call.region, "--cli-input-json", given]
    return shlex.join(words)


def _line(text: str) -> str:
    return " ".join(text.split())
