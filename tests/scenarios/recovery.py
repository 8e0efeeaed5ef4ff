"""An estate with last night's backup, and what happens to it when a zone goes dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from chalicelib.cli.options import Place
from chalicelib.cli.world import sandboxed
from chalicelib.domain.runbook import Runbook
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Notes, Stage, tags_of
from tests.shared_box import Prepared, with_estate

DARK, HEALTHY, OTHER = "use1-az6", "use1-az1", "use1-az2"  # us-east-1a, b, c of the sandbox's account
POLICY = "nightly"
SHOP = {"tags": {"app": "shop"}}
ISOLATION = "nothing-in-or-out"


def book(*steps: dict[str, Any], **more: Any) -> Runbook:
    """Return a runbook of these steps."""
    guard = {"regions": ["us-east-1", "us-west-2"], "max_targets": 100, "max_share": "100%"}
    made = {"version": 1, "name": "recover", "description": "Recover.", "guard": guard, "steps": list(steps), **more}
    return Runbook.model_validate(made)


def launch(**given: Any) -> dict[str, Any]:
    """Return a step that replaces the instances of the dark zone."""
    asked = {"away_from": DARK, "to_zones": [HEALTHY, OTHER], "select": SHOP, "policy": POLICY, **given}
    return {"id": "instances", "uses": "ec2.launch_replacements", "with": asked}


BACKUP = {
    "id": "snapshots",
    "uses": "ebs.create_snapshots",
    "with": {"select": {"tags": {"backup": "nightly"}}, "policy": POLICY},
}


@contextmanager
def staged(control: Control, estate: dict[str, Any]) -> Iterator[Stage]:
    """Give the service over an AWS."""
    notes: list[tuple[str, dict[str, Any]]] = []
    with ExitStack() as stack:
        yield Stage(
            control, estate, stack.enter_context(sandboxed(Place(sandbox=True), lambda _: Notes(notes), control)), notes
        )


@contextmanager
def backed_up() -> Iterator[Prepared]:
    """Give the estate `small` with a front, on the morning after a backup."""
    with with_estate(_backed_up) as prepared:
        yield prepared


def _backed_up(control: Control) -> dict[str, Any]:
    estate = control.estate("small")
    estate["front"] = control.estate("front")
    control.settle()
    with staged(control, estate) as stage:
        found = stage.run(book(BACKUP), "backup")
        assert found.state == "succeeded", found
    control.advance(3600)
    control.settle()
    return estate


@contextmanager
def on_a_copy(prepared: Prepared) -> Iterator[Stage]:
    """Give the service over a copy of a prepared AWS."""
    original, estate = prepared
    control = original.fork()
    try:
        with staged(control, estate) as stage:
            yield stage
    finally:
        control.quit()


def go_dark(stage: Stage, seconds: float = 120) -> None:
    """Let the zone go dark, and status checks show it."""
    stage.control.disaster("az_dark", zone=DARK)
    stage.control.advance(seconds)


def heal(stage: Stage) -> None:
    """Let the zone come back."""
    stage.control.disaster("heal", zone=DARK)
    stage.control.advance(120)


def instances(stage: Stage) -> dict[str, Any]:
    """Return all instances that are not terminated, as they truly are, by id; tags as a mapping under `tags`."""
    found = stage.control.witness("ec2").describe_instances()["Reservations"]
    every = [one for group in found for one in group["Instances"]]
    return {one["InstanceId"]: {**one, "tags": tags_of(one)} for one in every if one["State"]["Name"] != "terminated"}


def volumes(stage: Stage) -> dict[str, Any]:
    """Return all volumes as they truly are, by id; tags as a mapping under `tags`."""
    found = stage.control.witness("ec2").describe_volumes()["Volumes"]
    return {one["VolumeId"]: {**one, "tags": tags_of(one)} for one in found}


def made_for(stage: Stage, old: str) -> list[dict[str, Any]]:
    """Return what stands in for an instance."""
    return [one for one in instances(stage).values() if one["tags"].get("lifeboat:restored") == old]
