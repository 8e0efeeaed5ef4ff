"""Databases come back as they were at a time, within what their automated backups cover."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws import tags
from chalicelib.domain.run import RunState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import HOME, Stage, step
from tests.scenarios.databases import SHOP, backed_up, calls, carried_out, cluster, instance, of_step, outputs, writer


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as made:
        yield made


def test_the_latest_restorable_time_is_taken_also_of_what_is_lost(stage: Stage) -> None:
    stage.control.disaster("database_lost", name="accounts")
    latest = instance(stage, "accounts")["LatestRestorableTime"]
    stage.control.advance(1800)
    found = carried_out(stage, "rds.restore_to_time", {"select": {"instances": ["accounts"]}})
    assert found.state is RunState.SUCCEEDED, found.message
    [told] = found.recovered
    assert told.point == latest
    [restored] = outputs(found)["restored"]
    new = instance(stage, restored["replacement"].removeprefix("db:"))
    assert new["DBParameterGroups"][0]["DBParameterGroupName"] == "accounts-params"
    assert instance(stage, "accounts")["DBInstanceStatus"] == "failed"


def test_a_stated_time_is_restored_under_the_old_names_and_the_old_ones_are_kept(stage: Stage) -> None:
    at = stage.control.now() - timedelta(hours=30)
    given = {"select": SHOP, "to": at.isoformat(), "replace": "rename", "only_lost": False}
    select = {"instances": ["orders"], "clusters": ["events"]}
    found = carried_out(stage, "rds.restore_to_time", {**given, "select": select})
    assert found.state is RunState.SUCCEEDED, found.message
    assert {tags.iso(one.point) for one in found.recovered if one.point} == {tags.iso(at)}
    assert len(outputs(found)["kept"]) == 2
    assert instance(stage, "orders")["MultiAZ"]
    assert cluster(stage, "events")["DBClusterMembers"]
    assert writer(stage, "events").startswith("events-1-lb")
    assert calls(stage, "RestoreDBInstanceToPointInTime", "ok") == 1
    assert calls(stage, "RestoreDBClusterToPointInTime", "ok") == 1


def test_a_time_outside_the_window_is_refused_and_the_window_is_told(stage: Stage) -> None:
    now = stage.control.now()
    for key, at in (("late", now + timedelta(hours=1)), ("early", now - timedelta(days=60))):
        given = {"select": {"instances": ["orders"], "clusters": ["events"]}, "to": at.isoformat()}
        found = stage.run(of_step(stage, "rds.restore_to_time", given), key=key)
        said = {one.resource: one for one in step(found, "it").failures}
        assert {one.code for one in said.values()} == {"action.outside_window"}
        assert tags.iso(cluster(stage, "events")["LatestRestorableTime"])[:15] in said["cluster:events"].message
    assert calls(stage, "RestoreDBInstanceToPointInTime") == 0


def test_a_plan_to_the_latest_time_stays_the_same_while_time_passes(stage: Stage) -> None:
    """What a person approved covers what is done: the latest time is told, and is no part of the change."""
    from chalicelib.domain.question import grown

    run = stage.start(of_step(stage, "rds.restore_to_time", {"select": {"instances": ["orders"]}}))
    action: Any = stage.services.actions["rds.restore_to_time"]
    plans: list[Any] = []
    plan = action.plan

    def twice(given: Any, ctx: Any) -> Any:
        plans.append(plan(given, ctx))
        stage.control.advance(1800)
        plans.append(plan(given, ctx))
        return plans[-1]

    action.plan = twice
    try:
        stage.drive(run)
    finally:
        del action.plan
    assert plans[0].changes[0].yields != plans[1].changes[0].yields
    assert grown(plans[0].changes, plans[1].changes) == []
    assert calls(stage, "RestoreDBInstanceToPointInTime", "ok") == 1
    assert instance(stage, "orders", HOME)
