"""What has become of fast snapshot restore, and what is read again before it is turned on or off."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_fast_restore import KeepFastRestore
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState
from tests.unit.actions.world import HOME, World, in_doubt

KEEP = KeepFastRestore()
ZONE = {"zone": "us-east-1b", "zone_id": "use1-az1"}


@pytest.fixture(name="snapshot")
def _snapshot(world: World) -> str:
    volume = world.estate["names"]["db-1/sdf"]
    own = [{"ResourceType": "snapshot", "Tags": [{"Key": "lifeboat:policy", "Value": "nightly"}]}]
    made = world.truth().create_snapshot(VolumeId=volume, TagSpecifications=own)["SnapshotId"]
    world.control.settle()
    return str(made)


def change(snapshot: str, do: str = "enable", **more: Any) -> Change:
    about = {"do": do, "snapshot": snapshot, **ZONE, "volume": "vol-1", "size_gib": 100, "policy": "nightly"}
    kind, why = ChangeKind.MODIFY, "wanted"
    return Change(
        key=f"{do}.{snapshot}", kind=kind, resource=snapshot, region=HOME, reason=why, params={**about, **more}
    )


def seen(wanted: Change, effect: Effect, ctx: StepContext) -> Effect | None:
    return KEEP.observe([(wanted, effect)], ctx).get(wanted.key)


def by_hand(world: World, snapshot: str, operation: str = "enable") -> None:
    call = getattr(world.truth(), f"{operation}_fast_snapshot_restores")
    call(AvailabilityZones=["us-east-1b"], SourceSnapshotIds=[snapshot])


def test_it_is_done_when_aws_shows_enabled_and_looked_at_when_that_is_expected(world: World, snapshot: str) -> None:
    ctx, wanted = world.ctx(), change(snapshot)
    effect = KEEP.apply(wanted, {}, ctx)
    assert effect.due is not None
    assert (effect.due - ctx.now).total_seconds() == pytest.approx(100 / 1024 * 3600)
    ctx = world.later(ctx, 120)
    found = seen(wanted, effect, ctx)
    assert found is not None
    assert (found.state, found.due is not None and found.due > ctx.now) == (EffectState.PENDING, True)
    found = seen(wanted, effect, world.later(ctx, 400))
    assert found is not None
    assert found.state is EffectState.DONE


def test_what_aws_disables_instead_has_failed(world: World, snapshot: str) -> None:
    ctx, wanted = world.ctx(), change(snapshot)
    effect = KEEP.apply(wanted, {}, ctx)
    by_hand(world, snapshot, "disable")
    found = seen(wanted, effect, world.later(ctx, 10))
    assert found is not None
    assert (found.state, found.code) == (EffectState.FAILED, "action.not_fast")
    assert "Client.UserInitiated" in found.message


def test_what_is_gone_with_its_snapshot_has_failed(world: World, snapshot: str) -> None:
    ctx, wanted = world.ctx(), change(snapshot)
    effect = KEEP.apply(wanted, {}, ctx)
    world.truth().delete_snapshot(SnapshotId=snapshot)
    found = seen(wanted, effect, world.later(ctx, 60))
    assert found is not None
    assert found.state is EffectState.PENDING  # AWS may be late to show it
    found = seen(wanted, effect, world.later(ctx, 1200))
    assert found is not None
    assert found.code == "action.not_fast"


def test_in_doubt_it_is_adopted_or_not_there(world: World, snapshot: str) -> None:
    ctx, wanted = world.ctx(), change(snapshot)
    assert seen(wanted, in_doubt(ctx), ctx) is None
    KEEP.apply(wanted, {}, ctx)
    ctx = world.later(ctx, 30)
    found = seen(wanted, in_doubt(ctx), ctx)
    assert found is not None
    assert (found.state, found.adopted, found.id) == (EffectState.PENDING, True, f"{snapshot}/use1-az1")
    off = change(snapshot, "disable", newer="")
    assert seen(off, in_doubt(ctx), ctx) is None
    KEEP.apply(off, {}, ctx)
    found = seen(off, in_doubt(ctx), world.later(ctx, 60))
    assert found is not None
    assert (found.state, found.adopted) == (EffectState.DONE, True)


def test_it_is_not_enabled_for_what_is_no_longer_ours_and_not_twice(world: World, snapshot: str) -> None:
    ctx, wanted = world.ctx(), change(snapshot)
    assert KEEP.review([wanted], {}, ctx) == {}
    by_hand(world, snapshot)
    [review] = KEEP.review([wanted], {}, ctx).values()
    assert review.params is not None
    assert KEEP.calls_for(wanted.model_copy(update={"params": dict(review.params)}), ctx) == ()
    world.truth().create_tags(Resources=[snapshot], Tags=[{"Key": "lifeboat:policy", "Value": "other"}])
    world.control.settle()
    assert KEEP.review([wanted], {}, ctx)[wanted.key].state == "conflict"
    world.truth().delete_snapshot(SnapshotId=snapshot)
    assert KEEP.review([wanted], {}, ctx)[wanted.key].state == "conflict"


def test_it_is_tagged_once_when_only_the_enabling_was_lost(world: World, snapshot: str) -> None:
    ctx, wanted = world.ctx(), change(snapshot)
    first, _ = KEEP.calls_for(wanted, ctx)
    world.truth().create_tags(**first.params)
    world.control.settle()
    [review] = KEEP.review([wanted], {}, world.later(ctx, 300)).values()
    assert review.params is not None
    again = KEEP.calls_for(wanted.model_copy(update={"params": dict(review.params)}), ctx)
    assert [call.operation for call in again] == ["EnableFastSnapshotRestores"]
    assert KEEP.review([wanted], {}, world.later(ctx, 600)) == {}  # too old to vouch for what is enabled now


def test_only_what_lifeboat_enabled_is_disabled_and_only_while_another_is_fast(world: World, snapshot: str) -> None:
    ctx, off = world.ctx(), change(snapshot, "disable", newer="")
    by_hand(world, snapshot)
    assert KEEP.review([off], {}, ctx)[off.key].state == "moot"
    by_hand(world, snapshot, "disable")
    [review] = KEEP.review([off], {}, ctx).values()
    assert review.params is not None
    nothing = off.model_copy(update={"params": dict(review.params)})
    assert KEEP.apply(nothing, {}, ctx).state is EffectState.DONE
    world.control.advance(60)
    KEEP.apply(change(snapshot), {}, world.later(ctx, 1))
    world.control.settle()
    assert KEEP.review([off], {}, ctx) == {}
    over = change(snapshot, "disable", newer="snap-00000000000000001")
    assert KEEP.review([over], {}, ctx)[over.key].state == "conflict"
    wait = change(snapshot, "wait", credit_s=60)
    assert KEEP.review([wait], {}, ctx) == {}
    by_hand(world, snapshot, "disable")
    assert KEEP.review([wait], {}, ctx)[wait.key].state == "conflict"
