"""What a restore made is deleted again, and names are given back; drills make their databases where they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.actions.base import DrillSite, StepContext
from chalicelib.aws import tags
from chalicelib.domain.change import Change, Effect, EffectState
from chalicelib.domain.run import RunState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import HOME, Stage, tags_of
from tests.scenarios.databases import backed_up, carried_out, context, instance, made_by, names, of_step

SHOP = {"tags": {"app": "shop"}}
SITE = DrillSite("subnet-drill", "sg-drill", "drill", "drill-private")


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as made:
        yield made


def settled(stage: Stage, name: str, changes: list[Change], ctx: StepContext) -> dict[str, Effect]:
    """Carry changes out in order, each until it is settled; an effect that is moot or a conflict is not made."""
    action: Any = stage.services.engine.actions.get(name) or _internal(name)
    done: dict[str, Effect] = {}
    for change in changes:
        ctx = replace(ctx, now=stage.services.clock.now())
        review = action.review([change], {}, ctx).get(change.key)
        if review and review.state:
            done[change.key] = Effect(state=EffectState(review.state), at=ctx.now, message=review.message)
            continue
        effect = action.apply(change, done, ctx)
        for _ in range(30):
            if effect.settled:
                break
            stage.services.clock.sleep(300)
            ctx = replace(ctx, now=stage.services.clock.now())
            effect = action.observe([(change, effect)], ctx).get(change.key, effect)
        assert effect.settled, f"{change.key} never settled"
        done[f"{ctx.step_id}/{change.key}"] = done[change.key] = effect
    return done


def _internal(name: str) -> Any:
    from chalicelib.actions.registry import INTERNAL

    return INTERNAL[name]


def undone(stage: Stage, run_id: str) -> dict[str, Effect]:
    """Take a run's effects back, the last one first."""
    action: Any = stage.services.actions["rds.restore"]
    done: dict[str, Effect] = {}
    for change, effect in reversed(made_by(stage, run_id)):
        undo = action.undo(change, effect, context(stage, run_id))
        wanted = "rds.name_back" if change.params["what"] == "rename" else "rds.delete_restored"
        assert undo.by == wanted, undo.cannot
        done |= settled(stage, undo.by, list(undo.changes), context(stage, run_id))
    return done


def test_what_was_restored_goes_again_and_the_old_ones_have_their_names_back(stage: Stage) -> None:
    before, old = names(stage), instance(stage, "orders")["DbiResourceId"]
    found = carried_out(stage, "rds.restore", {"select": SHOP, "replace": "rename"})
    assert found.state is RunState.SUCCEEDED, found.message
    assert instance(stage, "orders")["DbiResourceId"] != old
    done = undone(stage, found.run_id)
    assert {effect.state for effect in done.values()} == {EffectState.DONE}
    assert names(stage) == before
    assert instance(stage, "orders")["DbiResourceId"] == old
    rds = stage.control.witness("rds", HOME)
    kept = [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]
    assert sum(name.startswith("lifeboat-last-") for name in kept) == 2  # what was written to them is not lost
    again = undone(stage, found.run_id)
    assert {effect.state for effect in again.values()} == {EffectState.MOOT}


def test_a_run_that_fails_afterwards_takes_its_restore_back_by_itself(stage: Stage) -> None:
    before, old = names(stage), instance(stage, "orders")["DbiResourceId"]
    given = {"select": {"databases": ["db:orders", "cluster:events"]}, "replace": "rename"}
    book = of_step(stage, "rds.restore", given)
    none = {"select": {"instances": ["nope"]}, "wherever": True}
    fails = {"id": "fails", "uses": "rds.failover", "with": none, "on_failure": "undo"}
    steps = [*book.model_dump(mode="json", by_alias=True, exclude_none=True)["steps"], fails]
    found = stage.run(book.model_validate({**book.model_dump(mode="json", by_alias=True), "steps": steps}))
    assert found.state is RunState.FAILED
    assert names(stage) == before, [(one.id, one.state, one.message, one.failures) for one in found.steps]
    assert instance(stage, "orders")["DbiResourceId"] == old


