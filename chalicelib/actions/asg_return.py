"""asg.return_zone: groups get the subnets of a zone back that was taken out of them.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html. Giving a group the
subnets that it has changes nothing, so nothing can be done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.asg_selection import GroupSelector, selected
from chalicelib.actions.asg_zones import (
    drift,
    earlier,
    listed,
    put_back,
    return_of,
    subnets_call,
    tags_call,
    without,
    zone_change,
)
from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.aws.errors import translated
from chalicelib.aws.groups import SERVICE, ScalingGroup, by_name, subnet_zones
from chalicelib.domain.change import Change, Effect, EffectState, Failure, Plan
from chalicelib.domain.types import Region


class ReturnZoneInput(ActionModel):
    """Which zone, and which groups."""

    zone: str = Field(min_length=1, description="ID (or name) of the Availability Zone to return to.")
    select: GroupSelector = Field(description="The groups; those that were not taken out of the zone are passed over.")
    even_if_changed: bool = Field(
        default=False,
        description="Also groups whose subnets somebody changed since: the zone's are added to what they have.",
    )
    region: Region | None = Field(None, description="The groups' Region; the run's own when left out.")


class ReturnZoneOutput(ActionModel):
    """What has returned."""

    groups: list[str] = Field(description="Names of the groups that have the zone again.")


class ReturnZone(Action[ReturnZoneInput]):
    """Give Auto Scaling groups the subnets of a zone back, from the tags that `asg.evacuate_zone` left on them.

    No quantities; times are UTC. A group whose subnets somebody changed since is left as it is and named, unless
    `even_if_changed`. The tags are removed afterwards. The group's own rebalancing fills the zone again, a new instance
    first; this action does not wait for that.
    """

    name: ClassVar[str] = "asg.return_zone"
    given: ClassVar[type[ActionModel]] = ReturnZoneInput
    returns: ClassVar[type[ActionModel]] = ReturnZoneOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "autoscaling:DeleteTags",
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:UpdateAutoScalingGroup",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSubnets",
    )
    within: ClassVar[timedelta] = timedelta(minutes=30)
    settle_s: ClassVar[int | None] = 30
    later: ClassVar[tuple[str, ...]] = ("asg.evacuate_zone",)
    lease: ClassVar[str | None] = "zones"
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones, DescribeAutoScalingGroups per 100, DescribeSubnets per 200. Before each "
        "wave, and each look: DescribeAvailabilityZones and DescribeAutoScalingGroups. Apply: UpdateAutoScalingGroup "
        "and DeleteTags per group."
    )

    def plan(self, given: ReturnZoneInput, ctx: StepContext) -> Plan:
        selection = selected(ctx.aws, given.region or ctx.region, given.select)
        zone = selection.zones.id_of(selection.zones.name_of(given.zone))
        there = [group for group in selection.groups if earlier(group, zone)]
        where = subnet_zones(ctx.aws, selection.region, {one for group in there for one in earlier(group, zone)})
        changes = []
        for group in there:
            before = earlier(group, zone)
            taken = [one for one in before if where.get(one) == zone]
            change = zone_change(group, f"{group.resource} returns to {zone}.", before, taken, zone)
            why = _objection(group, change, even_if_changed=given.even_if_changed)
            if why:
                selection.failures.append(Failure(resource=group.resource, code="action.drifted", message=why))
                continue
            params = {**change.params, "even_if_changed": given.even_if_changed}
            changes.append(change.model_copy(update={"params": params}))
        if not there:
            selection.notes.append(f"No group was taken out of {zone}.")
        return Plan(changes=tuple(changes), failures=tuple(selection.failures), notes=tuple(selection.notes))

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing is needed
        found = {}
        for change in changes:
            group = _group(change, ctx)
            if group is None or _is_back(group, change):
                found[change.key] = Review("moot", f"{change.resource} has returned to its zones already.")
                continue
            why = _objection(group, change, even_if_changed=bool(change.params.get("even_if_changed")))
            if not why and change.params.get("only_watch"):
                why = f"{change.resource} is still without {change.params['zone']}; a person says when it returns."
            after = put_back(group, listed(change, "before"), listed(change, "taken"))
            found[change.key] = Review("conflict", why) if why else Review(params={**change.params, "after": after})
        return found

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found = {}
        for change, effect in asked:
            group = _group(change, ctx)
            if group is None:
                found[change.key] = effect.moved(EffectState.MOOT, ctx.now, message=f"{change.resource} is gone.")
            elif _is_back(group, change):
                found[change.key] = _seen(change, effect, ctx)
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        update, untag = self.calls_for(change, ctx)
        client = ctx.aws.client(SERVICE, change.region, "write")
        with translated(f"{change.resource} in {change.region}", service=SERVICE, sends=True):
            client.update_auto_scaling_group(**update.params)
            client.delete_tags(**untag.params)
        return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now, ends=_ends(change))

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        after = listed(change, "after") or listed(change, "before")
        return (subnets_call(change, after), tags_call(change))

    def outputs(
        self,
        given: ReturnZoneInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        back = {EffectState.DONE, EffectState.MOOT}
        return {"groups": [str(change.params["group"]) for change, effect in made if effect.state in back]}

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        again = without(change, f"{change.resource} leaves {change.params['zone']} again.")
        return Undo(by="asg.evacuate_zone", changes=(again,))


def _group(change: Change, ctx: StepContext) -> ScalingGroup | None:
    name = str(change.params["group"])
    return by_name(ctx.aws, change.region, [name]).get(name)


def _is_back(group: ScalingGroup, change: Change) -> bool:
    """Whether a group has a zone again and nothing of it is kept any more. Without its tags alone it is not back."""
    return not earlier(group, str(change.params["zone"])) and set(listed(change, "taken")) <= set(group.subnets)


def _ends(change: Change) -> tuple[str, ...]:
    return (return_of(str(change.params["group"]), str(change.params["zone"])),)


def _seen(change: Change, effect: Effect, ctx: StepContext) -> Effect:
    """A zone that is back is what was wanted; but where a person was to say when, no run has returned it."""
    if change.params.get("only_watch"):
        zone = change.params["zone"]
        why = f"{change.resource} has {zone} again, and no run returned it. On purpose: strike this out. If not: "
        return effect.moved(EffectState.CONFLICT, ctx.now, message=f"{why}run asg.evacuate_zone again.")
    return effect.moved(
        EffectState.DONE, ctx.now, id=change.resource, adopted=effect.adopted or not effect.id, ends=_ends(change)
    )


def _objection(group: ScalingGroup, change: Change, *, even_if_changed: bool) -> str:
    """Say why a group does not return by itself; "" when it may."""
    said = drift(group, change)
    if not said or even_if_changed or set(listed(change, "taken")) <= set(group.subnets):
        return ""
    return (
        f"{group.resource} stays without {change.params['zone']}: its subnets were changed since it left: {said}. "
        "Correct them by hand, or say even_if_changed: true, which adds the zone's subnets to what the group has."
    )
