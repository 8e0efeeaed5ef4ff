"""asg.hold_group: a group stops replacing its unhealthy instances until it is released.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SuspendProcesses.html. Suspending what is suspended
changes nothing, so nothing can be done twice. What was suspended before is kept as a tag first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.asg_health import READS, Health, read_health
from chalicelib.actions.asg_held import HOLDING, Hold, hold_change, hold_of, names, release_change
from chalicelib.actions.asg_selection import GroupSelector, selected
from chalicelib.actions.base import Action, ActionModel, ApiCall, StepContext, Undo
from chalicelib.aws import tags
from chalicelib.aws.errors import translated
from chalicelib.aws.groups import SERVICE, ScalingGroup, by_name, tag_of
from chalicelib.domain.change import Change, Effect, EffectState, Obligation, Plan
from chalicelib.domain.rotation import floor_of, mostly_unwell
from chalicelib.domain.runbook_values import Share
from chalicelib.domain.types import Region

WATCHED_AFTER = timedelta(days=1)


class HoldGroupInput(ActionModel):
    """Which groups, and when."""

    select: GroupSelector = Field(description="The groups: by tags or names.")
    when_healthy_below: Share | None = Field(
        None, description="Only groups of whose desired instances fewer than this share are well; all when left out."
    )
    region: Region | None = Field(None, description="The groups' Region; the run's own when left out.")


class HoldGroupOutput(ActionModel):
    """What is held."""

    held: list[str] = Field(description="Names of the groups that this step holds.")


class HoldGroup(Action[HoldGroupInput]):
    """Keep Auto Scaling groups from replacing their own unhealthy instances, until they are released.

    No quantities; times are UTC. Suspends `ReplaceUnhealthy` and nothing else: the group goes on launching, scaling,
    rebalancing and judging health. What was suspended before is kept in the tag `lifeboat:held`. A group that is held
    for a day is told of. Taken back by `asg.release_group`, or `lifeboat undo`.
    """

    name: ClassVar[str] = "asg.hold_group"
    given: ClassVar[type[ActionModel]] = HoldGroupInput
    returns: ClassVar[type[ActionModel]] = HoldGroupOutput
    permissions: ClassVar[tuple[str, ...]] = (
        *READS,
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:SuspendProcesses",
    )
    within: ClassVar[timedelta] = timedelta(minutes=15)
    settle_s: ClassVar[int | None] = 30
    later: ClassVar[tuple[str, ...]] = ("asg.release_group",)
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones, DescribeAutoScalingGroups per 100; with `when_healthy_below` also what "
        "`asg.replace_unhealthy` reads of health. Apply: CreateOrUpdateTags and SuspendProcesses per group. Observe: "
        "DescribeAutoScalingGroups."
    )

    def plan(self, given: HoldGroupInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        selection = selected(ctx.aws, region, given.select)
        share = given.when_healthy_below
        health = read_health(ctx.aws, region, selection.groups, ctx.now) if share is not None else Health()
        changes, notes = [], list(selection.notes)
        for group in selection.groups:
            standing = health.standing(group)
            if share is not None and not mostly_unwell(standing, floor_of(group.desired, share)):
                continue
            off = [one for one in HOLDING if one in group.suspended]
            if off and hold_of(group) is None:
                notes.append(f"{group.resource}: somebody has suspended {', '.join(off)} already; it is left so.")
                continue
            said = f"{standing.unwell} of {standing.serving} in service are unwell. " if share is not None else ""
            before = group.suspended - set(HOLDING)
            reason = f"{said}{group.resource} is not to replace unhealthy instances by itself until it is released."
            changes.append(hold_change(group.name, region, sorted(before), reason))
        return Plan(changes=tuple(changes), failures=tuple(selection.failures), notes=tuple(notes))

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found = {}
        for change, effect in asked:
            group = by_name(ctx.aws, change.region, [str(change.params["group"])]).get(str(change.params["group"]))
            if group is None:
                found[change.key] = effect.moved(EffectState.MOOT, ctx.now, message=f"{change.resource} is gone.")
            elif _is_held(group):
                owes = (*effect.owes,) or (_watch(change, ctx),)
                found[change.key] = effect.moved(
                    EffectState.DONE, ctx.now, id=change.resource, adopted=not effect.id, owes=owes
                )
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        tag, suspend = self.calls_for(change, ctx)
        client = ctx.aws.client(SERVICE, change.region, "write")
        with translated(f"{change.resource} in {change.region}", service=SERVICE, sends=True):
            client.create_or_update_tags(**tag.params)
            client.suspend_processes(**suspend.params)
        return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now, owes=(_watch(change, ctx),))

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        group, suspended = str(change.params["group"]), names(change, "suspended")
        told = Hold(tuple(suspended), tuple(names(change, "before"))).text()
        return (
            ApiCall(SERVICE, "CreateOrUpdateTags", change.region, {"Tags": [tag_of(group, tags.HELD, told)]}),
            ApiCall(
                SERVICE,
                "SuspendProcesses",
                change.region,
                {"AutoScalingGroupName": group, "ScalingProcesses": suspended},
            ),
        )

    def outputs(
        self,
        given: HoldGroupInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"held": [str(change.params["group"]) for change, effect in made if effect.state is EffectState.DONE]}

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        return Undo(by="asg.release_group", changes=(_release(change),))


def _is_held(group: ScalingGroup) -> bool:
    hold = hold_of(group)
    return hold is not None and set(hold.suspended) <= group.suspended


def _release(change: Change) -> Change:
    reason = f"{change.resource} is to replace unhealthy instances by itself again."
    group = str(change.params["group"])
    return release_change(group, change.region, names(change, "suspended"), names(change, "before"), reason)


def _watch(change: Change, ctx: StepContext) -> Obligation:
    """Return what is owed: that somebody releases the group; after a day it is released if it is well, else told of."""
    release = _release(change)
    return Obligation(
        name=f"release.{change.params['group']}",
        why=f"{change.resource} is held: it does not replace unhealthy instances by itself. It is released after a day "
        "when all are well; until then by `asg.release_group` or `lifeboat undo`.",
        due=ctx.now + WATCHED_AFTER,
        uses="asg.release_group",
        change=release.model_copy(update={"params": {**release.params, "only_when_well": 100.0}}),
    )
