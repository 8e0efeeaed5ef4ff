"""asg.release_group: a held group may replace its unhealthy instances again.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_ResumeProcesses.html. Resuming what runs changes
nothing, so nothing can be done twice. What is unhealthy at that moment is replaced by the group at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.asg_health import READS, read_health
from chalicelib.actions.asg_held import hold_change, hold_of, names, release_change
from chalicelib.actions.asg_selection import GroupSelector, selected
from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.aws import tags
from chalicelib.aws.errors import translated
from chalicelib.aws.groups import SERVICE, ScalingGroup, by_name, tag_of
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.domain.rotation import floor_of
from chalicelib.domain.runbook_values import Share
from chalicelib.domain.types import Region


class ReleaseGroupInput(ActionModel):
    """Which groups, and when not."""

    select: GroupSelector = Field(description="The groups: by tags or names; those that are not held are passed over.")
    unless_healthy_below: Share | None = Field(
        None, description="A group of whose desired instances fewer than this share are well stays held."
    )
    region: Region | None = Field(None, description="The groups' Region; the run's own when left out.")


class ReleaseGroupOutput(ActionModel):
    """What is released, and what is not."""

    released: list[str] = Field(description="Names of the groups that were released.")
    still_held: list[str] = Field(description="Names of the groups that stay held.")


class ReleaseGroup(Action[ReleaseGroupInput]):
    """Let Auto Scaling groups that Lifeboat holds replace their unhealthy instances again.

    No quantities; times are UTC. Resumes what `asg.hold_group` suspended and nothing else: a process that somebody had
    suspended before stays so. The group replaces at once whatever it calls unhealthy then.
    """

    name: ClassVar[str] = "asg.release_group"
    given: ClassVar[type[ActionModel]] = ReleaseGroupInput
    returns: ClassVar[type[ActionModel]] = ReleaseGroupOutput
    permissions: ClassVar[tuple[str, ...]] = (*READS, "autoscaling:DeleteTags", "autoscaling:ResumeProcesses")
    within: ClassVar[timedelta] = timedelta(minutes=15)
    settle_s: ClassVar[int | None] = 30
    later: ClassVar[tuple[str, ...]] = ("asg.hold_group",)
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones, DescribeAutoScalingGroups per 100. Before each wave: the same by name; with "
        "`unless_healthy_below` also what `asg.replace_unhealthy` reads of health. Apply: ResumeProcesses and "
        "DeleteTags per group. Observe: DescribeAutoScalingGroups."
    )

    def plan(self, given: ReleaseGroupInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        selection = selected(ctx.aws, region, given.select)
        changes, notes = [], list(selection.notes)
        for group in selection.groups:
            hold = hold_of(group)
            if hold is None:
                continue
            reason = f"{group.resource} is to replace unhealthy instances by itself again."
            change = release_change(group.name, region, hold.suspended, hold.before, reason)
            params = {**change.params, "only_when_well": given.unless_healthy_below}
            changes.append(change.model_copy(update={"params": params}))
        if not changes:
            notes.append("No group is held.")
        return Plan(changes=tuple(changes), failures=tuple(selection.failures), notes=tuple(notes))

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing is needed
        found = {}
        for change in changes:
            group = by_name(ctx.aws, change.region, [str(change.params["group"])]).get(str(change.params["group"]))
            if group is None or hold_of(group) is None:
                found[change.key] = Review("moot", f"{change.resource} is not held any more.")
                continue
            why = _unwell(change, group, ctx)
            if why:
                found[change.key] = Review("conflict", why)
        return found

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found = {}
        for change, effect in asked:
            group = by_name(ctx.aws, change.region, [str(change.params["group"])]).get(str(change.params["group"]))
            if group is None or tags.HELD not in group.tags:
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=change.resource, adopted=not effect.id)
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        *resume, untag = self.calls_for(change, ctx)
        client = ctx.aws.client(SERVICE, change.region, "write")
        with translated(f"{change.resource} in {change.region}", service=SERVICE, sends=True):
            for call in resume:
                client.resume_processes(**call.params)
            client.delete_tags(**untag.params)
        return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        group = str(change.params["group"])
        resumed = [one for one in names(change, "suspended") if one not in names(change, "before")]
        named = {"AutoScalingGroupName": group, "ScalingProcesses": resumed}
        resume = [ApiCall(SERVICE, "ResumeProcesses", change.region, named)] if resumed else []
        return (*resume, ApiCall(SERVICE, "DeleteTags", change.region, {"Tags": [tag_of(group, tags.HELD)]}))

    def outputs(
        self,
        given: ReleaseGroupInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        free = {EffectState.DONE, EffectState.MOOT}
        return {
            "released": [str(change.params["group"]) for change, effect in made if effect.state in free],
            "still_held": [str(change.params["group"]) for change, effect in made if effect.state not in free],
        }

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        reason = f"{change.resource} is held again."
        again = hold_change(str(change.params["group"]), change.region, names(change, "before"), reason)
        return Undo(by="asg.hold_group", changes=(again,))


def _unwell(change: Change, group: ScalingGroup, ctx: StepContext) -> str:
    """Say why a group stays held; "" when it may be released."""
    share = change.params.get("only_when_well")
    if share is None:
        return ""
    standing = read_health(ctx.aws, change.region, [group], ctx.now).standing(group)
    floor = floor_of(group.desired, float(str(share)))
    well = standing.serving - standing.unwell
    if standing.unwell == 0 or well >= floor:
        return ""
    return (
        f"{change.resource} stays held: {standing.unwell} of {standing.serving} in service are unwell, and released it "
        "would terminate them all at once. Mend what they fail at, or release it by hand with asg.release_group."
    )
