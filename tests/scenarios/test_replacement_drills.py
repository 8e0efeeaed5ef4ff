"""A rehearsal makes the same replacement at the drill's site only, and what was made goes only while it is that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.actions.base import DrillSite, StepContext
from chalicelib.actions.ec2_removal import RemoveRestored
from chalicelib.actions.ec2_replacement_given import LaunchReplacementsInput
from chalicelib.actions.ec2_replacements import LaunchReplacements
from chalicelib.domain.change import Change, Effect
from chalicelib.errors import InputError
from chalicelib.sandbox.client import Control
from chalicelib.settings import Limits
from tests.scenarios.conftest import Stage
from tests.scenarios.recovery import HEALTHY, POLICY, backed_up, instances, on_a_copy, volumes

ACTION, REMOVAL = LaunchReplacements(), RemoveRestored()


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as prepared:
        truth = prepared[0].witness("ec2")
        vpc = truth.describe_vpcs()["Vpcs"][0]["VpcId"]
        made = truth.create_security_group(GroupName="drill", Description="Nothing in or out", VpcId=vpc)
        subnets = truth.describe_subnets(Filters=[{"Name": "availability-zone-id", "Values": [HEALTHY]}])["Subnets"]
        prepared[1]["site"] = DrillSite(subnets[0]["SubnetId"], made["GroupId"], "drill")
        yield prepared


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def context(stage: Stage, **more: Any) -> StepContext:
    now = stage.services.clock.now()
    known = {"run_id": "run-drill", "step_id": "instances", "runbook": "recover", "region": "us-east-1"}
    site = {"drill": stage.estate["site"]}
    return StepContext(
        **{**known, "started_at": now, "now": now, "aws": stage.services.aws, "limits": Limits(), **site, **more}
    )


def given(stage: Stage, name: str, **more: Any) -> LaunchReplacementsInput:
    asked = {"select": {"ids": [stage.estate["names"][name]]}, "policy": POLICY, **more}
    return LaunchReplacementsInput.model_validate(asked)


def carried_out(action: Any, changes: Sequence[Change], ctx: StepContext, stage: Stage) -> dict[str, Effect]:
    """Make one change after the other, each until it is settled."""
    known: dict[str, Effect] = {}
    for change in changes:
        needs: Mapping[str, Effect] = {need: known[need.partition("/")[2]] for need in change.after}
        effect = action.apply(change, needs, ctx)
        for _ in range(20):
            if effect.settled:
                break
            stage.services.clock.sleep(60)
            ctx = replace(ctx, now=stage.services.clock.now())
            effect = action.observe([(change, effect)], ctx).get(change.key, effect)
        assert effect.settled, effect
        known[change.key] = effect
    return known


def test_a_drill_makes_the_replacement_at_its_site_and_nothing_else(stage: Stage) -> None:
    web, site, ctx = stage.estate["names"]["web-1"], stage.estate["site"], context(stage)
    plan = ACTION.plan(given(stage, "web-1"), ctx)
    assert [change.params["do"] for change in plan.changes] == ["image", "launch"]
    assert plan.ask is None
    effects = carried_out(ACTION, plan.changes, ctx, stage)
    new = instances(stage)[str(effects[web].id)]
    assert (new["SubnetId"], [g["GroupId"] for g in new["SecurityGroups"]]) == (
        site.subnet_id,
        [site.security_group_id],
    )
    assert new["IamInstanceProfile"]["Arn"].endswith("/drill")
    assert set(new["tags"]) == {"lifeboat:effect", "lifeboat:run", "lifeboat:restored", "lifeboat:drill"}
    mine = [
        v
        for v in volumes(stage).values()
        if v["Attachments"][:1] and v["Attachments"][0]["InstanceId"] == effects[web].id
    ]
    assert len(mine) == 2
    assert all("backup" not in v["tags"] and v["Attachments"][0]["DeleteOnTermination"] for v in mine)
    assert [effect.owes for effect in effects.values()] == [(), ()]
    assert ACTION.review(plan.changes[1:], {}, ctx) == {}  # it is well, and that is no reason not to rehearse


def test_what_a_drill_made_goes_only_while_it_carries_the_runs_tags(stage: Stage) -> None:
    web, ctx, before = stage.estate["names"]["web-1"], context(stage), set(volumes(stage))
    plan = ACTION.plan(given(stage, "web-1"), ctx)
    effects = carried_out(ACTION, plan.changes, ctx, stage)
    [terminate, *deletes] = ACTION.undo(plan.changes[1], effects[web], ctx).changes
    [image] = ACTION.undo(plan.changes[0], effects[f"image.{web}"], ctx).changes
    truth = stage.control.witness("ec2")
    own = [{"Key": "lifeboat:run"}]
    truth.delete_tags(Resources=[str(effects[web].id), str(image.params["image"])], Tags=own)
    stage.control.settle()
    said = REMOVAL.review([terminate, image], {}, ctx)
    assert {review.state for review in said.values()} == {"conflict"}
    back = [{"Key": "lifeboat:run", "Value": "run-drill"}]
    truth.create_tags(Resources=[str(effects[web].id), str(image.params["image"])], Tags=back)
    stage.control.settle()
    assert REMOVAL.review([terminate, image], {}, ctx) == {}
    held = REMOVAL.review(deletes, {}, ctx)
    assert {review.state for review in held.values()} == {"conflict"}  # attached still
    carried_out(REMOVAL, [terminate, image], ctx, stage)
    assert {review.state for review in REMOVAL.review(deletes, {}, ctx).values()} == {"moot"}
    assert set(volumes(stage)) == before
    assert REMOVAL.review([terminate, image], {}, ctx)[image.key].state == "moot"


def test_a_drill_says_when_its_subnet_is_not_there(stage: Stage) -> None:
    nowhere = replace(stage.estate["site"], subnet_id="subnet-0123456789abcdef0")
    with pytest.raises(InputError, match="name the drill's subnet"):
        ACTION.plan(given(stage, "web-1"), context(stage, drill=nowhere))


def test_a_recovery_has_to_say_from_where_and_to_where(stage: Stage) -> None:
    for more in ({}, {"away_from": HEALTHY, "to_zones": [HEALTHY]}):
        with pytest.raises(InputError, match="away_from"):
            ACTION.plan(given(stage, "web-1", **more), context(stage, drill=None))


def test_the_calls_for_a_person_are_those_that_are_made(stage: Stage) -> None:
    ctx = context(stage, drill=None)
    plan = ACTION.plan(given(stage, "web-1", away_from="use1-az6", to_zones=[HEALTHY]), ctx)
    calls = [call for change in plan.changes for call in ACTION.calls_for(change, ctx)]
    assert [call.operation for call in calls] == [
        "RegisterImage",
        "RunInstances",
        "CreateTags",
        "CreateTags",
        "CreateTags",
        "StopInstances",
        "RegisterTargets",
        "DeregisterTargets",
    ]
    run = calls[1].params
    assert run["ImageId"] == "<image>"
    assert run["BlockDeviceMappings"][0]["DeviceName"] in {"/dev/xvda", "/dev/sdf"}
    assert calls[6].params["Targets"][0]["Id"] == "<replacement>"
    stop = next(change for change in plan.changes if change.params["do"] == "fence")
    assert [call.operation for call in REMOVAL.calls_for(ACTION.undo(stop, Effect(id="i-1"), ctx).changes[0], ctx)] == [
        "StartInstances",
        "DeleteTags",
    ]
