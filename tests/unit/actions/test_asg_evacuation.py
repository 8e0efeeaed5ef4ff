"""asg.evacuate_zone on the sandbox's groups, and how it is returned."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.actions.asg_evacuation import EvacuateZone, EvacuateZoneInput
from chalicelib.actions.asg_return import ReturnZone
from chalicelib.aws import tags
from chalicelib.domain.change import EffectState, Plan
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import in_doubt

LEAVE = EvacuateZone()
ZONE = "use1-az1"


def asked(**more: Any) -> EvacuateZoneInput:
    return EvacuateZoneInput.model_validate({"zone": ZONE, "select": SHOP, **more})


def planned(groups: Groups, **more: Any) -> Plan:
    return LEAVE.plan(asked(**more), groups.ctx())


def subnets(groups: Groups, name: str = "web") -> list[str]:
    text: str = groups.group(name)["VPCZoneIdentifier"]
    return text.split(",")


def in_zone(groups: Groups, zone_id: str = ZONE) -> str:
    names: dict[str, str] = groups.estate["front"]["zone_ids"]
    [name] = [name for name, known in names.items() if known == zone_id]
    found: str = groups.estate["group_subnets"][name]
    return found


def test_groups_leave_a_dark_zone_and_are_at_full_capacity_elsewhere(groups: Groups) -> None:
    groups.control.disaster("az_dark", zone=ZONE)
    before = subnets(groups)
    plan, ctx = planned(groups, healthy=["use1-az2", "use1-az6"], keep_zones=2), groups.ctx()
    assert [change.resource for change in plan.changes] == ["asg:api", "asg:web"]
    effects = groups.carried(LEAVE, plan, ctx)
    assert {effect.state for effect in effects.values()} == {EffectState.DONE}
    assert groups.zones() == {"use1-az2": 6, "use1-az6": 6}
    web = groups.group()
    assert (web["MinSize"], web["MaxSize"], web["DesiredCapacity"]) == (6, 16, 12)
    assert groups.suspended() == []
    assert subnets(groups) == [one for one in before if one != in_zone(groups)]
    assert groups.tags()[f"{tags.EVACUATED}{ZONE}.0"] == ",".join(before)
    outputs = LEAVE.outputs(asked(), [(change, effects[change.key]) for change in plan.changes], ctx)
    assert outputs["groups"] == ["api", "web"]
    assert {one["resource"] for one in outputs["recovered"]} == {"asg:api", "asg:web"}
    assert all("outside use1-az1" in one["note"] for one in outputs["recovered"])


def test_it_is_not_done_before_aws_shows_full_capacity(groups: Groups) -> None:
    plan, ctx = planned(groups), groups.ctx()
    web = plan.changes[1]
    effect = groups.effect_of(LEAVE, web, ctx)
    looks = []
    for _ in range(12):
        ctx = groups.later(ctx, 20)
        effect = LEAVE.observe([(web, effect)], ctx)[web.key]
        looks.append((effect.state, effect.facts["outside"]))
    assert looks[0] == (EffectState.PENDING, 8)
    assert looks[-1] == (EffectState.DONE, 12)
    assert all((state is EffectState.DONE) is (outside == 12) for state, outside in looks)


def test_the_subnets_are_kept_before_they_are_changed(groups: Groups) -> None:
    groups.control.weather(refuse_writes=False, lost_answer_share=1)
    [change] = planned(groups, select={"groups": ["web"]}).changes
    with pytest.raises(Exception, match="looked up"):
        LEAVE.apply(change, {}, groups.ctx())
    groups.control.weather(lost_answer_share=0)
    assert f"{tags.EVACUATED}{ZONE}.0" in groups.tags()
    assert in_zone(groups) in subnets(groups)
    found = LEAVE.observe([(change, in_doubt(groups.ctx()))], groups.ctx())
    assert found == {}
    LEAVE.apply(change, {}, groups.ctx())
    assert in_zone(groups) not in subnets(groups)
    found = LEAVE.observe([(change, in_doubt(groups.ctx()))], groups.ctx())
    assert (found[change.key].state, found[change.key].adopted) == (EffectState.PENDING, True)
    assert found[change.key].owes


@pytest.mark.parametrize(("behavior", "words"), [("IgnoreUnhealthy", "alone"), ("ReplaceUnhealthy", "replaces")])
def test_a_group_that_is_enrolled_in_zonal_shift_is_left_to_it(groups: Groups, behavior: str, words: str) -> None:
    policy = {"ZonalShiftEnabled": True, "ImpairedZoneHealthCheckBehavior": behavior}
    [web] = planned(groups, select={"groups": ["web"]}).changes
    groups.put("web", AvailabilityZoneImpairmentPolicy=policy)
    plan = planned(groups)
    assert [change.resource for change in plan.changes] == ["asg:api"]
    assert any("asg:web is left to its zonal shift" in note and words in note for note in plan.notes)
    assert groups.effect_of(LEAVE, web, groups.ctx()).state is EffectState.CONFLICT


@pytest.mark.parametrize("more", [{"keep_zones": 3}, {"healthy": []}, {"healthy": ["use1-az2"], "keep_zones": 2}])
def test_when_too_few_zones_would_remain_nothing_is_done(groups: Groups, more: dict[str, Any]) -> None:
    plan = planned(groups, **more)
    assert plan.changes == ()
    assert {failure.code for failure in plan.failures} == {"action.cannot_evacuate"}
    assert "would remain" in plan.failures[0].message


@pytest.mark.parametrize("processes", [["Launch"], ["Terminate"], ["AZRebalance", "ReplaceUnhealthy"]])
def test_a_group_that_could_not_move_its_instances_is_said_so(groups: Groups, processes: list[str]) -> None:
    groups.suspend("web", *processes)
    plan = planned(groups)
    assert [change.resource for change in plan.changes] == ["asg:api"]
    assert [failure.resource for failure in plan.failures] == ["asg:web"]


def test_a_suspended_az_rebalance_is_told(groups: Groups) -> None:
    groups.suspend("web", "AZRebalance")
    assert any("suspended AZRebalance" in note for note in planned(groups).notes)


def test_subnets_that_changed_since_the_plan_are_a_conflict(groups: Groups) -> None:
    [web] = planned(groups, select={"groups": ["web"]}).changes
    groups.put("web", VPCZoneIdentifier=f"{in_zone(groups)},{in_zone(groups, 'use1-az2')}")
    effect = groups.effect_of(LEAVE, web, groups.ctx())
    assert effect.state is EffectState.CONFLICT
    assert "other subnets than when this was planned" in effect.message


def test_a_zone_that_somebody_puts_back_is_drift(groups: Groups) -> None:
    before = groups.group()["VPCZoneIdentifier"]
    [web] = planned(groups, select={"groups": ["web"]}).changes
    effect = groups.effect_of(LEAVE, web, groups.ctx())
    groups.put("web", VPCZoneIdentifier=before)
    ctx = groups.later(groups.ctx(), 60)
    seen = LEAVE.observe([(web, effect)], ctx)[web.key]
    assert seen.state is EffectState.CONFLICT
    assert "has use1-az1 again" in seen.message
    plan = planned(groups)
    assert any("drift: use1-az1 was taken out of it before" in note for note in plan.notes)
    assert [change.resource for change in plan.changes] == ["asg:api", "asg:web"]


def test_evacuating_again_changes_nothing_and_waits_for_the_same(groups: Groups) -> None:
    before = subnets(groups)
    groups.carried(LEAVE, planned(groups), groups.ctx())
    again = planned(groups)
    effects = groups.carried(LEAVE, again, groups.ctx("run-2"))
    assert {effect.state for effect in effects.values()} == {EffectState.DONE}
    assert groups.tags()[f"{tags.EVACUATED}{ZONE}.0"] == ",".join(before)
    assert subnets(groups) == [one for one in before if one != in_zone(groups)]


def test_what_is_not_in_the_zone_or_hands_off_is_left_alone(groups: Groups) -> None:
    groups.put("web", VPCZoneIdentifier=in_zone(groups, "use1-az2"))
    plan = planned(groups)
    assert [change.resource for change in plan.changes] == ["asg:api"]
    assert "asg:web is not in use1-az1." in plan.notes
    tag = {"ResourceId": "api", "ResourceType": "auto-scaling-group", "Key": "lifeboat:hands-off"}
    groups.scaling.create_or_update_tags(Tags=[{**tag, "Value": "", "PropagateAtLaunch": False}])
    assert groups.effect_of(LEAVE, plan.changes[0], groups.ctx()).state is EffectState.CONFLICT


def test_who_does_it_by_hand_is_told_the_calls_in_order(groups: Groups) -> None:
    [web] = planned(groups, select={"groups": ["web"]}).changes
    calls = LEAVE.calls_for(web, groups.ctx())
    assert [call.operation for call in calls] == ["CreateOrUpdateTags", "UpdateAutoScalingGroup"]
    assert in_zone(groups) not in calls[1].params["VPCZoneIdentifier"]


def test_it_owes_that_somebody_returns_the_group(groups: Groups) -> None:
    plan, ctx = planned(groups, select={"groups": ["web"]}), groups.ctx()
    [owed] = groups.effect_of(LEAVE, plan.changes[0], ctx).owes
    assert (owed.name, owed.uses) == ("return.web.use1-az1", "asg.return_zone")
    back = ReturnZone()
    assert owed.change is not None
    still = back.review([owed.change], {}, ctx)[owed.change.key]
    assert (still.state, "a person says when" in still.message) == ("conflict", True)
    undo = LEAVE.undo(plan.changes[0], in_doubt(ctx), ctx)
    assert undo.by == "asg.return_zone"
    groups.effect_of(back, undo.changes[0], ctx)
    seen = back.observe([(undo.changes[0], in_doubt(ctx))], ctx)[owed.change.key]
    assert (seen.state, seen.ends) == (EffectState.DONE, (owed.name,))  # which has the obligation struck out
    told = back.observe([(owed.change, in_doubt(ctx))], ctx)[owed.change.key]
    assert (told.state, "no run returned it" in told.message) == (EffectState.CONFLICT, True)


def test_a_group_that_is_gone_needs_nothing(groups: Groups) -> None:
    [web] = planned(groups, select={"groups": ["web"]}).changes
    gone = web.model_copy(update={"params": {**web.params, "group": "none"}})
    assert groups.effect_of(LEAVE, gone, groups.ctx()).state is EffectState.MOOT
    assert LEAVE.observe([(gone, in_doubt(groups.ctx()))], groups.ctx())[gone.key].state is EffectState.MOOT
