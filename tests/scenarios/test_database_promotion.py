"""Replicas become databases of their own: within a stated lag by themselves, beyond it only when a person says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.run import RunState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import AWAY, Stage, step
from tests.scenarios.databases import calls, carried_out, cluster, instance, of_step, outputs
from tests.shared_box import empty

REPLICA = {"select": {"instances": ["orders-replica"]}}
NAME = "rds.promote_replica"


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with empty() as control:
        estate = {**control.estate("small"), **control.estate("databases"), **control.estate("replicas")}
        yield control, estate


def planned(stage: Stage, name: str, between: Any = None) -> list[Any]:
    """Note what an action plans; `between` happens after the first plan."""
    action: Any = stage.services.actions[name]
    plans: list[Any] = []
    plan = action.plan

    def noted(*args: Any) -> Any:
        plans.append(plan(*args))
        if between and len(plans) == 1:
            between()
        return plans[-1]

    action.plan = noted
    return plans


def source(stage: Stage) -> str | None:
    return instance(stage, "orders-replica").get("ReadReplicaSourceDBInstanceIdentifier")


def test_a_replica_within_the_lag_is_promoted_without_a_question_and_its_point_is_told(stage: Stage) -> None:
    book = of_step(stage, NAME, {**REPLICA, "max_lag": "10s"}, approved_in_advance=None)
    found = stage.run(book)
    assert found.state is RunState.SUCCEEDED, found.message
    assert source(stage) is None
    [told] = found.recovered
    assert (told.resource, told.replacement) == ("db:orders", "db:orders-replica")
    assert told.point is not None
    assert "orders-replica.abc" in told.note
    assert outputs(found)["promoted"] == ["db:orders-replica"]
    again = stage.run(book, key="again")
    assert {one.code for one in step(again, "it").failures} == {"action.no_replica"}
    assert calls(stage, "PromoteReadReplica", "ok") == 1


def test_a_cluster_in_another_region_is_promoted_by_its_writers_lag(stage: Stage) -> None:
    given = {"select": {"clusters": ["events-away"]}, "region": AWAY}
    found = stage.run(of_step(stage, NAME, given, approved_in_advance=None))
    assert found.state is RunState.SUCCEEDED, found.message
    assert "ReplicationSourceIdentifier" not in cluster(stage, "events-away", AWAY)
    [told] = found.recovered
    assert (told.resource, told.region) == ("cluster:events", AWAY)


@pytest.mark.parametrize(("lag_s", "said"), [(400.0, "6m 40s behind"), (-1.0, "an unknown time behind")])
def test_one_that_is_too_far_behind_is_a_question(stage: Stage, lag_s: float, said: str) -> None:
    stage.control.weather(rds={"replica_lags": {"orders-replica": lag_s}})
    stage.control.advance(1200)
    plans = planned(stage, NAME)
    try:
        found = carried_out(stage, NAME, REPLICA)
    finally:
        del stage.services.actions[NAME].plan  # type: ignore[union-attr]
    assert plans[0].ask.may_lose_data
    assert said in plans[0].ask.reason
    assert found.state is RunState.SUCCEEDED, found.message  # it was approved in advance
    assert source(stage) is None


def test_a_lag_that_grows_between_plan_and_effect_is_not_promoted_unasked(stage: Stage) -> None:
    run = stage.start(of_step(stage, NAME, REPLICA, approved_in_advance=None))

    def grows() -> None:
        stage.control.weather(rds={"replica_lags": {"orders-replica": 900.0}})
        stage.control.advance(600)

    planned(stage, NAME, grows)
    try:
        found = stage.drive(run)
    finally:
        del stage.services.actions[NAME].plan  # type: ignore[union-attr]
    [failure] = step(found, "it").failures
    assert failure.code == "action.conflict"
    assert "15m" in failure.message
    assert source(stage) == "orders"
    assert calls(stage, "PromoteReadReplica") == 0


def test_a_promotion_whose_answer_is_lost_is_seen_and_one_by_somebody_else_is_moot(stage: Stage) -> None:
    stage.control.weather(lost_answer_share=1.0)
    found = carried_out(stage, NAME, REPLICA)
    assert found.state is RunState.SUCCEEDED, found.message
    assert step(found, "it").counts.adopted == 1
    assert calls(stage, "PromoteReadReplica") == 1
    stage.control.weather(lost_answer_share=0.0)
    given = {"select": {"clusters": ["events-away"]}, "region": AWAY}
    run = stage.start(of_step(stage, NAME, given), key="other")

    def by_hand() -> None:
        stage.control.witness("rds", AWAY).promote_read_replica_db_cluster(DBClusterIdentifier="events-away")
        stage.control.advance(900)

    planned(stage, NAME, by_hand)
    try:
        again = stage.drive(run)
    finally:
        del stage.services.actions[NAME].plan  # type: ignore[union-attr]
    assert step(again, "it").counts.moot == 1
