"""Waiting copies that a newer point makes needless."""

from __future__ import annotations

from typing import Any

from chalicelib.actions.base import Review
from chalicelib.actions.ebs_copies import CopySnapshots, CopySnapshotsInput
from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.domain.change import Change, Effect
from tests.unit.actions.world import AWAY, NIGHTLY, World, items_from, needs_from

ACTION = CopySnapshots()
CREATE = CreateSnapshots()


def backup(world: World, run_id: str, **more: Any) -> Any:
    ctx = world.ctx(run_id)
    plan = CREATE.plan(CreateSnapshotsInput.model_validate({"select": NIGHTLY, "policy": "nightly", **more}), ctx)
    return plan, world.carried_out(CREATE, plan, ctx)


def waiting_copies(world: World, run_id: str) -> tuple[list[Change], dict[str, Effect]]:
    made, effects = backup(world, run_id)
    items = CopySnapshotsInput.model_validate({"snapshots": items_from(made, effects), "to_region": AWAY})
    plan = ACTION.plan(items, world.ctx(run_id, step_id="copies"))
    return list(plan.changes), needs_from(effects)


def reviewed(world: World, changes: list[Change], needs: dict[str, Effect]) -> dict[str, Review]:
    return dict(ACTION.review(changes, needs, world.ctx("monday", step_id="copies")))


def test_copies_are_needed_while_their_point_is_the_newest(world: World) -> None:
    changes, needs = waiting_copies(world, "monday")
    assert reviewed(world, changes, needs) == {}


def test_copies_with_a_newer_complete_point_are_moot_and_say_which(world: World) -> None:
    changes, needs = waiting_copies(world, "monday")
    _, newer = backup(world, "tuesday")
    found = reviewed(world, changes, needs)
    assert found.keys() == {change.key for change in changes}
    assert {review.state for review in found.values()} == {"moot"}
    archive = world.estate["names"]["archive"]
    assert newer[archive].id is not None
    assert str(newer[archive].id) in found[archive].message


def test_a_set_of_which_a_copy_has_started_is_finished(world: World) -> None:
    changes, needs = waiting_copies(world, "monday")
    backup(world, "tuesday", consistency="volume")  # every volume by itself has a newer complete point
    db = world.estate["names"]["db-1/sdf"]
    left = [change for change in changes if change.key != db]  # its copy has started, so it waits no more
    needed = {change.key for change in left} - reviewed(world, left, needs).keys()
    assert needed == {*world.set_of("db-1"), world.estate["names"]["shared"]} - {db}


def test_a_newer_point_of_another_policy_does_not_count(world: World) -> None:
    changes, needs = waiting_copies(world, "monday")
    backup(world, "tuesday", policy="weekly")
    assert reviewed(world, changes, needs) == {}


def test_a_newer_set_of_which_a_member_is_still_pending_does_not_count(world: World) -> None:
    changes, needs = waiting_copies(world, "monday")
    ctx = world.ctx("tuesday")
    select = {"instances": [world.estate["names"]["db-1"]]}
    [change] = CREATE.plan(CreateSnapshotsInput.model_validate({"select": select, "policy": "nightly"}), ctx).changes
    CREATE.apply(change, {}, ctx)
    found: dict[str, Review] = {}
    for _ in range(100):
        world.later(ctx, 3)
        found = reviewed(world, changes, needs)
        states = {s["State"] for s in world.points() if s["VolumeId"] in change.targets and s["StartTime"] >= ctx.now}
        if states == {"pending", "completed"}:
            break
        assert "pending" in states, "no moment at which the set was done in part"
    assert found == {}


def test_a_review_reads_once_for_all_waiting_volumes(world: World) -> None:
    changes, needs = waiting_copies(world, "monday")
    world.control.reset_calls()
    reviewed(world, changes, needs)
    assert world.calls() == {"DescribeSnapshots": 1}
