"""zones.assess: which zone is impaired, which ones are fit, and why; or a question, never a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, StepContext, Undo
from chalicelib.actions.tag_selection import Selector
from chalicelib.actions.zones_fit import fitness
from chalicelib.actions.zones_seen import Seen, seen
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Plan, Question
from chalicelib.domain.types import Region
from chalicelib.domain.zone_evidence import NEEDED, Verdict, accused, judged, ranked
from chalicelib.errors import InputError

KEY = "zone"


class AssessGiven(ActionModel):
    """Whose zones are looked at."""

    select: Selector = Field(description="The application: its instances and target groups, by tags or ids.")
    zone: str = Field("", description="Name or ID of the zone to leave, if a person has decided; empty = by evidence.")
    needed: int = Field(NEEDED, ge=2, le=5, description="How many kinds of evidence must speak against a zone.")
    region: Region | None = Field(None, description="The Region; the run's own when left out.")


class AssessMade(ActionModel):
    """What was found."""

    impaired: str = Field(description="ID of the zone to leave, e.g. `use1-az1`.")
    healthy: list[str] = Field(description="IDs of the zones to move to, best first.")
    evidence: list[str] = Field(description="What was seen, a line each.")
    reason: str = Field(description="Why this zone.")


class Assess(Action[AssessGiven]):
    """Tell which zone is impaired and which ones are fit to move to, from evidence, by a stated rule.

    No quantities. Kinds of evidence: alarms that name a zone, health of targets, status of instances and of volumes,
    the zone's own state, AWS Health, autoshift. A zone is impaired when at least `needed` kinds speak against it, more
    than for it, and no other zone is under suspicion. AWS Health that is silent is no contradiction. Else it is asked,
    with the suspected zones as choices; when nothing speaks against any zone, the step fails.

    Before anything moves, the other zones are checked: state, types offered, subnets and free addresses, reservations,
    and the quota of vCPUs as far as it can be read. Free capacity is unknown until instances are launched.

    It changes nothing, but one run at a time may recover from a zone: a second one ends in conflict (lease `recovery`).
    In a drill nothing is impaired: then the zone with most of what is selected is taken, and nothing is leased.
    """

    name: ClassVar[str] = "zones.assess"
    given = AssessGiven
    returns = AssessMade
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeCapacityReservations",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeSubnets",
        "ec2:DescribeVolumeStatus",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "cloudwatch:DescribeAlarms",
        "arc-zonal-shift:ListAutoshifts",
        "servicequotas:GetServiceQuota",
    )
    within: ClassVar[timedelta] = timedelta(minutes=30)
    lease: ClassVar[str | None] = "recovery"
    rehearsable: ClassVar[bool] = True
    calls: ClassVar[str] = (
        "About ten reads, one more for each target group and for each 100 instances or volumes. It changes nothing."
    )

    def plan(self, given: AssessGiven, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        found = seen(ctx.aws, region, given.select, ctx.causes)
        verdict = self._verdict(given, found, ctx)
        lines = [f"{e.zone}: {e.kind}: {e.says.value}: {e.what}" for e in found.evidence]
        notes = [*lines, *found.unread]
        if not verdict.impaired:
            return Plan(notes=tuple(notes), ask=Question(reason=verdict.reason, choices=verdict.suspects))
        moving = [i for i in found.instances if found.zone_of(i) == verdict.impaired]
        zones, more = fitness(ctx.aws, region, found, moving)
        suspected = {} if ctx.drill else accused(found.evidence, given.needed)
        ranking = ranked(zones, verdict.impaired, suspected, len(moving))
        if not ranking.healthy:
            why = "; ".join(f"{zone} {reason}" for zone, reason in ranking.unfit.items()) or "there is no other"
            raise InputError("zones.none_healthy", f"No zone of {region} is fit to move to: {why}.")
        params: dict[str, Any] = {"impaired": verdict.impaired, "healthy": list(ranking.healthy), "evidence": lines}
        notes += [f"{zone} is not used: {why}" for zone, why in ranking.unfit.items()]
        return Plan(changes=(self._change(region, {**params, "reason": verdict.reason}, ctx),), notes=(*notes, *more))

    def _verdict(self, given: AssessGiven, found: Seen, ctx: StepContext) -> Verdict:
        """Return the zone that a person named or chose, or what the evidence says."""
        named = ctx.answer or given.zone
        if named:
            zone = found.names.get(named, named)
            if zone not in found.zones:
                there = ", ".join(f"{name} ({zone_id})" for name, zone_id in sorted(found.names.items()))
                raise InputError("action.unknown_zone", f"There is no zone '{named}'; there are {there}.")
            return Verdict(impaired=zone, reason="a person chose it" if ctx.answer else "it was named by a person")
        verdict = judged(found.evidence, given.needed)
        if verdict.impaired or verdict.suspects:
            return verdict
        if found.trouble is not None:
            raise found.trouble  # what is not seen may be what matters
        if ctx.drill:
            return _rehearsed(found)
        raise InputError(
            "zones.none_impaired",
            "Nothing speaks against any zone, so nothing is moved. If you know better, start it by hand with the zone.",
        )

    def _change(self, region: str, params: dict[str, Any], ctx: StepContext) -> Change:
        zone = str(params["impaired"])
        return Change(
            key=KEY,
            kind=ChangeKind.MODIFY,
            resource=zone,
            region=region,
            reason=f"{zone} is to be left: {params['reason']}. Fit, best first: {', '.join(params['healthy'])}",
            targets=(f"{'drill/' if ctx.drill else ''}{region}/{zone}",),
            params=params,
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return {c.key: e.moved(EffectState.DONE, ctx.now, id=c.resource, adopted=True) for c, e in asked}

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now)

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002 - nothing was done
        return Undo()

    def outputs(
        self,
        given: AssessGiven,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        for change, _ in made:
            return {name: change.params[name] for name in AssessMade.model_fields}
        return {"impaired": "", "healthy": [], "evidence": [], "reason": ""}


def _rehearsed(found: Seen) -> Verdict:
    zones = Counter(found.zone_of(each) for each in found.instances)
    if not zones:
        raise InputError("zones.none_impaired", "A drill needs instances in a zone, or the zone named.")
    most = max(sorted(zones), key=lambda zone: zones[zone])
    return Verdict(impaired=most, reason="for the rehearsal: most of what is selected is there")