def test_what_somebody_holds_or_has_made_anew_is_not_deleted(stage: Stage) -> None:
    found = carried_out(stage, "rds.restore", {"select": {"databases": ["db:orders", "db:accounts"]}})
    [(one, made), (two, other)] = [(c, e) for c, e in made_by(stage, found.run_id)]
    rds = stage.control.witness("rds", HOME)
    first, second = str(made.id).removeprefix("db:"), str(other.id).removeprefix("db:")
    rds.modify_db_instance(DBInstanceIdentifier=first, DeletionProtection=True)
    rds.remove_tags_from_resource(ResourceName=instance(stage, second)["DBInstanceArn"], TagKeys=[tags.EFFECT])
    done = undone(stage, found.run_id)
    assert {effect.state for effect in done.values()} == {EffectState.CONFLICT}
    messages = " ".join(effect.message for effect in done.values())
    assert "protected from deletion" in messages
    assert tags.EFFECT in messages
    assert {f"db:{first}", f"db:{second}"} <= names(stage)
    assert (one.resource, two.resource) == ("db:accounts", "db:orders") or one.resource == "db:orders"


def test_an_old_database_that_has_moved_on_keeps_its_name(stage: Stage) -> None:
    found = carried_out(stage, "rds.restore", {"select": {"databases": ["db:orders"]}, "replace": "rename"})
    rename, effect = next((c, e) for c, e in made_by(stage, found.run_id) if c.params["what"] == "rename")
    action: Any = stage.services.actions["rds.restore"]
    undo = action.undo(rename, effect, context(stage, found.run_id))
    rds = stage.control.witness("rds", HOME)
    old = str(effect.id).removeprefix("db:")
    rds.modify_db_instance(DBInstanceIdentifier=old, NewDBInstanceIdentifier="kept", ApplyImmediately=True)
    stage.control.settle()
    done = settled(stage, undo.by, list(undo.changes), context(stage, found.run_id))
    assert {effect.state for effect in done.values()} == {EffectState.CONFLICT}
    assert "db:kept" in names(stage)


def test_a_drill_restores_into_its_own_groups_under_drill_tags_and_leaves_nothing_behind(stage: Stage) -> None:
    action: Any = stage.services.actions["rds.restore"]
    given = action.given.model_validate({"select": SHOP, "replace": "rename", "name": None})
    ctx = context(stage, "run-drill", drill=SITE)
    before = names(stage)
    plan = action.plan(given, ctx)
    assert plan.ask is None
    assert {change.params["what"] for change in plan.changes} == {"restore", "member"}
    done = settled(stage, "rds.restore", list(plan.changes), ctx)
    made = [one.removeprefix("db:") for one in names(stage) - before if one.startswith("db:")]
    assert len(made) == 4
    for name in made:
        one = instance(stage, name)
        own = tags_of({"Tags": one["TagList"]})
        assert (own[tags.DRILL], "app" in own, one["MultiAZ"]) == ("run-drill", False, False)
        assert one["DBSubnetGroup"]["DBSubnetGroupName"] == "drill-private"
        assert [group["VpcSecurityGroupId"] for group in one["VpcSecurityGroups"]] == ["sg-drill"]
    for change in reversed(plan.changes):
        undo = action.undo(change, done[change.key], ctx)
        settled(stage, undo.by, list(undo.changes), ctx)
    assert names(stage) == before
    rds = stage.control.witness("rds", HOME)
    kept = [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]
    assert not [name for name in kept if name.startswith("lifeboat-last-")]


def test_a_drill_without_a_subnet_group_for_databases_says_that_they_are_not_rehearsed(stage: Stage) -> None:
    action: Any = stage.services.actions["rds.restore"]
    given = action.given.model_validate({"select": SHOP})
    plan = action.plan(given, context(stage, "run-drill", drill=replace(SITE, db_subnet_group="")))
    assert (plan.changes, plan.ask) == ((), None)
    assert plan.notes[0].startswith("not rehearsed")
