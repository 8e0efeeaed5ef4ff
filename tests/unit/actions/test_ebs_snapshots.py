"""ebs.create_snapshots on the sandbox: plan, review, apply, observe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.domain.change import EffectState, Plan
from chalicelib.domain.manifest import parse
from chalicelib.errors import ActionError, ErrorKind, InputError
from chalicelib.settings import Limits
from tests.unit.actions.world import HOME, NIGHTLY, World, in_doubt, items_from, tags_of

ACTION = CreateSnapshots()


def given(select: dict[str, Any] | None = None, **more: Any) -> CreateSnapshotsInput:
    return CreateSnapshotsInput.model_validate({"select": select or NIGHTLY, "policy": "nightly", **more})


def planned(world: World, select: dict[str, Any] | None = None, **more: Any) -> Plan:
    return ACTION.plan(given(select, **more), world.ctx())


def test_one_crash_consistent_set_is_made_per_instance(world: World) -> None:
    ctx = world.ctx()
    plan = planned(world)
    world.control.reset_calls()
    effects = world.carried_out(ACTION, plan, ctx)
    assert world.calls()["CreateSnapshots"] == len(world.estate["instances"])
    assert world.calls()["CreateSnapshot"] == 1  # the volume that is not attached
    assert {effect.state for effect in effects.values()} == {EffectState.DONE}
    for change in plan.changes:
        points = [s for s in world.points() if s["VolumeId"] in change.targets]
        assert {tags_of(s)["lifeboat:set"] for s in points} == {ctx.effect_id(change.key)}
        assert {tags_of(s)["lifeboat:set-size"] for s in points} == {str(len(change.targets))}
        assert len({s["StartTime"] for s in points}) == 1


def test_what_is_not_selected_is_not_snapshotted(world: World) -> None:
    world.carried_out(ACTION, planned(world), world.ctx())
    assert sorted(s["VolumeId"] for s in world.points()) == sorted(world.estate["protected"])


def test_a_root_volume_that_is_not_selected_is_left_out(world: World) -> None:
    data = world.estate["names"]["web-1/sdf"]
    world.carried_out(ACTION, planned(world, {"volumes": [data]}), world.ctx())
    assert [s["VolumeId"] for s in world.points()] == [data]


def test_a_multi_attach_volume_is_in_exactly_one_set(world: World) -> None:
    shared = world.estate["names"]["shared"]
    homes = [change.key for change in planned(world).changes if shared in change.targets]
    assert homes == [world.estate["names"]["db-1"]]  # it has more volumes of its own than db-2


def test_consistency_volume_makes_a_point_of_each_volume(world: World) -> None:
    plan = planned(world, consistency="volume")
    assert sorted(change.key for change in plan.changes) == sorted(world.estate["protected"])
    world.control.reset_calls()
    world.carried_out(ACTION, plan, world.ctx())
    assert world.calls()["CreateSnapshot"] == len(world.estate["protected"])
    assert "CreateSnapshots" not in world.calls()
    assert all(tags_of(s)["lifeboat:source-volume"] == s["VolumeId"] for s in world.points())


def test_the_manifest_on_the_points_says_what_a_restore_needs(world: World) -> None:
    world.carried_out(ACTION, planned(world), world.ctx())
    root = world.estate["names"]["db-1/xvda"]
    point = next(s for s in world.points() if s["VolumeId"] == root)
    manifest = parse(tags_of(point)["lifeboat:manifest.0"])
    truth = world.truth().describe_volumes(VolumeIds=[v.volume_id for v in manifest.volumes])["Volumes"]
    by_id = {volume["VolumeId"]: volume for volume in truth}
    assert manifest.instance_id == world.estate["names"]["db-1"]
    assert manifest.zone_id.startswith("use1-az")
    assert [v.volume_id for v in manifest.volumes if v.boot] == [root]
    for volume in manifest.volumes:
        was = by_id[volume.volume_id]
        assert (volume.type, volume.size_gib, volume.iops) == (was["VolumeType"], was["Size"], was.get("Iops"))
        assert (volume.encrypted, volume.kms_key) == (was["Encrypted"], was.get("KmsKeyId"))


def test_points_inherit_the_tags_of_their_volumes(world: World) -> None:
    world.carried_out(ACTION, planned(world), world.ctx())
    for point in world.points():
        tags = tags_of(point)
        assert (tags["backup"], tags["lifeboat:policy"], tags["lifeboat:run"]) == ("nightly", "nightly", "run-1")


def test_planning_reads_three_times_for_a_page_of_volumes(world: World) -> None:
    world.control.reset_calls()
    planned(world)
    assert world.calls() == {"DescribeAvailabilityZones": 1, "DescribeVolumes": 1, "DescribeInstances": 1}


def test_five_hundred_volumes_are_planned_with_the_fewest_calls(world: World) -> None:
    world.control.estate("fleet", volumes=500, per_instance=2)
    world.control.settle()
    world.control.reset_calls()
    plan = planned(world)
    assert sum(len(change.targets) for change in plan.changes) >= 500
    assert world.calls() == {"DescribeAvailabilityZones": 1, "DescribeVolumes": 2, "DescribeInstances": 2}


def test_a_wave_is_reviewed_in_one_call(world: World) -> None:
    plan = planned(world)
    world.control.reset_calls()
    assert ACTION.review([c for c in plan.changes if c.params["how"] == "set"], {}, world.ctx()) == {}
    assert world.calls() == {"DescribeVolumes": 1}


def test_planning_changes_nothing_and_is_the_same_every_time(world: World) -> None:
    assert planned(world) == planned(world)
    assert world.points() == []


def test_a_selector_that_selects_nothing_says_what_and_where(world: World) -> None:
    with pytest.raises(InputError) as caught:
        planned(world, {"tags": {"backup": "hourly"}})
    assert caught.value.code == "action.nothing_selected"
    assert "tag backup=hourly" in caught.value.message
    assert HOME in caught.value.message


def test_volumes_that_are_hands_off_are_left_out_with_a_note(world: World) -> None:
    volume = world.estate["names"]["web-1/sdf"]
    world.truth().create_tags(Resources=[volume], Tags=[{"Key": "lifeboat:hands-off", "Value": ""}])
    world.control.settle()
    plan = planned(world)
    assert not any(volume in change.targets for change in plan.changes)
    assert any(volume in note for note in plan.notes)


def test_a_set_that_is_too_large_is_refused_and_the_others_go_on(world: World) -> None:
    ctx = replace(world.ctx(), limits=Limits(snapshots_per_set=2))
    plan = ACTION.plan(given(), ctx)
    [failure] = plan.failures
    assert (failure.resource, failure.code) == (world.estate["names"]["db-1"], "action.set_too_large")
    assert len(plan.changes) == len(world.estate["instances"])


def test_an_unattached_volume_is_a_point_of_its_own(world: World) -> None:
    archive = world.estate["names"]["archive"]
    [change] = planned(world, {"volumes": [archive]}).changes
    assert (change.key, change.params["how"], change.params["instance_id"]) == (archive, "single", None)


def test_an_effect_is_pending_until_all_members_are_completed(world: World) -> None:
    ctx = world.ctx()
    [change] = planned(world, {"instances": [world.estate["names"]["db-1"]]}).changes
    effect = ACTION.apply(change, {}, ctx)
    assert effect.state is EffectState.PENDING
    states = []
    for _ in range(60):
        ctx = world.later(ctx, 10)
        effect = ACTION.observe([(change, effect)], ctx).get(change.key, effect)
        done = {s["State"] for s in world.points()} == {"completed"}
        states.append(effect.state)
        assert (effect.state is EffectState.DONE) <= done
    assert states.index(EffectState.DONE) > 6


def test_the_next_look_finds_the_completion(world: World) -> None:
    ctx = world.ctx()
    [change] = planned(world, {"volumes": [world.estate["names"]["archive"]]}).changes
    effect = ACTION.apply(change, {}, ctx)
    ctx = world.later(ctx, 50)  # late enough to be listed, and to have made some progress
    effect = ACTION.observe([(change, effect)], ctx)[change.key]
    assert effect.state is EffectState.PENDING
    assert effect.due is not None
    ctx = world.later(ctx, (effect.due - ctx.now).total_seconds())
    assert ACTION.observe([(change, effect)], ctx)[change.key].state is EffectState.DONE


def test_a_member_in_error_fails_the_whole_set_and_says_why(world: World) -> None:
    data = world.estate["names"]["web-1/sdf"]
    world.control.weather(fail_snapshots=[data])
    plan = planned(world, {"instances": [world.estate["names"]["web-1"]]})
    [effect] = world.carried_out(ACTION, plan, world.ctx()).values()
    assert (effect.state, effect.code) == (EffectState.FAILED, "action.snapshot_failed")
    assert data in effect.message
    assert "whole set" in effect.message
    reason = next(s["StateMessage"] for s in world.points() if s["VolumeId"] == data)
    assert reason in effect.message


def test_an_effect_whose_answer_was_lost_is_adopted_and_not_made_again(world: World) -> None:
    ctx = world.ctx()
    [change] = planned(world, {"instances": [world.estate["names"]["db-1"]]}).changes
    world.control.weather(lost_answer_share=1.0)
    with pytest.raises(ActionError) as caught:
        ACTION.apply(change, {}, ctx)
    assert caught.value.kind is ErrorKind.IN_DOUBT
    world.control.weather(lost_answer_share=0.0)
    doubt = in_doubt(ctx)
    assert ACTION.observe([(change, doubt)], ctx) == {}  # not listed yet
    ctx = world.later(ctx, 60)
    found = ACTION.observe([(change, doubt)], ctx)[change.key]
    assert (found.state, found.adopted, found.id) == (EffectState.PENDING, True, ctx.effect_id(change.key))
    ctx = world.later(ctx, 3600)
    done = ACTION.observe([(change, found)], ctx)[change.key]
    assert (done.state, done.adopted) == (EffectState.DONE, True)
    assert items_from(Plan(changes=(change,)), {change.key: done})[0]["snapshot_id"].startswith("snap-")
    assert len(world.points()) == len(change.targets)


def test_points_of_another_run_are_not_adopted(world: World) -> None:
    plan = planned(world)
    world.carried_out(ACTION, plan, world.ctx("last-night"))
    tonight = world.ctx("tonight")
    assert ACTION.observe([(change, in_doubt(tonight)) for change in plan.changes], tonight) == {}


def test_a_snapshot_from_before_the_intent_is_not_adopted(world: World) -> None:
    ctx = world.ctx()
    [change] = planned(world, {"volumes": [world.estate["names"]["archive"]]}).changes
    ACTION.apply(change, {}, ctx)
    ctx = world.later(ctx, 3600)
    assert ACTION.observe([(change, in_doubt(ctx))], ctx) == {}


def test_a_second_snapshot_of_one_effect_is_reported_and_the_older_one_counts(world: World) -> None:
    ctx = world.ctx()
    [change] = planned(world, {"volumes": [world.estate["names"]["archive"]]}).changes
    first = ACTION.apply(change, {}, ctx)
    second = ACTION.apply(change, {}, world.later(ctx, 30))
    ctx = world.later(ctx, 3600)
    found = ACTION.observe([(change, in_doubt(world.ctx()).moved(EffectState.IN_DOUBT, first.at or ctx.now))], ctx)
    assert found[change.key].id == first.id
    [failure] = found[change.key].failures
    assert failure.code == "action.duplicate"
    assert second.id is not None
    assert second.id in failure.message


def test_a_snapshot_that_somebody_deleted_fails_its_effect(world: World) -> None:
    ctx = world.ctx()
    [change] = planned(world, {"volumes": [world.estate["names"]["archive"]]}).changes
    effect = ACTION.apply(change, {}, ctx)
    world.truth().delete_snapshot(SnapshotId=effect.id)
    ctx = world.later(ctx, 300)
    assert ACTION.observe([(change, effect)], ctx) == {}  # could still be late
    ctx = world.later(ctx, 3600)
    gone = ACTION.observe([(change, effect)], ctx)[change.key]
    assert (gone.state, gone.code) == (EffectState.FAILED, "action.resource_gone")


def test_what_is_in_flight_is_observed_in_one_call(world: World) -> None:
    ctx = world.ctx()
    plan = planned(world)
    asked = [(change, ACTION.apply(change, {}, ctx)) for change in plan.changes]
    ctx = world.later(ctx, 60)
    world.control.reset_calls()
    assert len(ACTION.observe(asked, ctx)) == len(plan.changes)
    assert world.calls() == {"DescribeSnapshots": 1}


def test_listings_are_read_to_the_last_page(world: World) -> None:
    world.control.weather(page_size=5)
    effects = world.carried_out(ACTION, planned(world), world.ctx())
    assert {effect.state for effect in effects.values()} == {EffectState.DONE}
    assert len(world.points()) == len(world.estate["protected"])


def test_outputs_count_what_is_planned_and_leave_out_what_failed(world: World) -> None:
    ctx, plan = world.ctx(), planned(world)
    made = [(change, in_doubt(ctx)) for change in plan.changes]
    assert ACTION.outputs(given(), made, ctx) == {"sets": 5, "volumes": 11, "points": 6}
    failed = in_doubt(ctx).moved(EffectState.FAILED, ctx.now)
    assert ACTION.outputs(given(), [(plan.changes[-1], failed)], ctx) == {"sets": 0, "volumes": 0, "points": 0}


def test_the_window_is_the_quota_of_pending_snapshots() -> None:
    assert ACTION.window(Limits(pending_snapshots=7)) == 7
