"""Retention of databases' points, and everything else that goes on with databases and their snapshots meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import StepState
from chalicelib.sandbox.client import Control
from tests.database_pasts import AWAY, DAY_S, HOME, DatabasePast
from tests.scenarios.conftest import Stage, exit_code, step

FIRST_NIGHT = datetime(2031, 1, 20, 2, 0, tzinfo=UTC)
NIGHTS = 12  # the last one is that of 31 January
LAST = {"2031-01-29", "2031-01-30", "2031-01-31"}
KEEP = {"last": 3}
LISTED_S = 60  # by then everybody sees what is new
DATABASES = ("db:orders", "db:accounts", "cluster:events")


@pytest.fixture(name="prepared", scope="module")
def _twelve_nights(prepared: tuple[Control, dict[str, Any]]) -> Iterator[tuple[Control, dict[str, Any]]]:
    """Let twelve nights pass, once for all tests."""
    original, estate = prepared
    control = original.fork()
    estate = {**estate, **control.estate("databases")}
    control.weather(rds={"copies": {"base_s": 300, "gib_per_s": 10}})
    control.advance(to=FIRST_NIGHT)
    for _ in range(NIGHTS):
        DatabasePast(control, estate).night(*DATABASES)
    yield control, estate
    control.quit()


@pytest.fixture(name="past")
def _past(stage: Stage) -> DatabasePast:
    return DatabasePast(stage.control, stage.estate)


def run_steps(stage: Stage, key: str, *steps: dict[str, Any]) -> RunRecord:
    guard = {"regions": [HOME, AWAY], "max_targets": 500, "max_share": "100%"}
    return stage.run(stage.book("nightly-retention", guard=guard, steps=list(steps), verify=[]), key)


def expire(stage: Stage, key: str = "k1", policy: str = "nightly", **more: Any) -> RunRecord:
    given = {"select": {"policy": policy}, "regions": [HOME, AWAY], "keep": KEEP, **more}
    return run_steps(stage, key, {"id": "retention", "uses": "rds.expire_snapshots", "with": given})


def expire_after(stage: Stage, change: Callable[[], object]) -> RunRecord:
    """Expire, with something that happens between the plan and the first deletion."""
    action: Any = stage.services.actions["rds.expire_snapshots"]
    plan = action.plan

    def then_changed(*args: Any) -> Any:
        made = plan(*args)
        change()
        return made

    action.plan = then_changed
    try:
        return expire(stage)
    finally:
        del action.plan


def oldest(database: str) -> str:
    return f"lifeboat-{database}-20310120"


def arn_of(database: str) -> str:
    return f"arn:aws:rds:{HOME}:123456789012:snapshot:{oldest(database)}"


def restored(stage: Stage, database: str) -> None:
    stage.control.witness("rds", HOME).restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=f"{database}-again", DBSnapshotIdentifier=oldest(database)
    )
    stage.control.advance(LISTED_S)


def copied(stage: Stage, database: str, region: str) -> None:
    stage.control.weather(rds={"copies": {"base_s": 400_000}})
    more = {"SourceRegion": HOME, "KmsKeyId": "alias/recovery"} if region != HOME else {}
    stage.control.witness("rds", region).copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn_of(database), TargetDBSnapshotIdentifier="by-hand", **more
    )
    stage.control.advance(LISTED_S)


def renamed(stage: Stage, old: str, new: str) -> None:
    stage.control.witness("rds", HOME).modify_db_instance(
        DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True
    )
    stage.estate["databases"][new] = stage.estate["databases"][old]
    stage.control.settle()


@pytest.mark.parametrize("region", [HOME, AWAY])
def test_a_source_that_a_person_copies_is_kept_though_the_copy_says_nothing(
    stage: Stage, past: DatabasePast, region: str
) -> None:
    copied(stage, "orders", region)
    found = expire(stage)
    assert exit_code(found) == 0, found.message
    assert past.days(HOME, "db:orders") == {*LAST, "2031-01-20"}
    assert past.days(HOME, "db:accounts") == past.days(AWAY, "db:orders") == LAST
    notes = step(found, "retention").notes
    assert any(f"{oldest('orders')} is being copied to by-hand in {region}" in note for note in notes)


def test_while_a_database_is_restored_no_point_of_its_engine_goes_there(stage: Stage, past: DatabasePast) -> None:
    restored(stage, "orders")
    found = expire(stage, "k1")
    assert exit_code(found) == 0, found.message
    assert len(past.days(HOME, "db:orders")) == NIGHTS
    assert past.days(HOME, "db:accounts") == past.days(AWAY, "db:orders") == past.days(HOME, "cluster:events") == LAST
    assert any("may be being restored to db:orders-again" in note for note in step(found, "retention").notes)
    stage.control.settle()
    assert exit_code(expire(stage, "k2")) == 0
    assert past.days(HOME, "db:orders") == LAST


@pytest.mark.parametrize("why", ["may be being restored", "is being copied"])
def test_what_begins_between_plan_and_deletion_stops_the_deletion(stage: Stage, past: DatabasePast, why: str) -> None:
    begins = {
        "may be being restored": lambda: restored(stage, "accounts"),
        "is being copied": lambda: copied(stage, "accounts", HOME),
    }
    found = expire_after(stage, begins[why])
    said = step(found, "retention")
    assert said.state is StepState.PARTIAL
    assert oldest("accounts") in past.there(HOME)
    assert any(why in failure.message and oldest("accounts") in failure.message for failure in said.failures)
    assert past.days(HOME, "db:orders") == LAST


def test_a_database_that_was_renamed_has_one_history(stage: Stage, past: DatabasePast) -> None:
    renamed(stage, "accounts", "ledger")
    check = {"id": "points", "uses": "check.database_points"}
    look = {"select": {"instances": ["ledger"]}, "regions": [HOME, AWAY], "since": "2d"}
    assert exit_code(run_steps(stage, "k0", {**check, "with": look})) == 0, "its points are those of its old name"
    past.night("db:ledger")
    past.night("db:ledger")
    assert exit_code(expire(stage, orphans="1h")) == 0
    for region in (HOME, AWAY):
        left = past.days(region, "db:ledger") | past.days(region, "db:accounts")
        assert left == {"2031-01-31", "2031-02-01", "2031-02-02"}, region


def test_a_name_that_another_database_has_now_makes_no_one_history(stage: Stage, past: DatabasePast) -> None:
    renamed(stage, "accounts", "ledger")
    renamed(stage, "orders", "accounts")
    assert exit_code(expire(stage)) == 0
    ids = {own["lifeboat:source-resource"].split("/")[1] for own in past.there(AWAY).values()}
    assert len(ids) == len(DATABASES)
    for database in DATABASES:
        assert past.days(HOME, database) == past.days(AWAY, database) == LAST


def test_a_database_that_is_gone_keeps_its_last_good_point_only(stage: Stage, past: DatabasePast) -> None:
    rds = stage.control.witness("rds", HOME)
    rds.modify_db_instance(DBInstanceIdentifier="accounts", DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier="accounts", SkipFinalSnapshot=True)
    stage.control.advance(5 * DAY_S)
    keep = {"last": 9}
    assert exit_code(expire(stage, "k1", keep=keep)) == 0
    assert len(past.days(HOME, "db:accounts")) == 9, "nobody asked for it"
    assert exit_code(expire(stage, "k2", keep=keep, orphans="30d")) == 0
    assert len(past.days(HOME, "db:accounts")) == 9, "its newest is young enough"
    found = expire(stage, "k3", keep=keep, orphans="4d")
    assert exit_code(found) == 0
    assert past.days(HOME, "db:accounts") == past.days(AWAY, "db:accounts") == {"2031-01-31"}
    assert len(past.days(HOME, "db:orders")) == len(past.days(AWAY, "cluster:events")) == 9


def test_what_aws_refuses_to_delete_is_told_by_name_and_stays(stage: Stage, past: DatabasePast) -> None:
    before = set(past.there(HOME)) | set(past.there(AWAY))
    stage.control.weather(refuse_writes=True)
    found = expire(stage)
    said = step(found, "retention")
    assert (exit_code(found), said.state) == (1, StepState.FAILED)
    assert {failure.code for failure in said.failures} == {"action.denied"}
    assert {f"snapshot:{oldest('orders')}", f"cluster-snapshot:{oldest('events')}-c"} <= {
        failure.resource for failure in said.failures
    }
    assert set(past.there(HOME)) | set(past.there(AWAY)) == before
