"""rds.promote_replica: read replicas become databases of their own.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html and
API_PromoteReadReplicaDBCluster.html. The calls take no token; a database that is no replica any more refuses them, and
what is in doubt is looked at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.rds_selection import DatabaseSelector, selected
from chalicelib.aws import tags
from chalicelib.aws.live_databases import READY, Live, LiveCluster, live_by_id
from chalicelib.aws.replica_lag import lags
from chalicelib.aws.sending import send
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Failure, Plan, Question
from chalicelib.domain.recovery import Recovery, shown
from chalicelib.domain.types import Duration, Region, format_duration

LOOK = timedelta(minutes=5)


class PromoteInput(ActionModel):
    """Which replicas, and how far behind they may be."""

    select: DatabaseSelector = Field(description="The replicas: by tags, names or engine.")
    max_lag: Duration = Field(
        timedelta(seconds=30), description="So far behind they may be without anybody being asked."
    )
    region: Region | None = Field(None, description="The replicas' Region; the run's own when left out.")


class PromoteOutput(ActionModel):
    """What was promoted."""

    promoted: list[str] = Field(description="Replicas that are databases of their own now.")
    recovered: list[dict[str, Any]] = Field(
        description="The same for the report: of what, from when on, how far behind."
    )


class PromoteReplica(Action[PromoteInput]):
    """Promote read replicas, of instances and of clusters, to databases of their own.

    Lag is in seconds, as CloudWatch tells it. What a replica has not received is lost: one that is further behind than
    `max_lag`, does not replicate, or whose lag is not known, is promoted only when a person says so. Within it the lag
    is read again immediately before. A promotion cannot be taken back, its endpoint is another one, and the source, if
    it still runs, goes on taking writes: stop it, or point its applications away first.
    """

    name: ClassVar[str] = "rds.promote_replica"
    given: ClassVar[type[ActionModel]] = PromoteInput
    returns: ClassVar[type[ActionModel]] = PromoteOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "cloudwatch:GetMetricData",
        "ec2:DescribeAvailabilityZones",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:PromoteReadReplica",
        "rds:PromoteReadReplicaDBCluster",
    )
    within: ClassVar[timedelta] = timedelta(hours=2)
    review_every_s: ClassVar[int | None] = 0
    lease: ClassVar[str | None] = "database"
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones, DescribeDBInstances and DescribeDBClusters per 100, and again by id, "
        "GetMetricData per 100 replicas. Before each wave: the same by id. Apply: PromoteReadReplica per instance, "
        "PromoteReadReplicaDBCluster per cluster. Observe: both listings by id."
    )

    def plan(self, given: PromoteInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        selection = selected(ctx.aws, region, given.select)
        there = _read({one.resource_id: one.kind for one in selection.databases}, region, ctx)
        replicas = sorted((one for one in there.values() if one.source), key=lambda one: one.resource)
        others = sorted(one.resource for one in there.values() if not one.source)
        behind = lags(ctx.aws, region, replicas, ctx.now)
        most_s = given.max_lag.total_seconds()
        doubtful = [one for one in replicas if _too_far(behind[one.resource], most_s)]
        named = bool(given.select.instances or given.select.clusters)
        return Plan(
            changes=tuple(_change(one, behind[one.resource], most_s, ctx.now) for one in replicas),
            failures=(*selection.failures, *(_no_replica(one) for one in others if named)),
            notes=(*selection.notes, *(f"{one} is no replica, and left alone." for one in others if not named)),
            population=len(there),
            ask=_question(doubtful, behind, given.max_lag) if doubtful else None,
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        there = _there([change for change, _ in asked], ctx)
        judged = {change.key: _judged(change, effect, there.get(change.key), ctx.now) for change, effect in asked}
        return {key: effect for key, effect in judged.items() if effect}

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing comes before a promotion
        """Read again whether each is still a replica, and not further behind than it may be without a person."""
        there, found = _there(changes, ctx), dict[str, Review]()
        for region in sorted({change.region for change in changes}):
            here = [change for change in changes if change.region == region]
            behind = lags(ctx.aws, region, [there[c.key] for c in here if c.key in there], ctx.now)
            for change in here:
                state, why = _objection(change, there.get(change.key), behind)
                found |= {change.key: Review(state, why)} if state else {}
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        return Effect(state=EffectState.PENDING, id=change.resource, at=ctx.now, due=ctx.now + LOOK)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        name = change.params["name"]
        if change.params["kind"] == "cluster":
            return (ApiCall("rds", "PromoteReadReplicaDBCluster", change.region, {"DBClusterIdentifier": name}),)
        return (ApiCall("rds", "PromoteReadReplica", change.region, {"DBInstanceIdentifier": name}),)

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        return Undo(
            cannot=f"{change.resource} is a database of its own for good; make a new replica where one is needed."
        )

    def outputs(
        self,
        given: PromoteInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,
    ) -> dict[str, Any]:
        done = [(change, effect) for change, effect in made if effect.state is EffectState.DONE]
        return {
            "promoted": [change.resource for change, _ in done],
            "recovered": shown(_recovery(change, effect, effect.at or ctx.now) for change, effect in done),
        }


def _read(wanted: Mapping[str, str], region: str, ctx: StepContext) -> dict[str, Live]:
    """Return databases by AWS's own ids, given with their kinds."""
    zones, found = read_zones(ctx.aws, region), dict[str, Live]()
    for kind in ("db", "cluster"):
        ids = [resource_id for resource_id, one in wanted.items() if one == kind]
        found |= live_by_id(ctx.aws, zones, kind, ids) if ids else {}
    return found


