"""asg.hold_group and asg.release_group on the sandbox's groups."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.actions.asg_hold import HoldGroup, HoldGroupInput
from chalicelib.actions.asg_release import ReleaseGroup
from chalicelib.domain.change import EffectState, Plan
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import in_doubt

HOLD, RELEASE = HoldGroup(), ReleaseGroup()


def planned(groups: Groups, **more: Any) -> Plan:
    return HOLD.plan(HoldGroupInput.model_validate({"select": SHOP, **more}), groups.ctx())


def test_a_held_group_does_not_destroy_itself(groups: Groups) -> None:
    groups.suspend("web", "AZRebalance")
    groups.sick(*groups.members()[:8], noticed=True)
    plan, ctx = planned(groups, when_healthy_below="50%"), groups.ctx()
    assert [change.resource for change in plan.changes] == ["asg:web"]
    effects = groups.carried(HOLD, plan, ctx)
    assert effects["web"].state is EffectState.DONE
    assert sorted(groups.suspended()) == ["AZRebalance", "ReplaceUnhealthy"]
    assert groups.tags()["lifeboat:held"] == "suspended=ReplaceUnhealthy before=AZRebalance"
    groups.pass_time(1200)
    assert groups.ids() == set(groups.members())
    outputs = HOLD.outputs(HoldGroupInput.model_validate({"select": SHOP}), [(plan.changes[0], effects["web"])], ctx)
    assert outputs == {"held": ["web"]}


def test_without_it_the_same_group_would_have_terminated_eight_at_once(groups: Groups) -> None:
    groups.sick(*groups.members()[:8], noticed=True)
    groups.pass_time(190)
    assert len(groups.serving()) == 4


def test_a_group_that_is_mostly_well_is_not_held_on_that_condition(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    assert planned(groups, when_healthy_below="50%").changes == ()
    assert [change.resource for change in planned(groups).changes] == ["asg:api", "asg:web"]


def test_what_somebody_else_has_suspended_is_left_so(groups: Groups) -> None:
    groups.suspend("web", "ReplaceUnhealthy")
    plan = planned(groups)
    assert [change.resource for change in plan.changes] == ["asg:api"]
    assert any("somebody has suspended ReplaceUnhealthy already" in note for note in plan.notes)


def test_a_hold_that_was_made_is_found_and_holding_again_is_the_same(groups: Groups) -> None:
    web = planned(groups).changes[1]
    assert HOLD.observe([(web, in_doubt(groups.ctx()))], groups.ctx()) == {}
    groups.effect_of(HOLD, web, groups.ctx())
    seen = HOLD.observe([(web, in_doubt(groups.ctx()))], groups.ctx())[web.key]
    assert (seen.state, seen.adopted, len(seen.owes)) == (EffectState.DONE, True, 1)
    assert [change.resource for change in planned(groups).changes] == ["asg:api", "asg:web"]
    gone = web.model_copy(update={"params": {**web.params, "group": "none"}})
    assert HOLD.observe([(gone, in_doubt(groups.ctx()))], groups.ctx())[gone.key].state is EffectState.MOOT


@pytest.mark.parametrize("well", [True, False])
def test_what_it_owes_releases_the_group_only_when_all_are_well(groups: Groups, *, well: bool) -> None:
    groups.sick(groups.members()[0])
    web = planned(groups).changes[1]
    [owed] = groups.effect_of(HOLD, web, groups.ctx()).owes
    assert (owed.name, owed.uses) == ("release.web", "asg.release_group")
    if well:
        groups.sick()
    assert owed.change is not None
    effect = groups.effect_of(RELEASE, owed.change, groups.ctx())
    assert effect.state is (EffectState.DONE if well else EffectState.CONFLICT)
    assert groups.suspended() == ([] if well else ["ReplaceUnhealthy"])


def test_undoing_a_hold_releases_it(groups: Groups) -> None:
    groups.suspend("web", "AZRebalance")
    web = planned(groups).changes[1]
    effect = groups.effect_of(HOLD, web, groups.ctx())
    undo = HOLD.undo(web, effect, groups.ctx())
    assert undo.by == "asg.release_group"
    groups.effect_of(RELEASE, undo.changes[0], groups.ctx())
    assert (groups.suspended(), "lifeboat:held" in groups.tags()) == (["AZRebalance"], False)
