"""`lifeboat run` over the API: shown, agreed to, started once, and followed until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.paper import console, plain
from chalicelib.cli.remote import Desk, record_at
from chalicelib.cli.run import fresh_key, must_agree, must_be_asked, told
from chalicelib.errors import LifeboatError

if TYPE_CHECKING:
    from chalicelib.domain.report import RunRecord

FIRST_S, MOST_S, SLOWER = 0.2, 5.0, 1.5  # between two looks at a run that somebody else drives


def run_there(
    where: Desk, name: str, given: Mapping[str, str], key: str | None, *, ask: bool, wait: bool, as_json: bool
) -> None:
    """Start a run, and follow it. Interrupting stops the following, not the run.

    Raises:
        LifeboatError: the API refuses it, or it was interrupted (`run.interrupted`).
    """
    if ask:
        must_be_asked()
        show_plan(where, name, {"inputs": dict(given)})
        must_agree("Carry it out?")
    key = key or fresh_key(datetime.now(UTC))
    started = where.ask("startRun", {"name": name}, {"inputs": dict(given)}, key)
    run_id = str(started["run_id"])
    typer.echo(f"Run {run_id}, key {key} ({started['how']})", err=True)
    found = followed(where, run_id) if wait else record_at(where, run_id)
    told(found, as_json=as_json)
    raise typer.Exit(endings.code_of(found))


def show_plan(where: Desk, name: str, asked: Mapping[str, Any]) -> None:
    """Print what a runbook would do, as the API tells it."""
    from chalicelib.cli.show_plan import show_preview
    from chalicelib.engine.preview import Preview

    found = where.ask("planRunbook", {"name": name}, asked)
    show_preview(Preview.model_validate(found), console(stderr=True))


def followed(where: Desk, run_id: str) -> RunRecord:
    """Return a run's record once it has ended; meanwhile a line for each thing that has changed, on stderr.

    Raises:
        LifeboatError: it was interrupted (`run.interrupted`); the run goes on.
    """
    paper, said, every_s = console(stderr=True), set[str](), FIRST_S
    try:
        while True:
            found = record_at(where, run_id)
            for line in _lines(found):
                if line not in said:
                    said.add(line)
                    paper.print(plain(line), soft_wrap=True)
            if found.times.ended_at is not None:
                return found
            sys.stderr.flush()
            time.sleep(every_s)
            every_s = min(MOST_S, every_s * SLOWER)
    except KeyboardInterrupt:
        raise LifeboatError(
            endings.INTERRUPTION,
            f"You follow it no longer; the run goes on. `lifeboat runs show {run_id}` tells how it is, "
            f"`lifeboat runs stop {run_id} --reason ...` stops it.",
            run_id=run_id,
        ) from None


def _lines(found: RunRecord) -> list[str]:
    lines = []
    if found.paused:
        lines.append(f"paused by {found.paused.by}: {found.paused.reason}; waits for `lifeboat resume`")
    for step in found.steps:
        if step.question:
            asked = step.question
            lines.append(f"{step.id} waits for a person: {asked.reason}")
            lines.append(f"  lifeboat approve {found.run_id} {step.id} --digest {asked.digest}, or decline")
        if step.started_at is not None:
            counts = step.counts
            lines.append(
                f"{step.id}: {step.state.value}, {counts.done} of {counts.planned} done, {counts.failed} failed"
            )
    return lines