def _there(changes: Sequence[Change], ctx: StepContext) -> dict[str, Live]:
    """Return the replicas of changes by key."""
    found: dict[str, Live] = {}
    for region in sorted({change.region for change in changes}):
        here = {str(c.params["resource_id"]): c for c in changes if c.region == region}
        there = _read({one: str(c.params["kind"]) for one, c in here.items()}, region, ctx)
        found |= {here[resource_id].key: one for resource_id, one in there.items()}
    return found


def _too_far(lag_s: float | None, most_s: float) -> bool:
    return lag_s is None or lag_s > most_s


def _change(one: Live, lag_s: float | None, most_s: float, now: datetime) -> Change:
    point = tags.iso(now - timedelta(seconds=lag_s)) if lag_s is not None else ""
    limit_s = None if _too_far(lag_s, most_s) else most_s
    return Change(
        key=one.resource,
        kind=ChangeKind.MODIFY,
        resource=one.resource,
        region=one.region,
        reason=f"{one.resource} becomes a database of its own; it is {_told(lag_s)} {_source(one.source)}.",
        targets=(one.resource,),
        params={
            "kind": "cluster" if isinstance(one, LiveCluster) else "db",
            "name": one.name,
            "resource_id": one.resource_id,
            "source": _source(one.source),
        },
        yields=({"item": one.resource, "point": point, "limit_s": limit_s},),
    )


def _told(lag_s: float | None) -> str:
    return "an unknown time behind" if lag_s is None else f"{format_duration(timedelta(seconds=lag_s))} behind"


def _source(named: str) -> str:
    """Return a source as an operator names it; AWS gives a name, or an ARN when it is elsewhere."""
    return ":".join(named.split(":")[5:]) if named.startswith("arn:") else f"db:{named}"


def _question(doubtful: Sequence[Live], behind: Mapping[str, float | None], most: timedelta) -> Question:
    said = [f"{one.resource} is {_told(behind[one.resource])} {_source(one.source)}" for one in doubtful]
    return Question(
        reason=f"Replicas that are further behind than {format_duration(most)}, or nobody knows how far, are to be "
        f"promoted: {'; '.join(said)}. What they have not received is lost.",
        may_lose_data=True,
    )


def _no_replica(resource: str) -> Failure:
    message = (
        f"{resource} is no replica: there is nothing to promote. Name the replica, or see whether it was promoted."
    )
    return Failure(resource=resource, code="action.no_replica", message=message)


def _objection(change: Change, one: Live | None, behind: Mapping[str, float | None]) -> tuple[str, str]:
    if one is None:
        return "conflict", f"{change.resource} is gone."
    if tags.HANDS_OFF in one.tags:
        return "conflict", f"{change.resource} was tagged {tags.HANDS_OFF}."
    if one.name != change.params["name"]:
        return "conflict", f"{change.resource} was renamed to {one.name}; run again."
    if not one.source:
        return "moot", f"{change.resource} is no replica any more: somebody has promoted it."
    limit, lag_s = change.yields[0]["limit_s"], behind[one.resource]
    if isinstance(limit, int | float) and _too_far(lag_s, limit):
        return (
            "conflict",
            f"{change.resource} is {_told(lag_s)} by now, more than was planned with. Run again to be asked.",
        )
    return "", ""


def _judged(change: Change, effect: Effect, one: Live | None, now: datetime) -> Effect | None:
    if one is None:
        gone = f"{change.resource} in {change.region} is no longer there: somebody deleted it."
        return effect.moved(EffectState.FAILED, now, code="action.resource_gone", message=gone) if effect.id else None
    adopted = effect.adopted or effect.id is None
    if not one.source and one.status in READY and one.address:
        facts: dict[str, Any] = {"zone": one.zone, "endpoint": f"{one.address}:{one.port}"}
        return effect.moved(EffectState.DONE, now, id=one.resource, adopted=adopted, due=None, facts=facts)
    if not one.source or one.status not in READY:
        return effect.moved(EffectState.PENDING, effect.at or now, id=one.resource, adopted=adopted)
    return effect if effect.id else None


def _recovery(change: Change, effect: Effect, at: datetime) -> Recovery:
    point = str(change.yields[0]["point"])
    unknown = "" if point else "; how much was lost is not known, for its lag was not"
    return Recovery(
        resource=str(change.params["source"]),
        replacement=change.resource,
        region=change.region,
        zone_id=str(effect.facts.get("zone") or ""),
        point=datetime.fromisoformat(point) if point else None,
        ready_at=at,
        note=f"promoted; answers at {effect.facts.get('endpoint', '')}{unknown}",
    )
