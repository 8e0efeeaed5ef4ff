"""asg.evacuate_zone: groups leave an impaired Availability Zone, at full capacity elsewhere.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-zonal-shift.html and
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html. Giving a group the subnets
that it has changes nothing, so nothing can be done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.asg_evacuation_plan import note_enrolled, planned
from chalicelib.actions.asg_selection import GroupSelector, selected
from chalicelib.actions.asg_zones import (
    drift,
    earlier,
    listed,
    remaining,
    return_of,
    subnets_call,
    tags_call,
    tags_for,
    zone_change,
)
from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.aws import tags
from chalicelib.aws.errors import translated
from chalicelib.aws.groups import SERVICE, ScalingGroup, by_name, last_failure, subnet_zones
from chalicelib.domain.change import Change, Effect, EffectState, Obligation, Plan
from chalicelib.domain.recovery import Recovery, shown
from chalicelib.domain.types import Region

LOOK = timedelta(seconds=60)
ASKED_AFTER = timedelta(minutes=5)  # a group that has not come over by then is asked why
WATCHED_AFTER = timedelta(days=1)


class EvacuateZoneInput(ActionModel):
    """Which zone, and which groups."""

    zone: str = Field(min_length=1, description="ID (or name) of the Availability Zone to leave, such as `use1-az1`.")
    select: GroupSelector = Field(description="The groups: by tags or names.")
    healthy: list[str] | None = Field(
        None, description="IDs of the zones that are well: only these count as remaining. All others when left out."
    )
    keep_zones: int = Field(
        1, ge=1, le=20, description="So many zones must remain for a group, or it is left as it is."
    )
    region: Region | None = Field(None, description="The groups' Region; the run's own when left out.")


class EvacuateZoneOutput(ActionModel):
    """What has left the zone."""

    groups: list[str] = Field(description="Names of the groups that were taken out of the zone.")
    recovered: list[Recovery] = Field(description="Groups that are at full capacity outside the zone, and since when.")


class EvacuateZone(Action[EvacuateZoneInput]):
    """Take an impaired zone's subnets out of Auto Scaling groups, and wait for full capacity in the other zones.

    No quantities; times are UTC. Groups that are enrolled in zonal shift are left to it: it keeps launches out of the
    zone, and the group's `ImpairedZoneHealthCheckBehavior` says what becomes of the instances there. For the others
    the subnets as they were are kept in tags of the group first, then the zone's are taken out. Minimum, maximum and
    desired capacity stay as they are, and no process is suspended: the group's rebalancing brings the instances over.

    A change is done when AWS shows as many healthy instances in service outside the zone as the group wants. Where the
    zone comes back meanwhile, because somebody applied an older template, that is a conflict and is said. Where
    launches fail, for example because no zone has capacity, the group's own scaling activity is quoted.
    Taken back by `asg.return_zone` or `lifeboat undo`; a group that is without its zone for a day is told of.
    """

    name: ClassVar[str] = "asg.evacuate_zone"
    given: ClassVar[type[ActionModel]] = EvacuateZoneInput
    returns: ClassVar[type[ActionModel]] = EvacuateZoneOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "arc-zonal-shift:ListManagedResources",
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:UpdateAutoScalingGroup",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSubnets",
    )
    within: ClassVar[timedelta] = timedelta(hours=1)
    settle_s: ClassVar[int | None] = 30
    later: ClassVar[tuple[str, ...]] = ("asg.return_zone",)
    lease: ClassVar[str | None] = "zones"
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones, DescribeAutoScalingGroups per 100, DescribeSubnets per 200, and "
        "ListManagedResources when a group is enrolled in zonal shift. Before each "
        "wave, and each look: DescribeAvailabilityZones and DescribeAutoScalingGroups; after five minutes also "
        "DescribeScalingActivities per group that has not come over. Apply: CreateOrUpdateTags and "
        "UpdateAutoScalingGroup per group. All are Regional: none goes to the zone."
    )

    def plan(self, given: EvacuateZoneInput, ctx: StepContext) -> Plan:
        selection = selected(ctx.aws, given.region or ctx.region, given.select)
        zone = selection.zones.id_of(selection.zones.name_of(given.zone))
        every = {subnet for one in selection.groups for subnet in (*one.subnets, *earlier(one, zone))}
        where = subnet_zones(ctx.aws, selection.region, every)
        note_enrolled(selection, zone, ctx)
        changes = [
            change
            for group in selection.groups
            if (change := planned(group, zone, where, given, selection)) is not None
        ]
        return Plan(changes=tuple(changes), failures=tuple(selection.failures), notes=tuple(selection.notes))

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing is needed
        found = {}
        for change, group in _with_groups(changes, ctx):
            if group is None:
                found[change.key] = Review("moot", f"{change.resource} is gone.")
                continue
            why = _objection(group, change)
            if why:
                found[change.key] = Review("conflict", f"{change.resource} {why} Run it again.")
        return found

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        groups = {change.key: group for change, group in _with_groups([change for change, _ in asked], ctx)}
        found = {}
        for change, effect in asked:
            after = _seen(groups[change.key], change, effect, ctx)
            if after is not None:
                found[change.key] = after
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        keep, update = self.calls_for(change, ctx)
        client = ctx.aws.client(SERVICE, change.region, "write")
        with translated(f"{change.resource} in {change.region}", service=SERVICE, sends=True):
            client.create_or_update_tags(**keep.params)
            client.update_auto_scaling_group(**update.params)
        return Effect(
            state=EffectState.PENDING, id=change.resource, at=ctx.now, due=ctx.now + LOOK, owes=(_watch(change, ctx),)
        )

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        own = tags_for(str(change.params["zone"]), listed(change, "before"))
        return (tags_call(change, own), subnets_call(change, remaining(change)))

    def outputs(
        self,
        given: EvacuateZoneInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,
    ) -> dict[str, Any]:
        done = [(change, effect) for change, effect in made if effect.state is EffectState.DONE and effect.at]
        recovered = [
            Recovery(
                resource=change.resource,
                region=change.region,
                ready_at=effect.at or ctx.now,
                note=f"{effect.facts.get('outside', 0)} instances in service outside {change.params['zone']}",
            )
            for change, effect in done
        ]
        return {
            "groups": [str(change.params["group"]) for change, _ in done],
            "recovered": shown(recovered),
        }

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        return Undo(by="asg.return_zone", changes=(_back(change),))


def _objection(group: ScalingGroup, change: Change) -> str:
    left = set(remaining(change))
    if tags.HANDS_OFF in group.tags:
        return f"was tagged {tags.HANDS_OFF}."
    if group.shifts:
        return "was enrolled in zonal shift since the plan."
    if set(group.subnets) not in (left, left | set(listed(change, "taken"))):
        return f"has other subnets than when this was planned: {', '.join(group.subnets)}."
    return ""


def _seen(group: ScalingGroup | None, change: Change, effect: Effect, ctx: StepContext) -> Effect | None:
    if group is None:
        return effect.moved(EffectState.MOOT, ctx.now, message=f"{change.resource} is gone.")
    zone, back = str(change.params["zone"]), set(group.subnets) & set(listed(change, "taken"))
    if back:
        why = f"{change.resource} has {zone} again ({drift(group, change)}): somebody changed it meanwhile, perhaps by "
        why += "applying its template again. Take the zone out there too, and run this again."
        return effect.moved(EffectState.CONFLICT, ctx.now, message=why) if effect.id else None
    outside = sum(member.healthy and member.zone_id != zone for member in group.serving)
    facts = {**effect.facts, "outside": outside, "wanted": group.desired}
    known = effect.model_copy(
        update={
            "id": change.resource,
            "adopted": effect.adopted or not effect.id,
            "facts": facts,
            "owes": effect.owes or (_watch(change, ctx),),
        }
    )
    if outside >= group.desired:
        return known.moved(EffectState.DONE, ctx.now, due=None, message="")
    return _short(group, known, zone, ctx)


def _short(group: ScalingGroup, known: Effect, zone: str, ctx: StepContext) -> Effect:
    """Return the effect of a group that has not come over wholly; what keeps it is asked for after some minutes."""
    why = ""
    if known.at and ctx.now - known.at >= ASKED_AFTER:
        why = last_failure(ctx.aws, group.region, group.name, known.at)
    said = f"{known.facts['outside']} of {group.desired} are in service outside {zone}."
    if why:
        said += (
            f" Its launches fail: {why} Give the group another instance type or subnets in further zones, or let it "
            "want fewer; it goes on trying by itself."
        )
    facts = {**known.facts, "failing": why}
    changes = {"state": EffectState.PENDING, "due": ctx.now + LOOK, "message": said, "facts": facts}
    return known.model_copy(update=changes)


def _with_groups(changes: Sequence[Change], ctx: StepContext) -> list[tuple[Change, ScalingGroup | None]]:
    found = []
    for region in sorted({change.region for change in changes}):
        here = [change for change in changes if change.region == region]
        groups = by_name(ctx.aws, region, [str(change.params["group"]) for change in here])
        found += [(change, groups.get(str(change.params["group"]))) for change in here]
    return found


def _back(change: Change) -> Change:
    reason = f"{change.resource} returns to {change.params['zone']}."
    return zone_change(change, reason, listed(change, "before"), listed(change, "taken"))


def _watch(change: Change, ctx: StepContext) -> Obligation:
    """Return what is owed: that somebody returns the group; what is not returned within a day is told of."""
    back = _back(change)
    return Obligation(
        name=return_of(str(change.params["group"]), str(change.params["zone"])),
        why=f"{change.resource} is without {change.params['zone']}. When the zone is well, asg.return_zone or "
        "`lifeboat undo` returns it.",
        due=ctx.now + WATCHED_AFTER,
        uses="asg.return_zone",
        change=back.model_copy(update={"params": {**back.params, "only_watch": True}}),
    )
