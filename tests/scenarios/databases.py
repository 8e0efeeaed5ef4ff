"""What the scenarios of databases share: an estate with databases, one step as a runbook, and looks at AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.actions.base import StepContext
from chalicelib.cli.options import Place
from chalicelib.cli.world import sandboxed
from chalicelib.domain.change import Change, Effect
from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import Run
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.answering import newest, take
from chalicelib.engine.memory import recall
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import HOME, Notes, Stage
from tests.shared_box import Prepared, with_estate

SHOP = {"tags": {"app": "shop"}}
GUARD = {"regions": ["us-east-1", "us-west-2"], "max_targets": 50, "max_share": "100%"}


@contextmanager
def backed_up() -> Iterator[Prepared]:
    """Give a sandbox with databases and replicas, and a point of each database of the shop, an hour old."""
    with with_estate(_backed_up) as prepared:
        yield prepared


def replicated(control: Control) -> dict[str, Any]:
    """Build databases with replicas."""
    return {**control.estate("small"), **control.estate("databases"), **control.estate("replicas")}


def _backed_up(control: Control) -> dict[str, Any]:
    estate = replicated(control)
    with sandboxed(Place(sandbox=True), lambda _: Notes([]), control) as services:
        given = {"select": {"tags": {"backup": "nightly"}}, "policy": "nightly"}
        stage = Stage(control, estate, services)
        made = stage.run(of_step(stage, "rds.create_snapshots", given), key="backup")
        assert made.state.value == "succeeded", made.message
    control.advance(3600)
    return estate


def of_step(stage: Stage, uses: str, given: dict[str, Any], **more: Any) -> Runbook:
    """Return a runbook of one step, approved in advance unless it is said otherwise."""
    one = {"id": "it", "uses": uses, "with": given, "approved_in_advance": "a test", **more}
    if one["approved_in_advance"] is None:
        del one["approved_in_advance"]
    changes = {"steps": [one], "guard": GUARD, "verify": [], "on_failure": [], "always": [], "when": []}
    return stage.book("nightly-databases", **changes)


def carried_out(stage: Stage, uses: str, given: dict[str, Any], **more: Any) -> RunRecord:
    """Carry out one step."""
    return stage.run(of_step(stage, uses, given, **more))


def started(stage: Stage, uses: str, given: dict[str, Any], **more: Any) -> Run:
    """Start one step, without driving it."""
    return stage.start(of_step(stage, uses, given, **more))


@dataclass(frozen=True)
class Yes:
    """What a person says who has looked at a question."""

    digest: str
    choice: str = ""
    reason: str = "it is time"


def approved(stage: Stage, run: Run, step_id: str) -> RunRecord:
    """Drive a run, and approve what that step asks."""
    ledger = stage.services.engine.ledger

    def answer() -> None:
        asked = newest(ledger, run, step_id)
        if asked and asked.answer is None:
            take(ledger, run, step_id, Yes(asked.digest), yes=True, by="oncall", now=stage.services.clock.now())

    return stage.drive(run, between=answer)


def context(stage: Stage, run_id: str, **more: Any) -> StepContext:
    """Return the context of the one step of a run, now."""
    engine = stage.services.engine
    now = stage.services.clock.now()
    return StepContext(
        run_id, "it", "nightly-databases", HOME, now, now, stage.services.aws, engine.settings.limits, **more
    )


def made_by(stage: Stage, run_id: str) -> list[tuple[Change, Effect]]:
    """Return what the one step of a run has planned, and what has become of it."""
    ledger: Any = stage.services.engine.ledger
    run = ledger.load(run_id)
    return list(recall(ledger, run, None).step("it").made())


def instance(stage: Stage, name: str, region: str = HOME) -> dict[str, Any]:
    """Return an instance as it truly is."""
    found: list[dict[str, Any]] = stage.control.witness("rds", region).describe_db_instances(DBInstanceIdentifier=name)[
        "DBInstances"
    ]
    return found[0]


def cluster(stage: Stage, name: str, region: str = HOME) -> dict[str, Any]:
    """Return a cluster as it truly is."""
    found: list[dict[str, Any]] = stage.control.witness("rds", region).describe_db_clusters(DBClusterIdentifier=name)[
        "DBClusters"
    ]
    return found[0]


def names(stage: Stage, region: str = HOME) -> set[str]:
    """Return all databases that are there."""
    rds = stage.control.witness("rds", region)
    found = {f"db:{one['DBInstanceIdentifier']}" for one in rds.describe_db_instances()["DBInstances"]}
    return found | {f"cluster:{one['DBClusterIdentifier']}" for one in rds.describe_db_clusters()["DBClusters"]}


def writer(stage: Stage, name: str) -> str:
    """Return the member of a cluster that writes."""
    [one] = [m["DBInstanceIdentifier"] for m in cluster(stage, name)["DBClusterMembers"] if m["IsClusterWriter"]]
    return str(one)


def zone_id(stage: Stage, name: str) -> str:
    """Return the ID of a zone's name."""
    ec2 = stage.control.witness("ec2", HOME)
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    return str(next(one["ZoneId"] for one in zones if one["ZoneName"] == name))


def outputs(found: RunRecord) -> dict[str, Any]:
    """Return what the one step of a run returned."""
    [step] = [one for one in found.steps if one.id == "it"]
    return dict(step.outputs)


def calls(stage: Stage, operation: str, outcome: str | None = None) -> int:
    """Return how often an operation was called."""
    by = stage.control.calls()["by"]
    return sum(row["count"] for row in by if row["operation"] == operation and outcome in {None, row["outcome"]})
