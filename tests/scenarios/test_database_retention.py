"""Forty nights of databases, and the mornings on which what is no longer wanted is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.aws import tags
from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import RunState, StepState
from chalicelib.sandbox.client import Control
from tests.database_pasts import AWAY, DAY_S, HOME, DatabasePast
from tests.scenarios.conftest import Stage, exit_code, step

FIRST_NIGHT = datetime(2031, 1, 20, 2, 0, tzinfo=UTC)
FAILED = datetime(2031, 2, 1, 2, 0, tzinfo=UTC)
NIGHTS = 40  # the last one is that of 28 February
KEEP = {"last": 3, "daily": 7, "weekly": 4, "monthly": 12}
# last 3 and daily 7: 22 to 28 February; weekly: the Mondays 3, 10, 17 and 24 February; monthly: the first point that
# exists of January, and of February, whose 1st failed.
PROMISED = {"2031-01-20", "2031-02-02", "2031-02-03", "2031-02-10", "2031-02-17"}
PROMISED |= {f"2031-02-{day}" for day in range(22, 29)}


@pytest.fixture(name="prepared", scope="module")
def _forty_nights(prepared: tuple[Control, dict[str, Any]]) -> Iterator[tuple[Control, dict[str, Any]]]:
    """Let forty nights pass, once for all tests; that of 1 February failed."""
    original, estate = prepared
    control = original.fork()
    estate = {**estate, **control.estate("databases")}
    control.weather(rds={"copies": {"base_s": 300, "gib_per_s": 10}})
    past = DatabasePast(control, estate)
    control.advance(to=FIRST_NIGHT)
    for night in range(NIGHTS):
        if FIRST_NIGHT + timedelta(days=night) == FAILED:
            control.advance(DAY_S)
        else:
            past.night(*estate["protected_databases"])
    yield control, estate
    control.quit()


@pytest.fixture(name="past")
def _past(stage: Stage) -> DatabasePast:
    return DatabasePast(stage.control, stage.estate)


def expire(stage: Stage, key: str, share: str = "100%", between: Callable[[], None] = lambda: None) -> RunRecord:
    given = {"select": {"policy": "nightly"}, "regions": [HOME, AWAY], "keep": KEEP}
    steps = [{"id": "retention", "uses": "rds.expire_snapshots", "with": given}]
    guard = {"regions": [HOME, AWAY], "max_targets": 500, "max_share": share}
    book = stage.book("nightly-retention", guard=guard, steps=steps)
    return stage.drive(stage.start(book, key), between)


def test_every_database_keeps_its_generations_in_both_regions_and_nothing_foreign_is_touched(
    stage: Stage, past: DatabasePast
) -> None:
    found = expire(stage, "k1")
    assert exit_code(found) == 0, found.message
    for region in (HOME, AWAY):
        for database in stage.estate["protected_databases"]:
            assert past.days(region, database) == PROMISED, (region, database)
    assert stage.estate["foreign_snapshot"] in past.there(HOME)
    notes = step(found, "retention").notes
    assert "no Recycle Bin" in notes[0]
    assert any("monthly 2031-02" in note and "02-02" in note for note in notes)
    again = expire(stage, "k2")
    assert (step(again, "retention").counts.planned, exit_code(again)) == (0, 0)


def test_in_bad_weather_and_by_shares_it_comes_to_the_same_and_nothing_more(stage: Stage, past: DatabasePast) -> None:
    stage.control.weather(throttle_share=0.3, lost_answer_share=0.3, visibility_s=60)
    for attempt in range(6):
        found = expire(stage, f"k{attempt}", share="30%")
        assert found.state is RunState.SUCCEEDED, found.message
    for region in (HOME, AWAY):
        for database in stage.estate["protected_databases"]:
            assert past.days(region, database) == PROMISED, (region, database)
    assert stage.estate["foreign_snapshot"] in past.there(HOME)


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
        return expire(stage, "k1")
    finally:
        del action.plan


def arn_of(name: str) -> str:
    return f"arn:aws:rds:{HOME}:123456789012:snapshot:{name}"


def told(found: RunRecord) -> dict[str, str]:
    return {failure.resource: failure.message for failure in step(found, "retention").failures}


def test_what_somebody_takes_in_hand_between_plan_and_deletion_is_kept_and_said(
    stage: Stage, past: DatabasePast
) -> None:
    rds = stage.control.witness("rds", HOME)
    marked, moved, stripped = (f"lifeboat-orders-2031012{day}" for day in (1, 2, 3))
    newest = "lifeboat-accounts-20310228"  # what all of accounts' were to be restored from

    def taken_in_hand() -> None:
        hands_off = {"Key": tags.HANDS_OFF, "Value": ""}
        rds.add_tags_to_resource(ResourceName=arn_of(marked), Tags=[hands_off])
        forever = {"Key": tags.POLICY, "Value": "forever"}
        rds.add_tags_to_resource(ResourceName=arn_of(moved), Tags=[hands_off, forever])
        rds.remove_tags_from_resource(ResourceName=arn_of(stripped), TagKeys=list(past.there(HOME)[stripped]))
        rds.delete_db_snapshot(DBSnapshotIdentifier=newest)

    found = expire_after(stage, taken_in_hand)
    said, why = step(found, "retention"), told(found)
    assert (found.state, said.state) == (RunState.FAILED, StepState.PARTIAL)
    assert "hands-off" in why[f"snapshot:{marked}"]
    assert "no longer a point of the policy nightly" in why[f"snapshot:{moved}"]
    assert "no longer a point of the policy nightly" in why[f"snapshot:{stripped}"]
    accounts = [message for resource, message in why.items() if "accounts" in resource and "-c" not in resource]
    assert accounts
    assert all("last good one" in message for message in accounts)
    assert {marked, moved, stripped} <= set(past.there(HOME))
    kept = [name for name in past.there(HOME) if name.startswith("lifeboat-accounts-")]
    assert len(kept) == NIGHTS - 2  # the failed night, and the one that somebody deleted
    assert past.days(AWAY, "db:accounts") == PROMISED


def test_a_source_that_is_still_being_copied_is_kept(stage: Stage, past: DatabasePast) -> None:
    stage.control.weather(rds={"copies": {"base_s": 400_000}, "fail_copies": []})
    old = "lifeboat-orders-20310122"
    arn = f"arn:aws:rds:{HOME}:123456789012:snapshot:{old}"
    past.control.witness("rds", AWAY).delete_db_snapshot(DBSnapshotIdentifier=f"{old}-c")
    past.copy("db:orders", arn, datetime(2031, 1, 22, 2, 0, tzinfo=UTC))
    stage.control.advance(60)  # until it is listed
    found = expire(stage, "k1")
    assert exit_code(found) == 0
    assert old in past.there(HOME)
    assert any("is being copied" in note and old in note for note in step(found, "retention").notes)


def test_a_copy_that_a_person_made_with_all_tags_is_not_lifeboats(stage: Stage, past: DatabasePast) -> None:
    rds = stage.control.witness("rds", HOME)
    made = {"lifeboat-orders-20310217": "before-migration", "lifeboat-orders-20310121": "before-upgrade-2"}
    for source, name in made.items():
        rds.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=name, CopyTags=True)
    stage.control.advance(9 * DAY_S)  # older than what a run may still be making
    found = expire(stage, "k1")
    assert exit_code(found) == 0
    assert set(made.values()) <= set(past.there(HOME))
    assert past.days(HOME, "db:accounts") == PROMISED
    notes = step(found, "retention").notes
    assert all(any(name in note and "somebody else" in note for note in notes) for name in made.values())


def test_snapshots_on_which_rds_works_are_not_taken_for_failed_and_go_when_it_is_done(
    stage: Stage, past: DatabasePast
) -> None:
    stage.control.weather(rds={"upgrading": ["accounts"]})
    found = expire(stage, "k1")
    assert exit_code(found) == 0
    assert len(past.days(HOME, "db:accounts")) == len(past.days(AWAY, "db:accounts")) == NIGHTS - 1
    assert any("is pending" in note for note in step(found, "retention").notes)
    assert past.days(HOME, "db:orders") == PROMISED
    stage.control.weather(rds={"upgrading": []})
    assert exit_code(expire(stage, "k2")) == 0
    assert past.days(HOME, "db:accounts") == past.days(AWAY, "db:accounts") == PROMISED


def test_what_changed_its_state_since_the_plan_is_decided_again(stage: Stage, past: DatabasePast) -> None:
    found = expire_after(stage, lambda: stage.control.weather(rds={"upgrading": ["accounts"]}))
    why = {resource: message for resource, message in told(found).items() if "accounts" in resource}
    assert len(why) == 2 * (NIGHTS - 1 - len(PROMISED))
    away = [message for resource, message in why.items() if resource.endswith("-c")]
    assert len(away) == len(why) / 2
    assert all("was completed when that was planned, and is pending now" in message for message in away)
    assert past.days(HOME, "db:orders") == PROMISED
