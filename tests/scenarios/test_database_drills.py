"""A drill that restores databases too: in the drill's own subnets and group, checked, measured, removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import Run, RunState, StepState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import HOME, Stage, step
from tests.scenarios.drills import drill, gone_on_with, place_in, swept_after, there
from tests.scenarios.recovery import BACKUP, book, on_a_copy, staged
from tests.shared_box import with_estate

DATABASES = "drill-private"


def backed_up(control: Control) -> dict[str, Any]:
    """Build instances and databases, with points of all of them an hour old, and a place for drills."""
    estate = control.estate("small")
    estate |= {"front": control.estate("front"), **control.estate("databases")}
    control.settle()
    with staged(control, estate) as stage:
        for each, key in ((book(BACKUP), "volumes"), (stage.book("nightly-databases"), "databases")):
            found = stage.run(each, key)
            assert found.state is RunState.SUCCEEDED, found.message
        estate["place"] = {**place_in(stage.services.aws), "databases": True, "db_subnet_group": DATABASES}
    control.advance(3600)
    control.settle()
    return estate


@pytest.fixture(name="stage")
def _stage() -> Iterator[Stage]:
    with with_estate(backed_up) as prepared, on_a_copy(prepared) as stage:
        yield stage


def begun(stage: Stage, **other: Any) -> Run:
    return drill(stage, stage.book("restore-drill"), **other)


def of_drills(stage: Stage) -> dict[str, Any]:
    """Return the databases that a drill has made, by kind and name."""
    rds, found = stage.control.witness("rds", HOME), dict[str, Any]()
    for kind, every, name in (
        ("db", rds.describe_db_instances()["DBInstances"], "DBInstanceIdentifier"),
        ("cluster", rds.describe_db_clusters()["DBClusters"], "DBClusterIdentifier"),
    ):
        tagged = [one for one in every if any(tag["Key"] == "lifeboat:drill" for tag in one["TagList"])]
        found |= {f"{kind}/{one[name]}": one for one in tagged}
    return found


def test_databases_are_restored_at_the_drills_place_measured_and_removed(stage: Stage) -> None:
    before, seen = there(stage), dict[str, Any]()
    found = stage.drive(begun(stage), lambda: seen.update(of_drills(stage)))
    stage.control.settle()
    assert (found.state, found.mode) == (RunState.SUCCEEDED, "drill"), found.message
    kinds = {name.split("/")[0] for name in seen}
    assert kinds == {"db", "cluster"}
    for one in seen.values():
        subnets = one["DBSubnetGroup"]
        assert (subnets if isinstance(subnets, str) else subnets["DBSubnetGroupName"]) == DATABASES
        groups = {group["VpcSecurityGroupId"] for group in one["VpcSecurityGroups"]}
        assert groups == {stage.estate["place"]["security_group"]}
        assert not one.get("PubliclyAccessible")
        assert "backup" not in {tag["Key"] for tag in one["TagList"]}, "the next backup must not take it for live"
    assert_measured(stage, found)
    assert there(stage) == before


def assert_measured(stage: Stage, found: RunRecord) -> None:
    assert {one.resource for one in found.recovered} >= set(stage.estate["protected_databases"])
    assert step(found, "databases").state is StepState.SUCCEEDED
    assert found.objectives.rpo.met
    assert found.objectives.rto.met
    assert found.drill
    assert (set(found.drill.rehearsed), found.drill.left) == ({"instances", "databases", "verify-1"}, 0)
    assert found.owes == {}


@pytest.mark.parametrize("made", [1, 3])
def test_a_drill_that_dies_beside_its_databases_is_gone_on_with_and_removes_all(stage: Stage, made: int) -> None:
    before, run = there(stage), begun(stage)

    def die() -> None:
        if len(of_drills(stage)) >= made:
            raise KeyboardInterrupt

    assert gone_on_with(stage, run, die).state is RunState.SUCCEEDED
    assert there(stage) == before


def test_databases_of_a_drill_that_nobody_goes_on_with_are_swept(stage: Stage) -> None:
    before, run = there(stage), begun(stage)
    swept_after(stage, run, lambda: len(of_drills(stage)) >= 3)
    assert of_drills(stage) == {}
    assert there(stage) == before
    assert stage.services.ledger.owed(run.run_id) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"db_subnet_group": "shop-private"}, "shop-private is used by"),
        ({"db_subnet_group": "none"}, "the DB subnet group none does not exist"),
    ],
)
def test_databases_are_not_restored_where_live_ones_are_or_nowhere(
    stage: Stage, given: dict[str, str], said: str
) -> None:
    before = there(stage)
    found = stage.drive(begun(stage, **given))
    stage.control.settle()
    databases = step(found, "databases")
    assert databases.state is StepState.FAILED
    assert said in f"{databases.message} {[each.message for each in databases.failures]}"
    assert there(stage) == before
