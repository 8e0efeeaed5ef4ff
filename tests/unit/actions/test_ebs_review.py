"""What is read again just before snapshots are made."""

from __future__ import annotations

from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.domain.change import Change, Effect, EffectState
from chalicelib.domain.manifest import parse
from tests.unit.actions.world import NIGHTLY, World, tags_of

ACTION = CreateSnapshots()


def changes_of(world: World) -> dict[str, Change]:
    plan = ACTION.plan(CreateSnapshotsInput.model_validate({"select": NIGHTLY, "policy": "nightly"}), world.ctx())
    return {change.key: change for change in plan.changes}


def test_a_volume_that_is_gone_is_named_and_the_rest_of_its_set_is_made(world: World) -> None:
    changes, names = changes_of(world), world.estate["names"]
    db, gone = names["db-1"], names["db-1/sdf"]
    world.truth().detach_volume(VolumeId=gone)
    world.control.settle()
    review = ACTION.review([changes[db]], {}, world.ctx())[db]
    [(resource, code, message)] = review.lost
    assert (review.state, resource, code) == (None, gone, "action.resource_gone")
    assert gone in message
    assert "run again" in message
    assert review.params is not None
    effect = ACTION.apply(changes[db].model_copy(update={"params": dict(review.params)}), {}, world.ctx())
    assert effect.facts["set_size"] == 2
    for point in world.points():
        tags = tags_of(point)
        assert tags["lifeboat:set-size"] == "2"
        assert gone not in [volume.volume_id for volume in parse(tags["lifeboat:manifest.0"]).volumes]
    assert gone not in {point["VolumeId"] for point in world.points()}


def test_a_volume_left_out_is_still_named_when_the_answer_was_lost_and_the_set_is_adopted(world: World) -> None:
    changes, names, ctx = changes_of(world), world.estate["names"], world.ctx()
    db, gone = names["db-1"], names["db-1/sdf"]
    world.truth().detach_volume(VolumeId=gone)
    world.control.settle()
    params = ACTION.review([changes[db]], {}, ctx)[db].params
    assert params is not None
    ACTION.apply(changes[db].model_copy(update={"params": dict(params)}), {}, ctx)
    later = world.later(ctx, 60)
    doubt = Effect(state=EffectState.IN_DOUBT, at=ctx.now)
    found = ACTION.observe([(changes[db], doubt)], later)[db]
    assert [(failure.resource, failure.code) for failure in found.failures] == [(gone, "action.resource_gone")]


def test_a_shared_volume_that_left_its_instance_is_lost_although_another_one_has_it(world: World) -> None:
    changes, names = changes_of(world), world.estate["names"]
    world.truth().detach_volume(VolumeId=names["shared"], InstanceId=names["db-1"])
    world.control.settle()
    found = ACTION.review([changes[names["db-1"]], changes[names["db-2"]]], {}, world.ctx())
    assert [resource for resource, _, _ in found[names["db-1"]].lost] == [names["shared"]]
    assert names["db-2"] not in found


def test_a_set_whose_volumes_are_all_gone_is_a_conflict(world: World) -> None:
    changes, names = changes_of(world), world.estate["names"]
    world.truth().detach_volume(VolumeId=names["db-2/xvda"])
    world.control.settle()
    review = ACTION.review([changes[names["db-2"]]], {}, world.ctx())[names["db-2"]]
    assert review.state == "conflict"
    assert [resource for resource, _, _ in review.lost] == [names["db-2/xvda"]]


def test_a_single_volume_that_was_deleted_is_a_conflict(world: World) -> None:
    changes, archive = changes_of(world), world.estate["names"]["archive"]
    world.truth().delete_volume(VolumeId=archive)
    world.control.settle()
    review = ACTION.review([changes[archive]], {}, world.ctx())[archive]
    assert review.state == "conflict"
    assert archive in review.message


def test_a_volume_attached_since_the_plan_does_not_get_into_the_set(world: World) -> None:
    changes, names = changes_of(world), world.estate["names"]
    ec2, web = world.truth(), names["web-1"]
    [[host]] = [r["Instances"] for r in ec2.describe_instances(InstanceIds=[web])["Reservations"]]
    new = ec2.create_volume(AvailabilityZone=host["Placement"]["AvailabilityZone"], Size=1)["VolumeId"]
    world.control.settle()
    ec2.attach_volume(VolumeId=new, InstanceId=web, Device="/dev/sdz")
    world.control.settle()
    review = ACTION.review([changes[web]], {}, world.ctx())[web]
    assert review.lost == ()
    assert review.params is not None
    ACTION.apply(changes[web].model_copy(update={"params": dict(review.params)}), {}, world.ctx())
    assert sorted(point["VolumeId"] for point in world.points()) == world.set_of("web-1")


def test_a_volume_that_became_hands_off_is_left_alone(world: World) -> None:
    changes, names = changes_of(world), world.estate["names"]
    hands_off = [{"Key": "lifeboat:hands-off", "Value": ""}]
    world.truth().create_tags(Resources=[names["archive"], names["web-1/sdf"]], Tags=hands_off)
    world.control.settle()
    found = ACTION.review(list(changes.values()), {}, world.ctx())
    assert found.keys() == {names["archive"], names["web-1"]}
    assert found[names["archive"]].state == "conflict"
    assert [code for _, code, _ in found[names["web-1"]].lost] == ["action.hands_off"]
