"""zonal_shift.start and zonal_shift.cancel on ARC: what moves, what is found again, what is owed, and the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.zonal_shift import ShiftGiven, ShiftMade, StartShift
from chalicelib.actions.zonal_shift_end import CancelGiven, CancelMade, CancelShift
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.errors import ActionError, ErrorKind, InputError
from tests.unit.actions.world import World, in_doubt

START, CANCEL = StartShift(), CancelShift()
SHOP = {"select": {"tags": {"app": "shop"}}}


@pytest.fixture(name="front")
def _front(world: World) -> dict[str, Any]:
    built: dict[str, Any] = world.control.estate("front")
    return {**built, "zone": next(iter(built["zone_ids"].values()))}


def start(world: World, front: dict[str, Any], **more: Any) -> Plan:
    given = {**SHOP, "away_from": front["zone"], **more}
    return START.plan(ShiftGiven.model_validate(given), world.ctx())


def cancel(world: World, front: dict[str, Any], **more: Any) -> Plan:
    given = {**SHOP, "away_from": front["zone"], **more}
    return CANCEL.plan(CancelGiven.model_validate(given), world.ctx())


def active(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.truth(service="arc-zonal-shift").list_zonal_shifts(status="ACTIVE")["items"]
    return found


def by_hand(world: World, front: dict[str, Any], zone: str) -> str:
    arc = world.truth(service="arc-zonal-shift")
    asked = {"resourceIdentifier": front["load_balancer"], "awayFrom": zone, "expiresIn": "1h", "comment": "ana"}
    return str(arc.start_zonal_shift(**asked)["zonalShiftId"])


def test_traffic_leaves_a_zone_by_its_id_or_name(world: World, front: dict[str, Any]) -> None:
    made = start(world, front)
    [change] = made.changes
    effect = START.apply(change, {}, world.ctx())
    [shift] = active(world)
    assert (effect.state, effect.id) == (EffectState.DONE, shift["zonalShiftId"])
    assert (shift["awayFrom"], shift["expiryTime"] - shift["startTime"]) == (front["zone"], timedelta(hours=4))
    out = START.outputs(ShiftGiven(away_from="x", **SHOP), [(change, effect)], world.ctx())
    ShiftMade.model_validate(out)
    assert (out["shifted"], out["shifts"]) == ([front["load_balancer"]], [effect.id])
    name = next(iter(front["zone_ids"]))
    assert start(world, front, away_from=name).changes == ()  # it is shifted already
    assert "shifted away from" in start(world, front, away_from=name).notes[0]


def test_a_lost_answer_is_found_by_the_comment_and_a_second_call_looks_it_up(
    world: World, front: dict[str, Any]
) -> None:
    [change] = start(world, front).changes
    ctx = world.ctx()
    assert START.observe([(change, in_doubt(ctx))], ctx) == {}
    START.apply(change, {}, ctx)
    with pytest.raises(ActionError) as caught:
        START.apply(change, {}, ctx)
    assert caught.value.kind is ErrorKind.IN_DOUBT
    found = START.observe([(change, in_doubt(ctx))], ctx)[change.key]
    assert (found.state, found.adopted, len(found.owes)) == (EffectState.DONE, True, 1)
    assert START.observe([(change, in_doubt(ctx))], world.ctx("run-2")) == {}


def test_what_is_not_enabled_or_not_there_is_told(world: World, front: dict[str, Any]) -> None:
    with pytest.raises(InputError) as nothing:
        start(world, front, select={"tags": {"app": "lab"}})
    assert nothing.value.code == "action.nothing_selected"
    with pytest.raises(InputError, match="has no zone"):
        start(world, front, away_from="use9-az9")
    outside = next(
        z["ZoneId"]
        for z in world.truth().describe_availability_zones()["AvailabilityZones"]
        if z["ZoneId"] not in front["zone_ids"].values()
    )
    assert start(world, front, away_from=outside).notes == (f"shop is left alone: it is not in {outside}.",)


def test_a_resource_that_another_zone_is_shifted_from_is_a_failure(world: World, front: dict[str, Any]) -> None:
    first, second = list(front["zone_ids"].values())[:2]
    shift = by_hand(world, front, second)
    made = start(world, front, away_from=first)
    assert (made.changes, [f.code for f in made.failures]) == ((), ["shift.elsewhere"])
    assert shift in made.failures[0].message


@pytest.mark.parametrize(("same", "state"), [(True, "moot"), (False, "conflict")])
def test_a_shift_that_somebody_started_meanwhile_is_seen_right_before(
    world: World,
    front: dict[str, Any],
    same: bool,  # noqa: FBT001
    state: str,
) -> None:
    first, second = list(front["zone_ids"].values())[:2]
    [change] = start(world, front, away_from=first).changes
    assert START.review([change], {}, world.ctx()) == {}
    by_hand(world, front, first if same else second)
    assert START.review([change], {}, world.ctx())[change.key].state == state


def test_before_it_expires_it_is_extended_until_its_time_is_up(world: World, front: dict[str, Any]) -> None:
    [change] = start(world, front, at_most="10h").changes
    effect = START.apply(change, {}, world.ctx())
    ends = []
    for _ in range(9):
        [owed] = effect.owes
        [shift] = active(world)
        ends.append(shift["expiryTime"])
        assert owed.due == shift["expiryTime"] - timedelta(minutes=30)
        if not owed.uses or owed.change is None:
            break
        ctx = world.ctx()
        assert START.observe([(owed.change, in_doubt(ctx))], ctx) == {}
        assert owed.due is not None
        world.clock.sleep((owed.due - world.clock.now()).total_seconds())
        effect = START.apply(owed.change, {}, world.ctx())
        seen = START.observe([(owed.change, in_doubt(ctx))], world.ctx())[owed.change.key]
        assert (seen.state, seen.owes) == (EffectState.DONE, effect.owes)  # killed after it: found, not made twice
    assert len(ends) == 3  # 4h, 7h30, 10h
    assert timedelta(hours=9, minutes=50) < ends[-1] - (ends[0] - timedelta(hours=4)) <= timedelta(hours=10)


def test_a_shift_that_somebody_ended_is_not_extended_and_not_taken_for_done(
    world: World, front: dict[str, Any]
) -> None:
    [change] = start(world, front).changes
    effect = START.apply(change, {}, world.ctx())
    world.truth(service="arc-zonal-shift").cancel_zonal_shift(zonalShiftId=effect.id)
    [owed] = effect.owes
    assert owed.change
    found = START.observe([(owed.change, in_doubt(world.ctx()))], world.ctx())[owed.change.key]
    assert (found.state, found.owes) == (EffectState.CONFLICT, ())
    assert "cancelled by somebody or has expired" in found.message
    by_hand(world, front, front["zone"])
    assert START.observe([(owed.change, in_doubt(world.ctx()))], world.ctx())[owed.change.key].state is EffectState.MOOT


def test_it_is_taken_back_by_ending_it_once(world: World, front: dict[str, Any]) -> None:
    [change] = start(world, front).changes
    ctx = world.ctx()
    effect = START.apply(change, {}, ctx)
    undo = START.undo(change, effect, ctx)
    assert undo.by == CANCEL.name
    [back] = undo.changes
    assert CANCEL.observe([(back, in_doubt(ctx))], ctx) == {}
    assert CANCEL.apply(back, {}, ctx).state is EffectState.DONE
    assert active(world) == []
    assert CANCEL.observe([(back, in_doubt(ctx))], ctx)[back.key].adopted
    again = CANCEL.apply(back, {}, ctx)
    assert (again.state, again.adopted, again.message) == (EffectState.DONE, True, "The zonal shift has ended already.")
    assert CANCEL.undo(back, Effect(), ctx).cannot
    assert START.undo(change, Effect(state=EffectState.MOOT), ctx).changes == ()


def test_cancel_ends_lifeboats_shifts_and_anybodys_only_when_told_to(world: World, front: dict[str, Any]) -> None:
    assert "Nothing that fits" in cancel(world, front).notes[0]
    [change] = start(world, front).changes
    START.apply(change, {}, world.ctx())
    [mine] = cancel(world, front).changes
    effect = CANCEL.apply(mine, {}, world.ctx())
    out = CANCEL.outputs(CancelGiven(away_from="x", **SHOP), [(mine, effect)], world.ctx())
    CancelMade.model_validate(out)
    assert out["cancelled"] == [front["load_balancer"]]
    by_hand(world, front, front["zone"])
    kept = cancel(world, front)
    assert (kept.changes, "who said: ana" in kept.notes[0]) == ((), True)
    assert len(cancel(world, front, anybodys=True).changes) == 1


def test_another_refusal_is_told(world: World, front: dict[str, Any]) -> None:
    world.control.weather(throttle_share=1.0)
    change = Change.model_validate(
        {**start(world, front).changes[0].model_dump(), "params": {"op": "cancel", "shift": "0" * 36}}
    )
    with pytest.raises(ActionError) as caught:
        CANCEL.apply(change, {}, world.ctx())
    assert caught.value.kind is ErrorKind.THROTTLED
    [started] = start(world, front).changes
    with pytest.raises(ActionError) as caught:
        START.apply(started, {}, world.ctx())
    assert caught.value.kind is ErrorKind.THROTTLED


@pytest.mark.parametrize("length", ["30m", "73h"])
def test_a_shift_lasts_1_to_72_hours(length: str) -> None:
    with pytest.raises(ValidationError, match="1h to 72h"):
        ShiftGiven.model_validate({**SHOP, "away_from": "use1-az1", "expires_in": length})


def test_what_a_person_would_type_is_what_is_sent(world: World, front: dict[str, Any]) -> None:
    [change] = start(world, front).changes
    ctx = world.ctx()
    [call] = START.calls_for(change, ctx)
    assert (call.operation, call.params["awayFrom"], call.params["expiresIn"]) == (
        "StartZonalShift",
        front["zone"],
        "240m",
    )
    [owed] = START.apply(change, {}, ctx).owes
    assert owed.change
    assert [c.operation for c in START.calls_for(owed.change, ctx)] == ["UpdateZonalShift"]
    assert owed.due is not None
    assert owed.due > datetime.fromisoformat("2031-01-06T00:00:00+00:00")
    assert (START.name, CANCEL.name) == ("zonal_shift.start", "zonal_shift.cancel")


def test_groups_that_are_enrolled_are_shifted_too(world: World, front: dict[str, Any]) -> None:
    world.control.estate("groups")
    scaling = world.truth(service="autoscaling")
    scaling.create_or_update_tags(
        Tags=[{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "app", "Value": "shop"}]
    )
    scaling.update_auto_scaling_group(
        AutoScalingGroupName="web",
        AvailabilityZoneImpairmentPolicy={
            "ZonalShiftEnabled": True,
            "ImpairedZoneHealthCheckBehavior": "IgnoreUnhealthy",
        },
    )
    arc = world.truth(service="arc-zonal-shift").list_managed_resources()["items"]
    groups = [each["arn"] for each in arc if ":autoscaling:" in each["arn"]]
    assert len(groups) == 1
    made = start(world, front)
    assert {change.resource for change in made.changes} == {front["load_balancer"], *groups}
