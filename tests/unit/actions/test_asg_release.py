"""asg.release_group: what Lifeboat suspended is resumed, and nothing else."""

from __future__ import annotations

from typing import Any

from chalicelib.actions.asg_hold import HoldGroup, HoldGroupInput
from chalicelib.actions.asg_release import ReleaseGroup, ReleaseGroupInput
from chalicelib.domain.change import EffectState, Plan
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import in_doubt

HOLD, RELEASE = HoldGroup(), ReleaseGroup()


def held(groups: Groups) -> None:
    plan = HOLD.plan(HoldGroupInput.model_validate({"select": {"groups": ["web"]}}), groups.ctx())
    groups.carried(HOLD, plan, groups.ctx())


def planned(groups: Groups, **more: Any) -> Plan:
    return RELEASE.plan(ReleaseGroupInput.model_validate({"select": SHOP, **more}), groups.ctx())


def test_a_held_group_is_released_and_others_are_passed_over(groups: Groups) -> None:
    groups.suspend("web", "ScheduledActions")
    held(groups)
    plan, ctx = planned(groups), groups.ctx()
    effects = groups.carried(RELEASE, plan, ctx)
    assert {key: effect.state for key, effect in effects.items()} == {"web": EffectState.DONE}
    assert groups.suspended() == ["ScheduledActions"]
    assert planned(groups).notes == ("No group is held.",)
    given = ReleaseGroupInput.model_validate({"select": SHOP})
    outputs = RELEASE.outputs(given, [(plan.changes[0], effects["web"])], ctx)
    assert outputs == {"released": ["web"], "still_held": []}


def test_a_group_that_is_still_mostly_unwell_stays_held_on_that_condition(groups: Groups) -> None:
    held(groups)
    groups.sick(*groups.members()[:8])
    plan = planned(groups, unless_healthy_below="50%")
    effect = groups.effect_of(RELEASE, plan.changes[0], groups.ctx())
    assert effect.state is EffectState.CONFLICT
    assert "8 of 12 in service are unwell" in effect.message
    assert groups.suspended() == ["ReplaceUnhealthy"]
    groups.sick(*groups.members()[:5])
    assert groups.effect_of(RELEASE, plan.changes[0], groups.ctx()).state is EffectState.DONE
    assert groups.effect_of(RELEASE, plan.changes[0], groups.ctx()).state is EffectState.MOOT


def test_a_lost_answer_is_found(groups: Groups) -> None:
    held(groups)
    [web] = planned(groups).changes
    assert RELEASE.observe([(web, in_doubt(groups.ctx()))], groups.ctx()) == {}
    groups.effect_of(RELEASE, web, groups.ctx())
    seen = RELEASE.observe([(web, in_doubt(groups.ctx()))], groups.ctx())[web.key]
    assert (seen.state, seen.adopted) == (EffectState.DONE, True)


def test_a_release_is_taken_back_by_holding_again(groups: Groups) -> None:
    held(groups)
    [web] = planned(groups).changes
    effect = groups.effect_of(RELEASE, web, groups.ctx())
    undo = RELEASE.undo(web, effect, groups.ctx())
    groups.effect_of(HOLD, undo.changes[0], groups.ctx())
    assert (undo.by, groups.suspended()) == ("asg.hold_group", ["ReplaceUnhealthy"])


def test_a_tag_that_somebody_changed_is_no_hold(groups: Groups) -> None:
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "lifeboat:held"}
    groups.scaling.create_or_update_tags(Tags=[{**tag, "Value": "yes", "PropagateAtLaunch": False}])
    assert planned(groups).changes == ()
