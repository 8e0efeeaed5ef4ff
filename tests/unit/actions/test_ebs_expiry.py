"""What retention deletes on the embedded AWS, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_expiry import ExpireSnapshots
from chalicelib.actions.expiry import ExpireSnapshotsInput
from chalicelib.domain.change import ChangeKind, Effect, EffectState, Plan
from chalicelib.domain.guard import judge
from chalicelib.errors import ActionError, InputError
from tests.pasts import AWAY, HOME, Past
from tests.unit.actions.world import World

EXPIRE = ExpireSnapshots()
WITH: dict[str, Any] = {"select": {"policy": "nightly"}, "regions": [HOME, AWAY], "keep": {"last": 1}}


def given(**changes: Any) -> ExpireSnapshotsInput:
    return ExpireSnapshotsInput.model_validate({**WITH, **changes})


def past(world: World) -> Past:
    return Past(world.control, world.truth)


def ctx(world: World, **more: Any) -> StepContext:
    world.clock.seen(world.control.now())
    return world.ctx(step_id="retention", **more)


def going(plan: Plan) -> list[str]:
    return [change.key for change in plan.changes]


def nights(world: World, count: int, copied: bool = True) -> tuple[Past, list[str], list[list[str]]]:  # noqa: FBT001, FBT002
    made, volumes = past(world), world.set_of("web-1")[:2]
    return made, volumes, [made.night(volumes, copied=copied)[0] for _ in range(count)]


def test_the_plan_deletes_whole_sets_oldest_first_and_tells_every_snapshots_fate(world: World) -> None:
    made, volumes, sets = nights(world, 4)
    plan = EXPIRE.plan(given(), ctx(world))
    here = [change.key for change in plan.changes if change.region == HOME]
    assert here == [one for some in sets[:3] for one in sorted(some)]
    assert {change.kind for change in plan.changes} == {ChangeKind.DELETE}
    assert {change.targets[0] for change in plan.changes} == set(volumes)
    assert plan.population == len(made.there(HOME)) + len(made.there(AWAY)) == 16
    told = " ".join([*plan.notes, *going(plan)])
    assert [one for region in (HOME, AWAY) for one in made.there(region) if one not in told] == []
    assert any("us-east-1 has no Recycle Bin rule" in note for note in plan.notes)
    assert len({change.group for change in plan.changes}) == 6


def test_a_recycle_bin_is_told_and_one_that_cannot_be_read_too(world: World) -> None:
    nights(world, 2, copied=False)
    world.control.weather(recycle_bin_days=14)
    assert any("sandboxrule (14 days)" in note for note in EXPIRE.plan(given(), ctx(world)).notes)


def test_carried_out_the_rest_is_what_was_told_and_a_second_time_nothing_goes(world: World) -> None:
    made, _, sets = nights(world, 3)
    first = ctx(world)
    plan = EXPIRE.plan(given(), first)
    assert EXPIRE.review(plan.changes, {}, first) == {}
    effects = world.carried_out(EXPIRE, plan, first)
    assert {effect.state for effect in effects.values()} == {EffectState.DONE}
    assert set(made.there(HOME)) == set(sets[-1])
    assert len(made.there(AWAY)) == 2
    assert EXPIRE.outputs(given(), [(c, effects[c.key]) for c in plan.changes], first) == {"deleted": 8, "volumes": 2}
    assert going(EXPIRE.plan(given(), ctx(world))) == []
    again = EXPIRE.apply(plan.changes[0], {}, first)
    assert (again.state, again.adopted) == (EffectState.DONE, True), "what is gone already is done"


def test_nobody_elses_snapshots_and_no_other_policy_are_touched(world: World) -> None:
    made, volumes, _ = nights(world, 3, copied=False)
    hand = Past(world.control, world.truth, policy="manual").night(volumes, copied=False)[0]
    foreign = world.truth().create_snapshot(VolumeId=volumes[0])["SnapshotId"]
    lookalike = world.truth().create_snapshot(
        VolumeId=volumes[0],
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "lifeboat:policy", "Value": "nightly"}]}],
    )["SnapshotId"]
    world.control.advance(86_400 * 30)
    plan = EXPIRE.plan(given(), ctx(world))
    assert not {*hand, foreign, lookalike} & set(going(plan))
    assert any(lookalike in note and "somebody else" in note for note in plan.notes)
    assert len(going(plan)) == 4
    assert len(made.there()) == 7


def _image(world: World, one: str) -> None:
    world.truth().register_image(
        Name="gold", BlockDeviceMappings=[{"DeviceName": "/dev/sda", "Ebs": {"SnapshotId": one}}]
    )


def _tag(world: World, one: str, key: str, value: str = "") -> None:
    world.truth().create_tags(Resources=[one], Tags=[{"Key": key, "Value": value}])


HOLDS: dict[str, Callable[[World, str], object]] = {
    "is locked": lambda world, one: world.truth().lock_snapshot(SnapshotId=one, LockMode="governance", LockDuration=9),
    "belongs to the image": _image,
    "is being restored": lambda world, one: world.truth().create_volume(
        SnapshotId=one, AvailabilityZone=world.estate["zones"][0]
    ),
    "is being copied": lambda world, one: past(world).copy(one),
    "lifeboat:hands-off": lambda world, one: _tag(world, one, "lifeboat:hands-off"),
    "lifeboat:expires": lambda world, one: _tag(world, one, "lifeboat:expires", "tomorrow"),
}


@pytest.mark.parametrize("why", HOLDS)
def test_what_stands_on_one_member_keeps_its_whole_set(world: World, why: str) -> None:
    world.control.weather(visibility_s=0)
    _, _, sets = nights(world, 3, copied=False)
    HOLDS[why](world, sets[0][1])
    plan = EXPIRE.plan(given(), ctx(world))
    assert not set(sets[0]) & set(going(plan))
    assert any(why in note for note in plan.notes)
    goes = set(sets[1]) <= set(going(plan))
    assert goes is (why != "is being copied"), "what is copied at all waits for its copy, for a week"


@pytest.mark.parametrize("why", sorted(HOLDS))
def test_what_came_to_stand_on_it_since_the_plan_stops_the_whole_set_before_its_first_deletion(
    world: World, why: str
) -> None:
    world.control.weather(visibility_s=0)
    _, _, sets = nights(world, 3, copied=False)
    first = ctx(world)
    plan = EXPIRE.plan(given(), first)
    HOLDS[why](world, sets[0][1])
    found = EXPIRE.review(plan.changes, {}, first)
    assert set(found) == set(sets[0])
    assert {review.state for review in found.values()} == {"conflict"}
    assert all(why in review.message for review in found.values())


def test_a_set_that_is_begun_is_finished_but_for_what_itself_is_held(world: World) -> None:
    world.control.weather(visibility_s=0)
    made = past(world)
    volumes = world.set_of("web-1")[:2] + world.set_of("web-2")[:1]
    first, second, third = made.night(volumes, copied=False)[0]
    made.night(volumes, copied=False)
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    world.truth().delete_snapshot(SnapshotId=first)
    _tag(world, second, "lifeboat:hands-off")
    assert set(EXPIRE.review(plan.changes, {}, now)) == {second}
    assert third in going(plan)


def test_what_became_the_last_good_point_since_the_plan_is_kept(world: World) -> None:
    _, volumes, sets = nights(world, 3, copied=False)
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    world.truth().delete_snapshot(SnapshotId=sets[-1][0])
    found = EXPIRE.review(plan.changes, {}, now)
    assert set(found) == {*sets[0], *sets[1]}
    assert any("is the last good one" in review.message and volumes[0] in review.message for review in found.values())


def test_a_member_that_was_moved_to_another_policy_keeps_what_is_left_of_its_set(world: World) -> None:
    world.control.weather(visibility_s=0)
    _, _, sets = nights(world, 12, copied=False)
    _tag(world, sets[0][0], "lifeboat:policy", "legal")
    plan = EXPIRE.plan(given(), ctx(world))
    assert not set(sets[0]) & set(going(plan))
    assert any(f"belongs to a set with {sets[0][0]}" in note for note in plan.notes)


def test_points_of_a_volume_that_is_gone_go_but_the_last_one(world: World) -> None:
    loose = world.truth().create_volume(Size=1, AvailabilityZone=world.estate["zones"][0])["VolumeId"]
    world.control.settle()
    made = past(world)
    sets = [made.night([loose], copied=False)[0] for _ in range(3)]
    world.truth().delete_volume(VolumeId=loose)
    world.control.advance(20 * 86_400)
    wanted = given(keep={"last": 9}, orphans="10d")
    assert going(EXPIRE.plan(wanted, ctx(world))) == [*sets[0], *sets[1]]
    assert going(EXPIRE.plan(given(keep={"last": 9}, orphans="30d"), ctx(world))) == []
    assert going(EXPIRE.plan(given(keep={"last": 9}), ctx(world))) == []


def test_what_a_person_changed_since_the_plan_is_not_deleted(world: World) -> None:
    world.control.weather(visibility_s=0)
    _, _, sets = nights(world, 5, copied=False)
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    _tag(world, sets[0][0], "lifeboat:policy", "legal")
    _tag(world, sets[1][0], "lifeboat:point", "2031-01-01T00:00:00Z")
    found = EXPIRE.review(plan.changes, {}, now)
    assert set(found) == {*sets[0], *sets[1]}
    assert "was moved to the policy legal" in found[sets[0][0]].message


def test_what_lost_lifeboats_tags_since_the_plan_is_not_deleted_and_neither_is_its_set(world: World) -> None:
    world.control.weather(visibility_s=0)
    made, volumes, sets = nights(world, 4, copied=False)
    lone = [made.night(volumes[:1], copied=False)[0][0] for _ in range(2)]
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    for one in (sets[0][0], lone[0]):
        world.truth().delete_tags(Resources=[one], Tags=[{"Key": key} for key in made.there()[one]])
        _tag(world, one, "lifeboat:hands-off")
    world.truth().delete_tags(Resources=[sets[1][0]], Tags=[{"Key": "lifeboat:set"}])
    world.truth().delete_tags(Resources=[sets[2][0]], Tags=[{"Key": "lifeboat:effect"}])
    found = EXPIRE.review(plan.changes, {}, now)
    assert set(found) == set(going(plan)) == {*sets[0], *sets[1], *sets[2], lone[0]}


def test_a_refusal_of_aws_is_told_with_its_code(world: World) -> None:
    _, _, sets = nights(world, 2, copied=False)
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    _image(world, sets[0][0])
    with pytest.raises(ActionError) as caught:
        EXPIRE.apply(next(c for c in plan.changes if c.key == sets[0][0]), {}, now)
    assert caught.value.code == "action.in_use"


def test_a_deletion_in_doubt_is_done_when_it_is_not_listed_any_more(world: World) -> None:
    _, _, sets = nights(world, 2, copied=False)
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    world.truth().delete_snapshot(SnapshotId=sets[0][0])
    asked = [(change, Effect(state=EffectState.IN_DOUBT, at=now.now)) for change in plan.changes]
    found = EXPIRE.observe(asked, now)
    assert {key: (e.state, e.id, e.adopted) for key, e in found.items()} == {
        sets[0][0]: (EffectState.DONE, sets[0][0], True)
    }


def test_a_set_goes_at_its_earliest_members_time_and_no_share_cuts_it(world: World) -> None:
    world.control.weather(visibility_s=0)
    _, _, sets = nights(world, 4, copied=False)
    _tag(world, sets[1][1], "lifeboat:point", "2031-01-01T00:00:00Z")  # its fellow's is later than all of the first set
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    assert going(plan) == [*sorted(sets[1]), *sorted(sets[0]), *sorted(sets[2])]
    allowed = judge(plan.changes, regions=(HOME,), max_targets=9, max_share_percent=50).allowed
    assert {one.key for one in allowed} == set(sets[1]), "three would be half, and a set is not cut"
    assert EXPIRE.review(plan.changes, {}, now) == {}, "nothing has changed since the plan"


def test_days_are_those_of_the_runbooks_zone_unless_the_step_says_another(world: World) -> None:
    nights(world, 2, copied=False)
    paris = EXPIRE.plan(given(), ctx(world, timezone="Europe/Paris"))
    assert any("times are Europe/Paris" in note for note in paris.notes)
    lima = EXPIRE.plan(given(timezone="America/Lima"), ctx(world, timezone="Europe/Paris"))
    assert any("times are America/Lima" in note for note in lima.notes)


def test_a_policy_without_points_is_an_error_that_names_it(world: World) -> None:
    with pytest.raises(InputError, match="of the policy nigthly") as caught:
        EXPIRE.plan(given(select={"policy": "nigthly"}), ctx(world))
    assert caught.value.code == "action.nothing_selected"


@pytest.mark.parametrize(
    "wrong", [{"keep": {}}, {"regions": []}, {"select": {}}, {"timezone": "Paris"}, {"keep": {"last": 0}}]
)
def test_what_is_not_clearly_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        given(**wrong)


def test_planning_and_reviewing_take_few_calls(world: World) -> None:
    made = past(world)
    groups: Sequence[Sequence[str]] = [[volume] for volume in world.estate["protected"]]
    for _ in range(6):
        made.night(*groups)
    world.control.reset_calls()
    now = ctx(world)
    plan = EXPIRE.plan(given(), now)
    EXPIRE.review(plan.changes, {}, now)
    assert len(plan.changes) == 2 * 5 * len(groups)
    calls = {name: count for name, count in world.calls().items() if name not in {"ListRules", "DescribeKey"}}
    assert calls == {
        "DescribeSnapshots": 8,  # points, and running copies elsewhere; sets, and running copies elsewhere
        "DescribeLockedSnapshots": 4,
        "DescribeImages": 4,
        "DescribeVolumes": 4,
    }
