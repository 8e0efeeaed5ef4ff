"""ebs.copy_snapshots on the sandbox: keys, order, copies, failures, what became needless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_copies import CopySnapshots, CopySnapshotsInput
from chalicelib.actions.ebs_points import items_of
from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.domain.change import Effect, EffectState, Plan
from chalicelib.domain.manifest import parse
from chalicelib.errors import ActionError, ErrorKind, InputError
from chalicelib.settings import Limits
from tests.unit.actions.world import AWAY, HOME, NIGHTLY, World, in_doubt, items_from, needs_from, tags_of

ACTION = CopySnapshots()
CREATE = CreateSnapshots()


def backed_up(
    world: World, select: dict[str, Any] | None = None, run_id: str = "run-1"
) -> tuple[Plan, dict[str, Effect]]:
    ctx = world.ctx(run_id)
    plan = CREATE.plan(CreateSnapshotsInput.model_validate({"select": select or NIGHTLY, "policy": "nightly"}), ctx)
    return plan, world.carried_out(CREATE, plan, ctx)


def given(items: list[Any], **more: Any) -> CopySnapshotsInput:
    return CopySnapshotsInput.model_validate({"snapshots": items, "to_region": AWAY, **more})


def context(world: World, run_id: str = "run-1") -> StepContext:
    return world.ctx(run_id, step_id="copies")


def test_every_point_gets_a_copy_that_carries_all_a_restore_needs(world: World) -> None:
    made, effects = backed_up(world)
    ctx = context(world)
    plan = ACTION.plan(given(items_from(made, effects), kms_key="alias/recovery"), ctx)
    done = world.carried_out(ACTION, plan, ctx, needs_from(effects))
    assert {effect.state for effect in done.values()} == {EffectState.DONE}
    sources = {s["VolumeId"]: s for s in world.points()}
    copies = {tags_of(s)["lifeboat:source-volume"]: s for s in world.points(AWAY)}
    assert sorted(copies) == sorted(world.estate["protected"])
    for volume, copy in copies.items():
        tags, source = tags_of(copy), tags_of(sources[volume])
        assert copy["KmsKeyId"] == world.estate["keys"]["alias/recovery"]
        assert tags["lifeboat:source-snapshot"] == sources[volume]["SnapshotId"]
        assert tags["lifeboat:source-region"] == HOME
        for name in ("policy", "set", "set-size", "point", "run"):
            assert tags[f"lifeboat:{name}"] == source[f"lifeboat:{name}"]
        assert tags["backup"] == "nightly"
        assert [one.volume_id for one in parse(tags["lifeboat:manifest.0"]).volumes] == [volume]
        assert tags["lifeboat:effect"] == ctx.effect_id(volume)


def test_a_copy_waits_for_its_own_snapshot_only(world: World) -> None:
    ctx = world.ctx()
    made = CREATE.plan(CreateSnapshotsInput.model_validate({"select": NIGHTLY, "policy": "nightly"}), ctx)
    plan = ACTION.plan(given(items_from(made, {})), context(world))  # nothing is made yet
    needed = {change.key: change.after for change in plan.changes}
    for change in made.changes:
        assert all(needed[volume] == (f"snapshots/{change.key}",) for volume in change.targets)


def test_the_key_is_resolved_before_anything_is_copied(world: World) -> None:
    made, effects = backed_up(world, {"volumes": [world.estate["names"]["archive"]]})
    arn = world.estate["keys"]["alias/recovery"]
    for name in ("alias/recovery", arn, arn.rsplit("/", 1)[1]):
        [change] = ACTION.plan(given(items_from(made, effects), kms_key=name), context(world)).changes
        assert change.params["kms_key"] == arn


@pytest.mark.parametrize("key", ["alias/nowhere", "alias/shop"])
def test_a_key_that_the_destination_lacks_ends_the_plan(world: World, key: str) -> None:
    with pytest.raises(InputError) as caught:
        ACTION.plan(given([], kms_key=key), context(world))
    assert caught.value.code == "action.key_unusable"
    assert key in caught.value.message


def test_a_key_of_another_region_is_named_as_such(world: World) -> None:
    with pytest.raises(InputError, match=f"belongs to {HOME}"):
        ACTION.plan(given([], kms_key=world.estate["keys"]["alias/shop"]), context(world))


def test_a_disabled_key_and_one_pending_deletion_are_refused(world: World) -> None:
    kms, key = world.truth(AWAY, "kms"), world.estate["keys"]["alias/recovery"]
    kms.disable_key(KeyId=key)
    with pytest.raises(InputError, match="is Disabled"):
        ACTION.plan(given([], kms_key="alias/recovery"), context(world))
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with pytest.raises(InputError, match="is PendingDeletion"):
        ACTION.plan(given([], kms_key="alias/recovery"), context(world))


def test_without_a_key_the_reader_is_told_which_one_encrypted_copies_get(world: World) -> None:
    made, effects = backed_up(world)
    plan = ACTION.plan(given(items_from(made, effects)), context(world))
    assert any("default key of us-west-2" in note for note in plan.notes)


def test_a_copy_that_fails_later_says_why_in_awss_words(world: World) -> None:
    volume = world.estate["names"]["archive"]
    made, effects = backed_up(world, {"volumes": [volume]})
    plan = ACTION.plan(given(items_from(made, effects), kms_key="alias/recovery"), context(world))
    world.truth(AWAY, "kms").disable_key(KeyId=world.estate["keys"]["alias/recovery"])
    [effect] = world.carried_out(ACTION, plan, context(world), needs_from(effects)).values()
    [copy] = world.points(AWAY)
    assert (effect.state, effect.code) == (EffectState.FAILED, "action.snapshot_failed")
    assert copy["StateMessage"] in effect.message
    assert volume in effect.message


def test_a_volume_that_was_left_out_of_its_set_has_nothing_to_copy(world: World) -> None:
    made, effects = backed_up(world, {"instances": [world.estate["names"]["web-1"]]})
    plan = ACTION.plan(given(items_from(made, effects)), context(world))
    key, effect = next(iter(effects.items()))
    lost = plan.changes[0].targets[0]
    known = {name: facts for name, facts in items_of(effect).items() if name != lost}
    short = effect.model_copy(update={"facts": {**effect.facts, "items": known}})
    waiting = plan.changes[0].model_copy(update={"params": {**plan.changes[0].params, "snapshot_id": None}})
    with pytest.raises(ActionError) as caught:
        ACTION.apply(waiting, {f"snapshots/{key}": short}, context(world))
    assert (caught.value.code, caught.value.kind) == ("action.source_missing", ErrorKind.TERMINAL)
    assert lost in caught.value.message


def test_never_protected_sets_go_first_then_the_oldest_and_sets_stay_together(world: World) -> None:
    names = world.estate["names"]
    for instance in ("web-2", "web-1"):  # web-2 is protected first, so it is the older one
        made, effects = backed_up(world, {"instances": [names[instance]]}, run_id=f"earlier-{instance}")
        ctx = context(world, f"earlier-{instance}")
        plan = ACTION.plan(given(items_from(made, effects)), ctx)
        world.carried_out(ACTION, plan, ctx, needs_from(effects))
    made, effects = backed_up(world, {"instances": [names[one] for one in ("web-1", "web-2", "batch-1")]}, "tonight")
    plan = ACTION.plan(given(items_from(made, effects)), context(world, "tonight"))
    order = [change.targets[0] for change in sorted(plan.changes, key=lambda change: (change.order, change.key))]
    assert [change.targets[0] for change in plan.changes] == order
    assert sorted(order[:3]) == world.set_of("batch-1")
    assert sorted(order[3:5]) == world.set_of("web-2")
    assert sorted(order[5:]) == world.set_of("web-1")


def test_planning_reads_the_key_once_and_the_destination_once(world: World) -> None:
    made, effects = backed_up(world)
    world.control.reset_calls()
    ACTION.plan(given(items_from(made, effects), kms_key="alias/recovery"), context(world))
    assert world.calls() == {"DescribeKey": 1, "DescribeSnapshots": 1}


def test_the_quota_is_the_window_and_going_beyond_it_is_no_failure(world: World) -> None:
    assert ACTION.window(Limits(copies_per_destination=3)) == 3
    made, effects = backed_up(world)
    world.control.weather(quotas={"copies_per_destination": 1})
    plan = ACTION.plan(given(items_from(made, effects)), context(world))
    ACTION.apply(plan.changes[0], needs_from(effects), context(world))
    with pytest.raises(ActionError) as caught:
        ACTION.apply(plan.changes[1], needs_from(effects), context(world))
    assert (caught.value.code, caught.value.kind) == ("action.at_capacity", ErrorKind.AT_CAPACITY)


def test_a_deadline_is_asked_of_aws_and_expected(world: World) -> None:
    made, effects = backed_up(world, {"volumes": [world.estate["names"]["archive"]]})
    ctx = context(world)
    [change] = ACTION.plan(given(items_from(made, effects), deadline="50m"), ctx).changes
    effect = ACTION.apply(change, needs_from(effects), ctx)
    [copy] = world.points(AWAY)
    assert copy["CompletionDurationMinutes"] == 60
    assert effect.due is not None
    assert (effect.due - ctx.now).total_seconds() == 3600


def test_a_copy_whose_answer_was_lost_is_adopted(world: World) -> None:
    made, effects = backed_up(world, {"volumes": [world.estate["names"]["archive"]]})
    ctx = context(world)
    [change] = ACTION.plan(given(items_from(made, effects)), ctx).changes
    world.control.weather(lost_answer_share=1.0)
    with pytest.raises(ActionError) as caught:
        ACTION.apply(change, needs_from(effects), ctx)
    assert caught.value.kind is ErrorKind.IN_DOUBT
    world.control.weather(lost_answer_share=0.0)
    later = world.later(ctx, 7200)
    found = ACTION.observe([(change, in_doubt(ctx))], later)[change.key]
    [copy] = world.points(AWAY)
    assert (found.state, found.adopted, found.id) == (EffectState.DONE, True, copy["SnapshotId"])
    [item] = items_from(Plan(changes=(change,)), {change.key: found}, "copies")
    assert (item["region"], item["snapshot_id"]) == (AWAY, copy["SnapshotId"])


def test_plain_snapshot_ids_are_copied_and_missing_ones_are_named(world: World) -> None:
    _, effects = backed_up(world, {"volumes": [world.estate["names"]["archive"]]})
    [effect] = effects.values()
    ctx = replace(context(world), run_id="by-hand")
    plan = ACTION.plan(given([effect.id, effect.id, "snap-00000000"]), ctx)
    [failure] = plan.failures
    assert (failure.resource, failure.code) == ("snap-00000000", "action.source_missing")
    [change] = plan.changes
    assert (change.key, change.after) == (effect.id, ())
    [done] = world.carried_out(ACTION, plan, ctx).values()
    assert done.state is EffectState.DONE
    [copy] = world.points(AWAY)
    assert tags_of(copy)["lifeboat:point"] == effect.facts["point"]


def test_a_copy_is_handed_on_like_a_snapshot(world: World) -> None:
    made, effects = backed_up(world, {"volumes": [world.estate["names"]["archive"]]})
    ctx = context(world)
    plan = ACTION.plan(given(items_from(made, effects)), ctx)
    copied = world.carried_out(ACTION, plan, ctx, needs_from(effects))
    back = replace(ctx, step_id="back", now=world.clock.now())
    again = ACTION.plan(given(items_from(plan, copied, "copies"), kms_key="alias/shop", to_region=HOME), back)
    [done] = world.carried_out(ACTION, again, back, needs_from(copied, "copies")).values()
    assert done.state is EffectState.DONE
    assert ACTION.outputs(given([]), [(again.changes[0], done)], ctx)["copies"] == 1
