"""asg.return_zone on the sandbox's groups."""

from __future__ import annotations

from typing import Any

from chalicelib.actions.asg_evacuation import EvacuateZone, EvacuateZoneInput
from chalicelib.actions.asg_return import ReturnZone, ReturnZoneInput
from chalicelib.domain.change import EffectState, Plan
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import in_doubt

LEAVE, BACK = EvacuateZone(), ReturnZone()
ZONE = "use1-az1"


def left(groups: Groups, zone: str = ZONE) -> dict[str, str]:
    """Let both groups leave a zone; returns their subnets before."""
    before = {name: groups.group(name)["VPCZoneIdentifier"] for name in ("api", "web")}
    plan = LEAVE.plan(EvacuateZoneInput.model_validate({"zone": zone, "select": SHOP}), groups.ctx())
    for change in plan.changes:
        groups.effect_of(LEAVE, change, groups.ctx())
    return before


def planned(groups: Groups, **more: Any) -> Plan:
    return BACK.plan(ReturnZoneInput.model_validate({"zone": ZONE, "select": SHOP, **more}), groups.ctx())


def now(groups: Groups) -> dict[str, str]:
    return {name: groups.group(name)["VPCZoneIdentifier"] for name in ("api", "web")}


def test_groups_have_their_subnets_back_in_the_same_order_and_spread_again(groups: Groups) -> None:
    before, tags = left(groups), groups.tags()
    groups.pass_time(900)
    assert groups.zones() == {"use1-az2": 6, "use1-az6": 6}
    plan, ctx = planned(groups), groups.ctx()
    effects = groups.carried(BACK, plan, ctx)
    assert {effect.state for effect in effects.values()} == {EffectState.DONE}
    assert now(groups) == before
    assert set(tags) - set(groups.tags()) == {f"lifeboat:evacuated.{ZONE}.0"}
    groups.pass_time(1200)
    assert set(groups.zones().values()) == {4}
    outputs = BACK.outputs(
        ReturnZoneInput.model_validate({"zone": ZONE, "select": SHOP}),
        [(change, effects[change.key]) for change in plan.changes],
        ctx,
    )
    assert outputs == {"groups": ["api", "web"]}
    assert planned(groups).notes == (f"No group was taken out of {ZONE}.",)


def test_a_group_that_somebody_changed_is_left_as_it_is_unless_stated(groups: Groups) -> None:
    before = left(groups)
    one, two = groups.group()["VPCZoneIdentifier"].split(",")
    ready = planned(groups).changes[1]
    groups.put("web", VPCZoneIdentifier=two)
    plan = planned(groups)
    assert [change.resource for change in plan.changes] == ["asg:api"]
    assert [(one.resource, one.code) for one in plan.failures] == [("asg:web", "action.drifted")]
    assert f"it has lost {one}" in plan.failures[0].message
    effect = groups.effect_of(BACK, ready, groups.ctx())
    assert (effect.state, now(groups)["web"]) == (EffectState.CONFLICT, two)
    groups.carried(BACK, planned(groups, even_if_changed=True), groups.ctx())
    assert now(groups)["web"] == ",".join(one for one in before["web"].split(",") if one in now(groups)["web"])
    assert len(now(groups)["web"].split(",")) == 2


def test_a_zone_that_is_there_again_only_loses_its_tag(groups: Groups) -> None:
    before = left(groups)
    groups.put("web", VPCZoneIdentifier=before["web"])
    groups.carried(BACK, planned(groups), groups.ctx())
    assert now(groups) == before
    assert not any(key.startswith("lifeboat:evacuated") for key in groups.tags())


def test_two_zones_return_in_either_order(groups: Groups) -> None:
    for order in ((ZONE, "use1-az2"), ("use1-az2", ZONE)):
        before = left(groups)
        left(groups, "use1-az2")
        assert len(now(groups)["web"].split(",")) == 1
        for zone in order:
            plan = planned(groups, zone=zone)
            assert plan.failures == ()
            groups.carried(BACK, plan, groups.ctx())
        assert now(groups) == before


def test_the_first_of_two_that_is_evacuated_again_stays_out_with_the_other(groups: Groups) -> None:
    left(groups)
    left(groups, "use1-az2")
    only = now(groups)["web"]
    left(groups)
    assert now(groups)["web"] == only


def test_a_lost_answer_is_found_and_what_is_back_needs_nothing(groups: Groups) -> None:
    left(groups)
    plan = planned(groups)
    assert BACK.observe([(plan.changes[1], in_doubt(groups.ctx()))], groups.ctx()) == {}
    groups.effect_of(BACK, plan.changes[1], groups.ctx())
    seen = BACK.observe([(plan.changes[1], in_doubt(groups.ctx()))], groups.ctx())[plan.changes[1].key]
    assert (seen.state, seen.adopted) == (EffectState.DONE, True)
    assert groups.effect_of(BACK, plan.changes[1], groups.ctx()).state is EffectState.MOOT
    gone = plan.changes[0].model_copy(update={"params": {**plan.changes[0].params, "group": "none"}})
    assert BACK.observe([(gone, in_doubt(groups.ctx()))], groups.ctx())[gone.key].state is EffectState.MOOT


def test_a_return_is_taken_back_by_leaving_again(groups: Groups) -> None:
    left(groups)
    plan, out = planned(groups), now(groups)
    groups.carried(BACK, plan, groups.ctx())
    undo = BACK.undo(plan.changes[1], in_doubt(groups.ctx()), groups.ctx())
    assert undo.by == "asg.evacuate_zone"
    groups.effect_of(LEAVE, undo.changes[0], groups.ctx())
    assert now(groups)["web"] == out["web"]
