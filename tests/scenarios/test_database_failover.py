"""Databases leave a zone: failed over once, never back, also when AWS does it by itself; and how they stand."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chalicelib.domain.run import RunCause, RunState, StepState
from tests.scenarios.conftest import HOME, Stage, step
from tests.scenarios.databases import (
    SHOP,
    calls,
    carried_out,
    cluster,
    instance,
    of_step,
    started,
    writer,
    zone_id,
)


@pytest.fixture(name="shop")
def _shop(stage: Stage) -> Stage:
    stage.estate |= stage.control.estate("databases")
    return stage


def bad_zone(shop: Stage) -> tuple[str, str]:
    """Return name and ID of the zone in which orders and the writer of events run."""
    name = instance(shop, "orders")["AvailabilityZone"]
    return name, zone_id(shop, name)


def test_what_runs_in_a_zone_leaves_it_once_and_what_runs_elsewhere_is_left_alone(shop: Stage) -> None:
    name, bad = bad_zone(shop)
    found = carried_out(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    assert found.state is RunState.SUCCEEDED, found.message
    said = step(found, "it")
    assert (said.counts.done, said.counts.failed) == (2, 0)
    assert instance(shop, "orders")["AvailabilityZone"] != name
    assert writer(shop, "events") == "events-2"
    assert any("db:accounts is left as it is" in note for note in said.notes)
    assert (calls(shop, "RebootDBInstance"), calls(shop, "FailoverDBCluster")) == (1, 1)
    assert said.outputs["failed_over"] == ["cluster:events", "db:orders"]
    assert (said.outputs["instances"], said.outputs["clusters"]) == (["orders"], ["events"])
    assert {one.resource: one.zone_id for one in found.recovered} == {
        "db:orders": zone_id(shop, instance(shop, "orders")["AvailabilityZone"]),
        "cluster:events": zone_id(shop, instance(shop, "events-2")["AvailabilityZone"]),
    }
    assert all(one.rpo_s is None for one in found.recovered)
    again = shop.run(of_step(shop, "rds.failover", {"select": SHOP, "away_from": bad}), key="again")
    assert step(again, "it").counts.planned == 0
    assert (calls(shop, "RebootDBInstance"), calls(shop, "FailoverDBCluster")) == (1, 1)


def test_a_failover_whose_answer_is_lost_is_seen_and_not_sent_again(shop: Stage) -> None:
    name, bad = bad_zone(shop)
    shop.control.weather(lost_answer_share=1.0)
    run = started(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    found = shop.drive(run)
    assert found.state is RunState.SUCCEEDED, found.message
    assert step(found, "it").counts.adopted == 2
    assert instance(shop, "orders")["AvailabilityZone"] != name
    assert (calls(shop, "RebootDBInstance"), calls(shop, "FailoverDBCluster")) == (1, 1)


def test_what_aws_fails_over_by_itself_is_not_brought_back(shop: Stage) -> None:
    name, bad = bad_zone(shop)
    run = started(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    shop.control.disaster("az_dark", zone=name)
    found = shop.drive(run)
    assert found.state is RunState.SUCCEEDED, found.message
    assert instance(shop, "orders")["AvailabilityZone"] != name
    assert writer(shop, "events") == "events-2"
    assert calls(shop, "RebootDBInstance", "ok") == 0
    assert len(found.recovered) == 2
    shop.control.advance(3600)
    assert instance(shop, "orders")["AvailabilityZone"] != name


def test_what_moves_between_plan_and_effect_is_moot(shop: Stage) -> None:
    name, bad = bad_zone(shop)
    run = started(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    action: Any = shop.services.actions["rds.failover"]
    plan = action.plan

    def moved(*args: Any) -> Any:
        made = plan(*args)
        shop.control.disaster("az_dark", zone=name)
        shop.control.advance(600)
        return made

    action.plan = moved
    try:
        found = shop.drive(run)
    finally:
        del action.plan
    assert (found.state, step(found, "it").counts.moot) == (RunState.SUCCEEDED, 2)
    assert calls(shop, "RebootDBInstance") + calls(shop, "FailoverDBCluster") == 0
    assert {one.note.split(";")[0] for one in found.recovered} == {f"failed over by itself from {bad}"}


def test_what_has_nothing_to_fail_over_to_fails_and_says_what_to_do(shop: Stage) -> None:
    bad = zone_id(shop, instance(shop, "accounts")["AvailabilityZone"])
    found = carried_out(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    assert found.state is RunState.FAILED
    [failure] = step(found, "it").failures
    assert (failure.resource, failure.code) == ("db:accounts", "action.single_az")
    assert "`rds.restore`" in failure.message
    given = {"select": SHOP, "away_from": bad, "stuck": "leave"}
    left = step(shop.run(of_step(shop, "rds.failover", given), key="left"), "it")
    assert (left.state, left.failures) == (StepState.SUCCEEDED, ())
    assert any("`rds.restore`" in note for note in left.notes)
    _, other = bad_zone(shop)
    given = {"select": SHOP, "away_from": other, "healthy": ["use1-az3"], "members": {"events": "events-1"}}
    said = step(shop.run(of_step(shop, "rds.failover", given), key="2"), "it")
    assert {one.resource: one.code for one in said.failures} == {
        "db:orders": "action.no_standby",
        "cluster:events": "action.no_reader",
    }


def test_a_reader_that_is_lost_after_the_plan_is_replaced_by_another(shop: Stage) -> None:
    rds = shop.control.witness("rds", HOME)
    given = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.r6g.large", "DBClusterIdentifier": "events"}
    third = instance(shop, "scratch")["AvailabilityZone"]
    rds.create_db_instance(DBInstanceIdentifier="events-3", AvailabilityZone=third, PromotionTier=15, **given)
    shop.control.settle()
    _, bad = bad_zone(shop)
    run = started(shop, "rds.failover", {"select": {"clusters": ["events"]}, "away_from": bad})
    action: Any = shop.services.actions["rds.failover"]
    plan = action.plan

    def smaller(*args: Any) -> Any:
        made = plan(*args)
        rds.modify_db_instance(DBInstanceIdentifier="events-2", DeletionProtection=False)
        rds.delete_db_instance(DBInstanceIdentifier="events-2")
        return made

    action.plan = smaller
    try:
        found = shop.drive(run)
    finally:
        del action.plan
    assert found.state is RunState.SUCCEEDED, found.message
    assert writer(shop, "events") == "events-3"


def test_without_a_zone_everything_that_is_selected_is_failed_over_within_the_guards_share(shop: Stage) -> None:
    book = of_step(shop, "rds.failover", {"select": {"instances": ["orders"]}, "wherever": True})
    before = instance(shop, "orders")["AvailabilityZone"]
    held = shop.run(book.model_copy(update={"guard": book.guard.model_copy(update={"max_share": 30.0})}), key="held")
    assert any("held back" in note for note in step(held, "it").notes)
    assert instance(shop, "orders")["AvailabilityZone"] == before
    assert shop.run(book).state is RunState.SUCCEEDED
    assert instance(shop, "orders")["AvailabilityZone"] != before


def test_a_zone_must_be_said_or_that_any_will_do_and_an_empty_one_is_none(shop: Stage) -> None:
    none = step(carried_out(shop, "rds.failover", {"select": SHOP, "away_from": ""}), "it")
    assert (none.counts.planned, "nothing is failed over" in none.notes[0]) == (0, True)
    given: Any = shop.services.actions["rds.failover"].given
    for wrong in ({}, {"away_from": "use1-az1", "wherever": True}):
        with pytest.raises(ValueError, match="say either away_from"):
            given.model_validate({"select": SHOP, **wrong})


def checked(shop: Stage, key: str, **given: Any) -> dict[str, str]:
    """Return what a check says of each database: "" when it is well."""
    book = of_step(shop, "check.database", {"select": SHOP, **given}, approved_in_advance=None)
    said = step(shop.run(book, key=key), "it")
    assert said.outputs["bad"] == [one.resource for one in said.findings if not one.ok]
    assert (said.state is StepState.SUCCEEDED) == said.outputs["ok"]
    return {one.resource: "" if one.ok else one.message for one in said.findings}


def test_a_check_tells_what_is_not_as_it_is_meant_to_be(shop: Stage) -> None:
    assert set(checked(shop, "1").values()) == {""}
    _, bad = bad_zone(shop)
    said = checked(shop, "2", outside=bad, multi_az=True)
    assert f"runs in {bad}" in said["db:orders"]
    assert f"runs in {bad}" in said["cluster:events"]
    assert "no standby in sync" in said["db:accounts"]
    shop.control.disaster("database_lost", name="accounts")
    shop.control.disaster("database_lost", name="events")
    said = checked(shop, "3")
    assert "is failed" in said["db:accounts"]
    assert "no writer that is available" in said["cluster:events"]
    assert said["db:orders"] == ""


def test_a_check_can_open_a_connection(shop: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listens:
        port = listens.getsockname()[1]
        shown = dict.fromkeys(("orders", "accounts", "events"), f"127.0.0.1:{port}")
        shop.control.weather(rds={"endpoints": shown})
        assert set(checked(shop, "1", connect=True).values()) == {""}
    said = checked(shop, "2", connect=True, timeout="1s")
    assert all(f"does not answer at 127.0.0.1:{port}" in message for message in said.values())
    assert cluster(shop, "events")["Endpoint"] == "127.0.0.1"


def test_what_aws_moved_before_the_plan_is_told_with_its_time_and_not_touched(shop: Stage) -> None:
    name, bad = bad_zone(shop)
    began = shop.services.clock.now()
    shop.control.disaster("az_dark", zone=name)
    shop.control.advance(1200)
    book = of_step(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    cause = RunCause(kind="alarm", key="k1", occurred_at=shop.services.clock.now(), since=began, summary="az dark")
    found = shop.drive(shop.services.starter.start(book, cause, {}).run)
    assert found.state is RunState.SUCCEEDED, found.message
    assert (step(found, "it").counts.moot, step(found, "it").counts.applied) == (2, 0)
    assert calls(shop, "RebootDBInstance") + calls(shop, "FailoverDBCluster") == 0
    assert {one.resource for one in found.recovered} == {"db:orders", "cluster:events"}
    for one in found.recovered:
        assert 0 < one.rto_s < 600, "when it moved, and not when the run looked"
        assert (one.rpo_s, one.zone_id != bad) == (None, True)
        assert "not by this run" in one.note
    assert found.objectives.rto.measured_s == max(one.rto_s for one in found.recovered)


def test_what_was_elsewhere_before_the_trouble_is_no_recovery(shop: Stage) -> None:
    name, bad = bad_zone(shop)
    carried_out(shop, "rds.failover", {"select": SHOP, "away_from": bad})
    shop.services.clock.sleep(7200)
    shop.control.disaster("az_dark", zone=name)
    shop.services.clock.sleep(600)
    found = shop.run(of_step(shop, "rds.failover", {"select": SHOP, "away_from": bad}), key="later")
    assert (found.recovered, step(found, "it").counts.planned) == ((), 0)
    assert any("db:orders is left as it is" in note for note in step(found, "it").notes)
