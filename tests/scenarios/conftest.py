"""The whole service on the embedded AWS: a fresh copy of one prepared estate for every scenario."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.bootstrap import Services
from chalicelib.cli import endings
from chalicelib.cli.options import Place
from chalicelib.cli.record import record
from chalicelib.cli.world import sandboxed
from chalicelib.domain.report import RunRecord, StepRecord
from chalicelib.domain.run import Run, RunCause
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.template import check_inputs
from chalicelib.engine.local import drive, hold
from chalicelib.sandbox.client import Control
from tests.shared_box import empty

HOME, AWAY = "us-east-1", "us-west-2"


@dataclass
class Stage:
    """One scenario's AWS and service.

    Attributes:
        control: The embedded AWS.
        estate: Ids of what is in it.
        notes: What the journal was told, in order.
    """

    control: Control
    estate: dict[str, Any]
    services: Services
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def book(self, name: str = "nightly-backup", **changes: Any) -> Runbook:
        """Return a shipped runbook, with some of its top-level keys replaced."""
        shipped = json.loads(self.services.catalog.load(name).model_dump_json(by_alias=True))
        return Runbook.model_validate({**shipped, **changes})

    def start(self, book: Runbook, key: str = "k1", **inputs: Any) -> Run:
        """Start a run by hand without driving it."""
        cause = RunCause(kind="manual", key=key, occurred_at=self.services.clock.now(), summary="by hand")
        return self.services.starter.start(book, cause, check_inputs(book, inputs)).run

    def drive(self, run: Run, between: Callable[[], None] = lambda: None) -> RunRecord:
        """Drive a run to its end and return its record."""
        held = hold(run, self.services.starter, new=True)
        return record(self.services, drive(self.services.engine, held, between))

    def run(self, book: Runbook, key: str = "k1", **inputs: Any) -> RunRecord:
        """Start and drive."""
        return self.drive(self.start(book, key, **inputs))

    def snapshots(self, region: str, run_id: str, state: str = "completed") -> list[dict[str, Any]]:
        """Return a run's snapshots as AWS has them, tags as a mapping under `tags`."""
        pages = self.control.witness("ec2", region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        found = [{**s, "tags": tags_of(s)} for page in pages for s in page["Snapshots"]]
        return [s for s in found if s["tags"].get("lifeboat:run") == run_id and s["State"] == state]

    def backed_up(self, run_id: str) -> tuple[set[str], set[str]]:
        """Return the volumes with a completed snapshot of a run, and those with a completed copy."""
        here = {s["VolumeId"] for s in self.snapshots(HOME, run_id)}
        return here, {s["tags"]["lifeboat:source-volume"] for s in self.snapshots(AWAY, run_id)}


class Notes:
    """A journal that remembers."""

    def __init__(self, notes: list[tuple[str, dict[str, Any]]]) -> None:
        self.notes = notes

    def note(self, sentence: str, **fields: Any) -> None:
        self.notes.append((sentence, fields))

    def progress(self, run: Any, steps: Any) -> None:
        """Say nothing."""


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


def step(found: RunRecord, step_id: str) -> StepRecord:
    return next(each for each in found.steps if each.id == step_id)


def exit_code(found: RunRecord) -> int:
    return endings.code_of(found)


@pytest.fixture(name="prepared", scope="session")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with empty() as control:
        yield control, control.estate("small")


@pytest.fixture(name="stage")
def _stage(prepared: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    original, estate = prepared
    notes: list[tuple[str, dict[str, Any]]] = []
    control = original.fork()
    with ExitStack() as stack:
        stack.callback(control.quit)
        services = stack.enter_context(sandboxed(Place(sandbox=True), lambda _: Notes(notes), control))
        yield Stage(control, estate, services, notes)
