"""rds.failover: databases leave a zone by failing over to what stands by elsewhere.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html (ForceFailover) and
API_FailoverDBCluster.html. Neither takes a token, and done twice they lead back to where they came from: so where the
database runs is read immediately before, and what is in doubt is looked at before it is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.rds_failover_plan import Away, candidates, decided, moved_already, objection
from chalicelib.actions.rds_selection import DatabaseSelector, by_kind, selected
from chalicelib.aws.database_events import failovers
from chalicelib.aws.live_databases import AVAILABLE, READY, Live, LiveCluster, LiveInstance, live_by_id
from chalicelib.aws.sending import send
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Change, Effect, EffectState, Failure, Forecast, Plan
from chalicelib.domain.recovery import Recovery, shown
from chalicelib.domain.types import Region

TAKES = timedelta(seconds=90)  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
STUCK = timedelta(minutes=15)  # accepted so long ago, available, and not moved: it will not come any more


class FailoverInput(ActionModel):
    """Which databases, away from where."""

    select: DatabaseSelector = Field(description="The databases: by tags, names or engine.")
    away_from: str | None = Field(
        None, description="The zone to leave, an ID such as `use1-az1`. Empty: none is bad, nothing is failed over."
    )
    wherever: bool = Field(default=False, description="Instead of `away_from`: fail over wherever each one runs.")
    stuck: Literal["fail", "leave"] = Field(
        "fail",
        description="What cannot be failed over is a failure, or is left with a note (a later step restores it).",
    )
    healthy: list[str] = Field(
        default_factory=list, description="IDs of the zones to fail over to, best first; left out: any other."
    )
    members: dict[str, str] = Field(
        default_factory=dict, description="By cluster, the instance that is to write; left out: the best reader."
    )
    region: Region | None = Field(None, description="The databases' Region; the run's own when left out.")

    @model_validator(mode="after")
    def _from_where(self) -> FailoverInput:
        if (self.away_from is not None) == self.wherever:
            raise ValueError("say either away_from, the zone to leave, or `wherever: true`")
        return self


class FailoverOutput(ActionModel):
    """What runs elsewhere now."""

    failed_over: list[str] = Field(description="Databases that left the zone, also those that AWS moved by itself.")
    instances: list[str] = Field(description="The DB instances among them, by name.")
    clusters: list[str] = Field(description="The clusters among them, by name.")
    recovered: list[dict[str, Any]] = Field(description="The same for the report: from when on, and in which zone.")


class Failover(Action[FailoverInput]):
    """Fail databases over to another zone: Multi-AZ instances to their standby, clusters to their best reader.

    No quantities; zones are IDs. Nothing is lost: a standby and Aurora's readers have every committed transaction.
    Connections break for about a minute. What runs outside the zone is left alone. What left it by itself (AWS fails
    over too) is moot: meanwhile, or since the trouble began, of which RDS's events tell the time. A reader is chosen by
    promotion tier, among the available ones in healthy zones. What cannot be failed over (Single-AZ, no standby in
    sync, no reader elsewhere) is a failure that says what to do.

    Done is what AWS shows: the primary or writer in another zone, and available. With `away_from` it counts as a
    modification, since what is in that zone is not well anyway; `wherever` is a disruption of the guard's share.
    """

    name: ClassVar[str] = "rds.failover"
    given: ClassVar[type[ActionModel]] = FailoverInput
    returns: ClassVar[type[ActionModel]] = FailoverOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAvailabilityZones",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:DescribeEvents",
        "rds:RebootDBInstance",
        "rds:FailoverDBCluster",
    )
    within: ClassVar[timedelta] = timedelta(minutes=30)
    settle_s: ClassVar[int | None] = 120  # RDS shows at once that it fails over
    review_every_s: ClassVar[int | None] = 0
    lease: ClassVar[str | None] = "database"
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones, DescribeDBInstances and DescribeDBClusters per 100, and again by id; where "
        "some run outside the zone DescribeEvents per 100 failovers, of instances and of clusters. Before each wave, "
        "and to observe: DescribeAvailabilityZones and both by id, per 100. Apply: RebootDBInstance per instance, "
        "FailoverDBCluster per cluster."
    )

    def plan(self, given: FailoverInput, ctx: StepContext) -> Plan:
        if given.away_from == "":
            return Plan(notes=("No zone to leave is stated: nothing is failed over.",))
        region = given.region or ctx.region
        zones = read_zones(ctx.aws, region)
        away = Away(
            zones.ids[zones.name_of(given.away_from)] if given.away_from else "",
            tuple(zones.ids[zones.name_of(one)] for one in given.healthy),
            {cluster.lower(): member.lower() for cluster, member in given.members.items()},
        )
        selection = selected(ctx.aws, region, given.select)
        found: dict[str, Live] = {}
        for kind in ("db", "cluster"):
            ids = [one.resource_id for one in selection.databases if one.kind == kind]
            found |= live_by_id(ctx.aws, zones, kind, ids) if ids else {}
        moved = _moved(found.values(), away, region, ctx)
        told = [
            moved_already(one, away, moved[one.resource]) if one.resource in moved else decided(one, away)
            for one in sorted(found.values(), key=lambda one: one.resource)
        ]
        if given.stuck == "leave":
            told = [one.message if isinstance(one, Failure) else one for one in told]
        return Plan(
            changes=tuple(one for one in told if isinstance(one, Change)),
            failures=(*selection.failures, *(one for one in told if isinstance(one, Failure))),
            notes=(*selection.notes, *(one for one in told if isinstance(one, str))),
            population=len(selection.databases),
            forecast=Forecast(
                duration=TAKES, basis="AWS's 60 to 120 seconds for a Multi-AZ instance; clusters take less"
            ),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        there = _there([change for change, _ in asked], ctx)
        judged = {change.key: _judged(change, effect, there.get(change.key), ctx) for change, effect in asked}
        return {key: effect for key, effect in judged.items() if effect}

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing comes before a failover
        """Read again where each database runs; a reader that is no longer good enough is replaced by the next one."""
        there = _there(changes, ctx)
        found: dict[str, Review] = {}
        for change in changes:
            one = there.get(change.key)
            state, why = objection(change, one)
            if state:
                found[change.key] = Review(state, why)
            elif isinstance(one, LiveCluster) and one.status == AVAILABLE:
                review = _still_good(change, one)
                found |= {change.key: review} if review else {}
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        return Effect(state=EffectState.PENDING, id=change.resource, at=ctx.now, due=ctx.now + TAKES)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        name = change.params["name"]
        if "moved_at" in change.params:
            return ()
        if change.params["kind"] == "cluster":
            params = {"DBClusterIdentifier": name, "TargetDBInstanceIdentifier": change.params["member"]}
            return (ApiCall("rds", "FailoverDBCluster", change.region, params),)
        params = {"DBInstanceIdentifier": name, "ForceFailover": True}
        return (ApiCall("rds", "RebootDBInstance", change.region, params),)

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        back = f"`rds.failover` with `away_from: {effect.facts.get('zone', change.params['to'])}`"
        return Undo(
            cannot=f"{change.resource} stays where it runs: failing back would break its connections once more. Once "
            f"{change.params['from']} is well, do it in a quiet hour with {back}."
        )

    def outputs(
        self,
        given: FailoverInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        moved = [(c, e) for c, e in made if e.state in {EffectState.DONE, EffectState.MOOT}]
        return {
            "failed_over": [change.resource for change, _ in moved],
            **by_kind(change.resource for change, _ in moved),
            "recovered": shown(_recovery(change, effect, effect.at) for change, effect in moved if effect.at),
        }


def _moved(every: Iterable[Live], away: Away, region: str, ctx: StepContext) -> dict[str, datetime]:
    """Return when databases outside the zone completed a failover since the trouble began, as far as RDS tells."""
    outside = [one for one in every if away.zone and one.zone and not away.leaves(one.zone)]
    kinds: dict[str, list[Live]] = {
        "db": [one for one in outside if isinstance(one, LiveInstance) and one.multi_az],
        "cluster": [one for one in outside if isinstance(one, LiveCluster)],
    }
    found: dict[str, datetime] = {}
    for kind, some in kinds.items():
        since = ctx.troubled_since or ctx.started_at
        at = failovers(ctx.aws, region, kind, since, ctx.now) if some else {}
        found |= {one.resource: at[one.name] for one in some if one.name in at}
    return found


def _there(changes: Sequence[Change], ctx: StepContext) -> dict[str, Live]:
    """Return the databases of changes by key, read by AWS's own ids."""
    found: dict[str, Live] = {}
    for region in sorted({change.region for change in changes}):
        zones = read_zones(ctx.aws, region)
        for kind in ("db", "cluster"):
            here = {
                str(c.params["resource_id"]): c.key for c in changes if (c.region, c.params["kind"]) == (region, kind)
            }
            shown_now = live_by_id(ctx.aws, zones, kind, here) if here else {}
            found |= {here[resource_id]: one for resource_id, one in shown_now.items()}
    return found


