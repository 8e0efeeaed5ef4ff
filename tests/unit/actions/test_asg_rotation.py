"""asg.replace_unhealthy on the sandbox's groups: who is replaced, who is left alone, and what is never done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.asg_rotation import ReplaceUnhealthy, ReplaceUnhealthyInput
from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change, ChangeKind, EffectState, Plan
from chalicelib.errors import ActionError, ErrorKind
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import in_doubt

ROTATE = ReplaceUnhealthy()


def asked(**more: Any) -> ReplaceUnhealthyInput:
    return ReplaceUnhealthyInput.model_validate({"select": SHOP, **more})


def planned(groups: Groups, **more: Any) -> Plan:
    return ROTATE.plan(asked(**more), groups.ctx())


def terminations(plan: Plan) -> list[str]:
    return [change.resource for change in plan.changes if change.kind is ChangeKind.DISRUPT]


def test_nobody_unwell_is_nothing_to_do(groups: Groups) -> None:
    plan = planned(groups)
    assert (plan.changes, plan.failures, plan.ask, plan.population) == ((), (), None, 18)


def test_an_unwell_instance_is_replaced_by_one_in_service(groups: Groups) -> None:
    bad = groups.members()[3]
    groups.sick(bad)
    plan, ctx = planned(groups), groups.ctx()
    assert terminations(plan) == [bad]
    assert "target group shop-web says unhealthy" in plan.changes[0].reason
    assert "EC2's instance-status is impaired" in plan.changes[0].reason
    effects = groups.carried(ROTATE, plan, ctx)
    effect = effects[f"web/{bad}"]
    assert effect.state is EffectState.DONE
    assert bad not in groups.ids()
    [new] = groups.ids() - set(groups.members())
    assert effect.facts["replacement"] == new
    outputs = ROTATE.outputs(asked(), [(plan.changes[0], effect)], ctx)
    assert (outputs["replaced"], outputs["not_replaced"]) == ([bad], [])
    assert [(one["resource"], one["replacement"]) for one in outputs["recovered"]] == [(bad, new)]
    assert len(groups.serving()) == 12


def test_one_that_is_well_on_re_reading_is_left_alone(groups: Groups) -> None:
    bad = groups.members()[0]
    groups.sick(bad)
    plan = planned(groups)
    groups.sick()
    effect = groups.effect_of(ROTATE, plan.changes[0], groups.ctx())
    assert (effect.state, bad in groups.ids()) == (EffectState.MOOT, True)
    assert "well again" in effect.message


def test_one_that_its_group_replaced_meanwhile_needs_nothing(groups: Groups) -> None:
    bad = groups.members()[0]
    groups.sick(bad, noticed=True)
    plan = planned(groups)
    groups.pass_time(400)
    effect = groups.effect_of(ROTATE, plan.changes[0], groups.ctx())
    assert (effect.state, effect.message) == (
        EffectState.MOOT,
        f"{bad} is gone from its group: it needs no replacing any more.",
    )


def test_the_next_one_waits_until_the_first_replacement_serves(groups: Groups) -> None:
    groups.sick(*groups.members()[:2])
    plan, ctx = planned(groups), groups.ctx()
    assert groups.effect_of(ROTATE, plan.changes[0], ctx).state is EffectState.PENDING
    for _ in range(4):  # launching, then its first health checks
        ctx = groups.later(ctx, 15)
        with pytest.raises(ActionError, match="max_unavailable is 1") as waits:
            groups.effect_of(ROTATE, plan.changes[1], ctx)
        assert (waits.value.code, waits.value.kind) == ("action.group_busy", ErrorKind.BUSY)
    ctx = groups.later(ctx, 60)
    assert groups.effect_of(ROTATE, plan.changes[1], ctx).state is EffectState.PENDING


def test_what_another_run_or_person_took_away_counts(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    plan = planned(groups)
    other = groups.members()[5]
    groups.scaling.terminate_instance_in_auto_scaling_group(InstanceId=other, ShouldDecrementDesiredCapacity=False)
    with pytest.raises(ActionError) as waits:
        groups.effect_of(ROTATE, plan.changes[0], groups.ctx())
    assert waits.value.code == "action.group_busy"


def test_a_minimum_that_was_raised_since_the_plan_holds(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    plan = planned(groups)
    groups.put("web", MinSize=12)
    with pytest.raises(ActionError) as waits:
        groups.effect_of(ROTATE, plan.changes[0], groups.ctx())
    assert "its minimum is 12" in str(waits.value)


def test_a_group_at_its_minimum_gets_one_more_first_and_is_taken_back(groups: Groups) -> None:
    groups.put("api", MinSize=6)
    bad = groups.members("api")[:2]
    groups.sick(*bad)
    plan, ctx = planned(groups), groups.ctx()
    assert [change.key for change in plan.changes] == ["api/grow", *(f"api/{one}" for one in bad), "api/shrink"]
    assert {change.after for change in plan.changes[1:]} == {("snapshots/api/grow",)}
    fewest = 6
    owed = None
    for change in plan.changes:
        ctx = groups.later(ctx, 120)
        effect = groups.effect_of(ROTATE, change, ctx)
        if change.key == "api/grow":
            [owed] = effect.owes
            assert (owed.name, owed.uses) == ("shrink.api", "asg.replace_unhealthy")
        for _ in range(20):
            fewest = min(fewest, len(groups.serving("api")))
            if effect.settled:
                break
            ctx = groups.later(ctx, 20)
            effect = ROTATE.observe([(change, effect)], ctx).get(change.key, effect)
        assert effect.state is EffectState.DONE, change.key
    ctx = groups.later(ctx, 120)
    assert (fewest, len(groups.serving("api")), groups.group("api")["DesiredCapacity"]) == (6, 6, 6)
    assert not set(bad) & groups.ids("api")
    assert owed is not None
    assert owed.change is not None
    assert ROTATE.observe([(owed.change, in_doubt(ctx))], ctx)[owed.change.key].state is EffectState.DONE


def test_going_back_waits_for_the_unwell_and_for_new_ones(groups: Groups) -> None:
    groups.put("api", MinSize=6)
    groups.sick(groups.members("api")[0])
    plan, ctx = planned(groups), groups.ctx()
    groups.carried(ROTATE, Plan(changes=plan.changes[:1]), ctx)
    with pytest.raises(ActionError) as waits:
        groups.effect_of(ROTATE, plan.changes[-1], groups.ctx())
    assert waits.value.kind is ErrorKind.BUSY
    assert groups.members("api")[0] in str(waits.value)
    groups.put("api", DesiredCapacity=6)
    assert groups.effect_of(ROTATE, plan.changes[-1], groups.ctx()).state is EffectState.MOOT


def test_without_room_nothing_is_done_and_it_is_said(groups: Groups) -> None:
    groups.put("api", MinSize=6, MaxSize=6)
    groups.sick(groups.members("api")[0])
    plan = planned(groups)
    assert plan.changes == ()
    assert [(one.resource, one.code) for one in plan.failures] == [("asg:api", "action.group_not_ready")]
    assert "Raise the maximum by one" in plan.failures[0].message


@pytest.mark.parametrize("process", ["Launch", "Terminate"])
def test_a_group_that_could_not_replace_is_left_alone(groups: Groups, process: str) -> None:
    groups.sick(groups.members()[0])
    before = planned(groups)
    groups.suspend("web", process)
    plan = planned(groups)
    assert (plan.changes, plan.failures[0].code) == ((), "action.group_not_ready")
    effect = groups.effect_of(ROTATE, before.changes[0], groups.ctx())
    assert effect.state is EffectState.CONFLICT
    assert f"process {process} was suspended" in effect.message


def test_protected_and_standby_ones_are_left_alone(groups: Groups) -> None:
    protected, standby, later = groups.members()[:3]
    named = {"AutoScalingGroupName": "web"}
    groups.scaling.set_instance_protection(**named, InstanceIds=[protected], ProtectedFromScaleIn=True)
    groups.scaling.enter_standby(**named, InstanceIds=[standby], ShouldDecrementDesiredCapacity=True)
    groups.sick(protected, standby, later)
    plan = planned(groups)
    assert terminations(plan) == [later]
    assert any(protected in note and "protected from scale-in" in note for note in plan.notes)
    groups.scaling.set_instance_protection(**named, InstanceIds=[later], ProtectedFromScaleIn=True)
    effect = groups.effect_of(ROTATE, plan.changes[0], groups.ctx())
    assert (effect.state, later in groups.ids()) == (EffectState.CONFLICT, True)


def test_a_young_instance_has_its_grace_period(groups: Groups) -> None:
    groups.put("web", HealthCheckGracePeriod=1200)
    groups.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=13)
    groups.pass_time(60)
    [young] = groups.ids() - set(groups.members())
    groups.sick(young)
    plan = planned(groups)
    assert plan.changes == ()
    assert any(young in note and "grace period" in note for note in plan.notes)
    groups.pass_time(1200)
    assert terminations(planned(groups)) == [young]


def test_a_termination_hook_and_a_launch_hook_are_waited_for(groups: Groups) -> None:
    for name, transition in (("drain", "TERMINATING"), ("warm-up", "LAUNCHING")):
        groups.scaling.put_lifecycle_hook(
            AutoScalingGroupName="web",
            LifecycleHookName=name,
            LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
            HeartbeatTimeout=600,
            DefaultResult="CONTINUE",
        )
    groups.sick(groups.members()[0])
    plan, ctx = planned(groups), groups.ctx()
    effect = groups.effect_of(ROTATE, plan.changes[0], ctx)
    ctx = groups.later(ctx, 300)
    effect = ROTATE.observe([(plan.changes[0], effect)], ctx)["web/" + groups.members()[0]]
    assert effect.state is EffectState.PENDING
    ctx = groups.later(ctx, 500)
    assert ROTATE.observe([(plan.changes[0], effect)], ctx)[plan.changes[0].key].state is EffectState.DONE


def test_most_of_a_group_unwell_asks_first(groups: Groups) -> None:
    groups.sick(*groups.members()[:8])
    plan = planned(groups)
    assert len(terminations(plan)) == 8
    assert plan.ask is not None
    assert "web has 8 unwell of 12 in service" in plan.ask.reason
    approved = groups.ctx(answered=Answer(yes=True, by="somebody", at=groups.clock.now()))
    assert groups.effect_of(ROTATE, plan.changes[0], approved).state is EffectState.PENDING


def test_a_group_that_became_mostly_unwell_since_the_plan_is_left_alone(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    plan = planned(groups)
    assert plan.ask is None
    groups.sick(*groups.members()[:7])
    effect = groups.effect_of(ROTATE, plan.changes[0], groups.ctx())
    assert effect.state is EffectState.CONFLICT
    assert "it will ask first" in effect.message


def test_a_replacement_that_is_unwell_too_stops_it(groups: Groups) -> None:
    groups.put("web", HealthCheckGracePeriod=0)
    groups.sick(*groups.members()[:2])
    plan, ctx = planned(groups), groups.ctx()
    first = groups.effect_of(ROTATE, plan.changes[0], ctx)
    ctx = groups.later(ctx, 40)
    [new] = groups.ids() - set(groups.members())
    groups.sick(*groups.members()[:2], new)
    seen = ROTATE.observe([(plan.changes[0], first)], ctx)[plan.changes[0].key]
    assert (seen.state, seen.code) == (EffectState.FAILED, "action.replacement_unwell")
    effect = groups.effect_of(ROTATE, plan.changes[1], ctx)
    assert effect.state is EffectState.CONFLICT
    assert "replacing does not help" in effect.message


def test_a_lost_answer_is_found_and_nobody_is_terminated_twice(groups: Groups) -> None:
    bad = groups.members()[0]
    groups.sick(bad)
    plan, ctx = planned(groups), groups.ctx()
    assert ROTATE.observe([(plan.changes[0], in_doubt(ctx))], ctx) == {}
    groups.control.weather(lost_answer_share=1)
    with pytest.raises(ActionError) as lost:
        groups.effect_of(ROTATE, plan.changes[0], ctx)
    assert lost.value.kind is ErrorKind.IN_DOUBT
    groups.control.weather(lost_answer_share=0)
    ctx = groups.later(ctx, 20)
    found = ROTATE.observe([(plan.changes[0], in_doubt(ctx))], ctx)[plan.changes[0].key]
    assert (found.state, found.adopted, found.id) == (EffectState.PENDING, True, bad)
    assert groups.effect_of(ROTATE, plan.changes[0], ctx).state is EffectState.MOOT


def test_what_is_hands_off_since_the_plan_is_left_alone(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    plan = planned(groups)
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "lifeboat:hands-off"}
    groups.scaling.create_or_update_tags(Tags=[{**tag, "Value": "", "PropagateAtLaunch": False}])
    assert groups.effect_of(ROTATE, plan.changes[0], groups.ctx()).state is EffectState.CONFLICT
    assert planned(groups).changes == ()


def test_a_group_that_was_resized_since_the_plan_is_not_grown(groups: Groups) -> None:
    groups.put("api", MinSize=6)
    groups.sick(groups.members("api")[0])
    grow = planned(groups).changes[0]
    groups.put("api", DesiredCapacity=8)
    effect = groups.effect_of(ROTATE, grow, groups.ctx())
    assert effect.state is EffectState.CONFLICT
    groups.put("api", DesiredCapacity=6)
    sent = groups.effect_of(ROTATE, grow, groups.ctx())
    groups.put("api", DesiredCapacity=6)
    assert ROTATE.observe([(grow, sent)], groups.ctx())[grow.key].state is EffectState.CONFLICT
    assert ROTATE.observe([(grow, in_doubt(groups.ctx()))], groups.ctx()) == {}


def test_the_calls_are_told_as_they_are_made(groups: Groups) -> None:
    groups.put("api", MinSize=6)
    groups.sick(groups.members("api")[0])
    told = [call for change in planned(groups).changes for call in ROTATE.calls_for(change, groups.ctx())]
    assert [(call.operation, call.params.get("DesiredCapacity")) for call in told] == [
        ("SetDesiredCapacity", 7),
        ("TerminateInstanceInAutoScalingGroup", None),
        ("SetDesiredCapacity", 6),
    ]


def test_a_termination_cannot_be_taken_back(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    [change] = planned(groups).changes
    assert "stays" in ROTATE.undo(change, in_doubt(groups.ctx()), groups.ctx()).cannot
    assert ROTATE.within >= timedelta(hours=1)


def test_a_group_that_is_gone_is_said_so(groups: Groups) -> None:
    groups.sick(groups.members()[0])
    [change] = planned(groups).changes
    gone = Change.model_validate({**change.model_dump(), "params": {**change.params, "group": "none"}})
    assert groups.effect_of(ROTATE, gone, groups.ctx()).state is EffectState.MOOT
    assert ROTATE.observe([(gone, in_doubt(groups.ctx()))], groups.ctx())[gone.key].state is EffectState.MOOT
    with pytest.raises(ActionError) as missing:
        ROTATE.apply(gone, {}, groups.ctx())
    assert missing.value.code == "action.resource_gone"
