"""zonal_shift.start: traffic leaves a zone, by ARC's zonal shift: data plane, first, and taken back by anybody.

Source: https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_StartZonalShift.html. It takes no token; a resource
has one shift at a time, so a second call is refused, and a lost one is found by the effect's id in the shift's comment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field, field_validator

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.shift_plan import decided
from chalicelib.actions.tag_selection import Selector
from chalicelib.aws.sending import send
from chalicelib.aws.shifts import SERVICE, Shift, active_shifts, shift_of
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation, Plan
from chalicelib.domain.types import Duration, Region
from chalicelib.errors import ActionError, ErrorKind

EXTEND_BEFORE = timedelta(minutes=30)  # some sweeps, before it would expire
SHORTEST, LONGEST = timedelta(hours=1), timedelta(hours=72)
SLACK = timedelta(minutes=5)  # nobody is called for so little
CONFLICT = "ConflictException"
OWED_FOR = "shift."  # how the names of what is owed about a shift begin; the shift's ID follows


class ShiftGiven(ActionModel):
    """What is shifted, away from where, for how long."""

    away_from: str = Field(min_length=1, description="The zone to leave, an ID such as `use1-az1`.")
    select: Selector = Field(description="Load balancers and Auto Scaling groups: by tags, or ids (names, ARNs).")
    expires_in: Duration = Field(
        timedelta(hours=4), description="1h to 72h; so long it lasts when nobody can extend it, e.g. Lifeboat itself."
    )
    at_most: Duration = Field(timedelta(hours=72), description="How long it is extended altogether, until taken back.")
    region: Region | None = Field(None, description="The Region; the run's own when left out.")

    @field_validator("expires_in")
    @classmethod
    def _in_bounds(cls, value: timedelta) -> timedelta:
        if not SHORTEST <= value <= LONGEST:
            raise ValueError("a zonal shift is started for 1h to 72h")
        return value


class ShiftMade(ActionModel):
    """What was shifted."""

    shifted: list[str] = Field(description="ARNs of the resources whose traffic left the zone.")
    shifts: list[str] = Field(description="IDs of the zonal shifts.")
    expires_at: str = Field(description="When the first of them expires unless it is extended (UTC); empty = none.")


class StartShift(Action[ShiftGiven]):
    """Move the traffic of load balancers and Auto Scaling groups away from a zone, until taken back.

    Times in seconds. Only what is enabled for zonal shift can be moved; what is selected and is not enabled, or not in
    the zone, is told in the notes. It expires by itself after `expires_in`; half an hour before, Lifeboat extends it,
    for `at_most` altogether. What is shifted away from the zone already is left as it is; what is shifted away from
    another zone is a failure, since it has one shift at a time. Taken back by `zonal_shift.cancel`.
    """

    name: ClassVar[str] = "zonal_shift.start"
    given = ShiftGiven
    returns = ShiftMade
    permissions: ClassVar[tuple[str, ...]] = (
        "arc-zonal-shift:ListManagedResources",
        "arc-zonal-shift:ListZonalShifts",
        "arc-zonal-shift:StartZonalShift",
        "arc-zonal-shift:UpdateZonalShift",
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeAvailabilityZones",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTags",
    )
    within: ClassVar[timedelta] = timedelta(minutes=15)
    review_every_s: ClassVar[int | None] = 0
    settle_s: ClassVar[int | None] = 15  # a second shift of the same resource is refused anyway
    calls: ClassVar[str] = (
        "ListManagedResources, ListZonalShifts, DescribeLoadBalancers and their tags; StartZonalShift for each of them,"
        " UpdateZonalShift for each extension. None of them needs the zone."
    )

    def plan(self, given: ShiftGiven, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        found = decided(ctx.aws, region, given.away_from, given.select)
        until = ctx.now + given.at_most
        changes = [
            Change(
                key=f"shift/{resource.name or resource.arn}"[:200],
                kind=ChangeKind.MODIFY,
                resource=resource.arn,
                region=region,
                reason=f"traffic of {resource.name or resource.arn} leaves {found.zone}",
                params={
                    "op": "start",
                    "resource": resource.arn,
                    "away_from": found.zone,
                    "minutes": _minutes(given.expires_in),
                    "until": until.isoformat(),
                },
            )
            for resource in found.resources
        ]
        return Plan(changes=tuple(changes), failures=found.failures, notes=found.notes)

    def review(
        self,
        changes: Sequence[Change],
        needs: Mapping[str, Effect],  # noqa: ARG002
        ctx: StepContext,
    ) -> Mapping[str, Review]:
        found: dict[str, Review] = {}
        for region in sorted({change.region for change in changes if change.params["op"] == "start"}):
            there = {shift.resource: shift for shift in active_shifts(ctx.aws, region)}
            for change in changes:
                other = there.get(change.resource)
                if change.region != region or change.params["op"] != "start" or other is None:
                    continue
                if other.away_from == change.params["away_from"]:
                    found[change.key] = Review("moot", f"It is shifted away from {other.away_from} already.")
                else:
                    said = f"It is shifted away from {other.away_from} by {other.id}: end that first."
                    found[change.key] = Review("conflict", said)
        return found

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        if change.params["op"] == "extend":
            params = {"zonalShiftId": change.params["shift"], "expiresIn": f"{change.params['minutes']}m"}
            return [ApiCall(SERVICE, "UpdateZonalShift", change.region, params)]
        params = {
            "resourceIdentifier": change.params["resource"],
            "awayFrom": change.params["away_from"],
            "expiresIn": f"{change.params['minutes']}m",
            "comment": f"Lifeboat {ctx.effect_id(change.key)} of {ctx.run_id}",
        }
        return [ApiCall(SERVICE, "StartZonalShift", change.region, params)]

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        try:
            answer = send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        except ActionError as error:
            raise _looked_up(error, change) from error
        return _done(change, shift_of(answer), ctx.now)

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found: dict[str, Effect] = {}
        for region in sorted({change.region for change, _ in asked}):
            there = active_shifts(ctx.aws, region)
            for change, effect in asked:
                if change.region == region:
                    seen = self._seen(change, effect, there, ctx)
                    found |= {change.key: seen} if seen else {}
        return found

    def _seen(self, change: Change, effect: Effect, there: Sequence[Shift], ctx: StepContext) -> Effect | None:
        if change.params["op"] == "extend":
            return _extended(change, effect, there, ctx.now)
        mine = f"Lifeboat {ctx.effect_id(change.key)} "
        for shift in there:
            if shift.resource == change.resource and (shift.comment.startswith(mine) or shift.id == effect.id):
                made = _done(change, shift, ctx.now)
                return made.model_copy(update={"adopted": effect.adopted or effect.id is None})
        return None

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        if not effect.id or change.params["op"] != "start":
            return Undo()
        return Undo(by="zonal_shift.cancel", changes=(cancelling(change.region, change.resource, effect.id),))

    def outputs(
        self,
        given: ShiftGiven,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        done = [(change, effect) for change, effect in made if effect.state is EffectState.DONE]
        ends = sorted(str(effect.facts["expires_at"]) for _, effect in done)
        return {
            "shifted": [change.resource for change, _ in done],
            "shifts": [effect.id for _, effect in done if effect.id],
            "expires_at": ends[0] if ends else "",
        }


def cancelling(region: str, resource: str, shift: str) -> Change:
    """Return the change that ends a shift."""
    return Change(
        key=f"cancel/{shift}",
        kind=ChangeKind.MODIFY,
        resource=resource,
        region=region,
        reason=f"traffic of {resource} may go to all its zones again",
        params={"op": "cancel", "shift": shift},
    )


def owed_for(shift: str) -> str:
    """Return the name of what is first owed about a shift; what comes of it has this name, a dot and a time."""
    return f"{OWED_FOR}{shift}"


def stand_in(change: Change, there: Sequence[Shift]) -> Shift | None:
    """Return another shift that keeps the same resource out of the same zone."""
    same = (change.resource, change.params["away_from"])
    return next((one for one in there if (one.resource, one.away_from) == same), None)


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds() // 60)


def _looked_up(error: ActionError, change: Change) -> ActionError:
    """A refusal because of another shift is most likely our own, whose answer was lost: look it up."""
    if error.details.get("aws_code") != CONFLICT or change.params["op"] != "start":
        return error
    return ActionError("action.name_taken", error.message, ErrorKind.IN_DOUBT, **error.details)


def _done(change: Change, shift: Shift, now: datetime) -> Effect:
    """Return the effect of a shift that is there, with what is owed: to extend it, or to tell people in time."""
    facts: dict[str, Any] = {"away_from": shift.away_from, "expires_at": shift.expires_at.isoformat()}
    return Effect(state=EffectState.DONE, id=shift.id, at=now, facts=facts, owes=(_owed(change, shift),))


def _owed(change: Change, shift: Shift) -> Obligation:
    due, until = shift.expires_at - EXTEND_BEFORE, datetime.fromisoformat(str(change.params["until"]))
    name = owed_for(shift.id)
    if change.params["op"] == "extend":
        name += f".{shift.expires_at:%Y%m%dT%H%M}"  # begins like the first: all are void when the shift is taken back
    ends = shift.expires_at.isoformat(timespec="minutes")
    params = {**change.params, "op": "extend", "shift": shift.id, "known": shift.expires_at.isoformat()}
    if shift.expires_at >= until - SLACK:
        why = f"The zonal shift of {shift.resource} away from {shift.away_from} ends at {ends}: end or extend it."
        watched = change.model_copy(update={"key": name, "params": params})
        return Obligation(name=name, why=why, due=due, change=watched)
    left = until - shift.expires_at + EXTEND_BEFORE
    params["minutes"] = min(int(str(change.params["minutes"])), _minutes(left), _minutes(LONGEST))
    extending = change.model_copy(update={"key": name, "params": params})
    why = f"The zonal shift of {shift.resource} away from {shift.away_from} ends at {ends}: it is to be extended."
    return Obligation(name=name, why=why, due=due, uses=StartShift.name, change=extending)


def _extended(change: Change, effect: Effect, there: Sequence[Shift], now: datetime) -> Effect | None:
    """Return what is known of an extension: done, no longer needed since the shift has ended, or (None) not made."""
    mine = next((shift for shift in there if shift.id == change.params["shift"]), None)
    if mine is None:
        other = stand_in(change, there)
        if other:
            return effect.moved(EffectState.MOOT, now, message=f"{other.id} has taken the place of the zonal shift.")
        return effect.moved(EffectState.CONFLICT, now, message=_gone(change))
    if mine.expires_at > datetime.fromisoformat(str(change.params["known"])):
        return _done(change, mine, now)
    return None


def _gone(change: Change) -> str:
    return (
        f"The zonal shift {change.params['shift']} was cancelled by somebody or has expired: traffic of "
        f"{change.resource} may go to {change.params['away_from']} again. Start it anew, or strike this out."
    )