def _judged(change: Change, effect: Effect, one: Live | None, ctx: StepContext) -> Effect | None:
    if one is None:
        gone = f"{change.resource} in {change.region} is no longer there. Find out who deleted it, and restore it."
        return (
            effect.moved(EffectState.FAILED, ctx.now, code="action.resource_gone", message=gone) if effect.id else None
        )
    moved = bool(one.zone) and one.zone != change.params["from"]
    adopted = effect.adopted or effect.id is None
    if moved and one.status in READY:
        return effect.moved(
            EffectState.DONE, ctx.now, id=one.resource, due=None, adopted=adopted, facts={"zone": one.zone}
        )
    if moved or one.status not in READY:  # on its way, by us or by AWS itself
        return effect.moved(EffectState.PENDING, effect.at or ctx.now, id=one.resource, adopted=adopted)
    if effect.id is None:
        return None
    if effect.at and ctx.now - effect.at > STUCK:
        return effect.moved(
            EffectState.FAILED,
            ctx.now,
            code="action.not_failed_over",
            message=f"{one.resource} in {change.region} still runs in {one.zone}, though AWS accepted its failover. "
            "Look at its events in RDS, and run again; or restore it with `rds.restore`.",
        )
    return effect


def _still_good(change: Change, cluster: LiveCluster) -> Review | None:
    """Return the review of a cluster whose chosen reader is no longer good enough; None when it is."""
    params: Mapping[str, Any] = change.params
    able = candidates(cluster, Away(params["away"], params["healthy"]))
    if params["member"] in {one.instance.name for one in able}:
        return None
    if not able:
        return Review("conflict", f"{change.resource} has no available reader in a healthy zone any more; run again.")
    return Review(params={**params, "member": able[0].instance.name, "to": able[0].instance.zone})


def _recovery(change: Change, effect: Effect, at: datetime) -> Recovery:
    moved = change.params.get("moved_at")  # by AWS or by a person: RDS's events do not tell which
    by_itself = " by itself" if effect.state is EffectState.MOOT else ""
    how = ", not by this run" if moved else f"{by_itself} from {change.params['from']}"  # nor from where it came
    return Recovery(
        resource=change.resource,
        region=change.region,
        zone_id=str(effect.facts.get("zone") or change.params["to"]),
        ready_at=datetime.fromisoformat(str(moved)) if moved else at,
        note=f"failed over{how}; nothing was lost",
    )
