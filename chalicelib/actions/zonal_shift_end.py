"""zonal_shift.cancel: traffic may go to all zones again.

Source: https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_CancelZonalShift.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, StepContext, Undo
from chalicelib.actions.tag_selection import Selector
from chalicelib.actions.zonal_shift import CONFLICT, cancelling, owed_for
from chalicelib.aws.sending import send
from chalicelib.aws.shifts import SERVICE, active_shifts, managed_resources, shiftable
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.domain.types import Region
from chalicelib.errors import ActionError

OURS = "Lifeboat "  # how the comment of a shift that Lifeboat started begins
ENDED = {CONFLICT, "ResourceNotFoundException"}


class CancelGiven(ActionModel):
    """Whose shifts are ended."""

    away_from: str = Field(min_length=1, description="The zone that traffic left, an ID such as `use1-az1`.")
    select: Selector = Field(description="Load balancers and Auto Scaling groups: by tags, or ids (names, ARNs).")
    anybodys: bool = Field(default=False, description="Whether shifts that people started are ended too.")
    region: Region | None = Field(None, description="The Region; the run's own when left out.")


class CancelMade(ActionModel):
    """What was ended."""

    cancelled: list[str] = Field(description="ARNs of the resources whose traffic goes to all zones again.")


class CancelShift(Action[CancelGiven]):
    """End the zonal shifts away from a zone, so that traffic goes there again.

    No quantities. Only shifts that Lifeboat started are ended, unless `anybodys`; others are told in the notes. One
    that has ended meanwhile is no failure. See to it first that what is in the zone is well, e.g. with `check.targets`.
    """

    name: ClassVar[str] = "zonal_shift.cancel"
    given = CancelGiven
    returns = CancelMade
    permissions: ClassVar[tuple[str, ...]] = (
        "arc-zonal-shift:CancelZonalShift",
        "arc-zonal-shift:ListManagedResources",
        "arc-zonal-shift:ListZonalShifts",
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeAvailabilityZones",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTags",
    )
    within: ClassVar[timedelta] = timedelta(minutes=15)
    settle_s: ClassVar[int | None] = 15  # ending what has ended is refused
    calls: ClassVar[str] = "ListZonalShifts, and what the selection needs; CancelZonalShift for each shift."

    def plan(self, given: CancelGiven, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        zones = read_zones(ctx.aws, region)
        zone = zones.id_of(zones.name_of(given.away_from))
        meant = {e.arn for e in given.select.of(shiftable(ctx.aws, region, managed_resources(ctx.aws, region)))}
        there = [s for s in active_shifts(ctx.aws, region) if s.resource in meant and s.away_from == zone]
        mine = [s for s in there if given.anybodys or s.comment.startswith(OURS)]
        notes = [f"{s.resource} is shifted by somebody else, who said: {s.comment}" for s in there if s not in mine]
        notes += [] if there else [f"Nothing that fits {given.select} is shifted away from {zone}."]
        return Plan(changes=tuple(cancelling(region, s.resource, s.id) for s in mine), notes=tuple(notes))

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return [ApiCall(SERVICE, "CancelZonalShift", change.region, {"zonalShiftId": change.params["shift"]})]

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        shift = str(change.params["shift"])
        ended = Effect(state=EffectState.DONE, id=shift, at=ctx.now, ends=(owed_for(shift),))
        try:
            send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        except ActionError as error:
            if error.details.get("aws_code") not in ENDED:
                raise
            return ended.model_copy(update={"adopted": True, "message": "The zonal shift has ended already."})
        return ended

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found: dict[str, Effect] = {}
        for region in sorted({change.region for change, _ in asked}):
            there = {shift.id for shift in active_shifts(ctx.aws, region)}
            for change, effect in asked:
                shift = str(change.params["shift"])
                if change.region == region and shift not in there:
                    found[change.key] = effect.moved(
                        EffectState.DONE, ctx.now, id=shift, adopted=effect.id is None, ends=(owed_for(shift),)
                    )
        return found

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        return Undo(cannot=f"Traffic of {change.resource} went back; start a zonal shift anew if it is to leave again.")

    def outputs(
        self,
        given: CancelGiven,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"cancelled": [change.resource for change, effect in made if effect.state is EffectState.DONE]}
