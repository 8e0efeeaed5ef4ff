"""How snapshots are judged that the sandbox rarely shows: partial listings, and sets that stay short."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.domain.change import Change, Effect, EffectState
from tests.unit.actions.world import World, in_doubt

ACTION = CreateSnapshots()


def doubtful_set(world: World) -> tuple[Change, Effect, Any]:
    """Make a set whose answer is not known, and let it become visible."""
    ctx = world.ctx()
    select = {"instances": [world.estate["names"]["db-1"]]}
    [change] = ACTION.plan(CreateSnapshotsInput.model_validate({"select": select, "policy": "nightly"}), ctx).changes
    ACTION.apply(change, {}, ctx)
    return change, in_doubt(ctx), world.later(ctx, 30)


def untag(world: World, count: int) -> list[str]:
    """Make so many members invisible to a look by effect tag, as a listing does that lags."""
    ids = sorted(s["SnapshotId"] for s in world.points())[:count]
    world.truth().delete_tags(Resources=ids, Tags=[{"Key": "lifeboat:effect"}])
    world.control.settle()
    return ids


def test_a_set_that_is_listed_in_part_is_looked_for_again_by_tag(world: World) -> None:
    change, doubt, ctx = doubtful_set(world)
    [hidden] = untag(world, 1)
    part = ACTION.observe([(change, doubt)], ctx)[change.key]
    assert (part.state, part.facts["whole"]) == (EffectState.PENDING, False)
    name = ctx.effect_id(change.key)
    world.truth().create_tags(Resources=[hidden], Tags=[{"Key": "lifeboat:effect", "Value": name}])
    world.control.settle()
    full = ACTION.observe([(change, part)], world.later(ctx, 60))[change.key]
    assert (full.state, full.facts["whole"], full.failures) == (EffectState.DONE, True, ())


def test_a_set_that_stays_short_ends_with_the_missing_volume_named(world: World) -> None:
    change, doubt, ctx = doubtful_set(world)
    untag(world, 1)
    part = ACTION.observe([(change, doubt)], ctx)[change.key]
    ended = ACTION.observe([(change, part)], world.later(ctx, 1800))[change.key]
    [failure] = ended.failures
    assert failure.code == "action.incomplete_set"
    assert failure.resource in change.targets
    assert ended.state is EffectState.DONE


def test_progress_tells_when_the_last_member_will_be_done(world: World) -> None:
    change, doubt, ctx = doubtful_set(world)
    ctx = world.later(ctx, 20)
    seen = ACTION.observe([(change, doubt)], ctx)[change.key]
    running = [s for s in world.points() if s["State"] == "pending"]
    ends: list[datetime] = [
        s["StartTime"] + (ctx.now - s["StartTime"]) * 100 / int(s["Progress"].rstrip("%")) for s in running
    ]
    assert seen.due is not None
    assert abs(seen.due - max(ends)) < timedelta(seconds=30)


@pytest.mark.parametrize("order", [1, -1])
def test_changes_in_several_regions_are_looked_up_where_they_are(world: World, order: int) -> None:
    change, doubt, ctx = doubtful_set(world)
    elsewhere = change.model_copy(update={"key": "i-00000001", "region": "us-west-2"})
    found = ACTION.observe([(change, doubt), (elsewhere, doubt)][::order], ctx)
    assert found.keys() == {change.key}
