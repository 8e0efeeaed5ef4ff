"""rds.create_snapshots: points of DB instances and Aurora clusters.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html and
API_CreateDBClusterSnapshot.html. Neither takes a token: the snapshot's name is the key, so it is the effect's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.ebs_points import duration_of, expected_at
from chalicelib.actions.ebs_snapshots import NOT_MADE, until
from chalicelib.actions.expiry import POLICY_PATTERN
from chalicelib.actions.rds_points import DatabaseSnapshotItem, no_room, own_tags, snapshot_name
from chalicelib.actions.rds_selection import DatabaseSelector, selected
from chalicelib.actions.rds_watch import watched
from chalicelib.aws import tags
from chalicelib.aws.database_members import with_members
from chalicelib.aws.databases import Database, databases_by_id, snapshot_resource
from chalicelib.aws.sending import send
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Forecast, Plan
from chalicelib.domain.types import Duration, Region


class CreateDatabaseSnapshotsInput(ActionModel):
    """Which databases, and which retention will own the points."""

    select: DatabaseSelector = Field(description="The databases: by tags, names or engine.")
    policy: str = Field(pattern=POLICY_PATTERN, description="Names what retention owns the points.")
    expires: Duration | None = Field(
        None, description="For points made by hand: so long they are kept, whatever retention says; no generations."
    )
    region: Region | None = Field(None, description="The databases' Region; the run's own when left out.")


class CreateDatabaseSnapshotsOutput(ActionModel):
    """The points, one item per database, usable one by one; and how many there are."""

    snapshots: list[DatabaseSnapshotItem] = Field(description="One per database, as soon as its point is complete.")
    databases: int = Field(description="Databases that have, or will have, a point.")


class CreateDatabaseSnapshots(Action[CreateDatabaseSnapshotsInput]):
    """Make a snapshot of each DB instance and each Aurora cluster that is selected.

    Sizes are GiB, times UTC. Members of a cluster are in their cluster's snapshot. A database that is not `available`
    (backing up, being modified) is tried again until the step's deadline. Each point carries its policy, its source
    and a manifest of what a restore needs and a snapshot does not hold.

    An effect whose answer was lost is found again by its name, and adopted only when it carries our tags.
    """

    name: ClassVar[str] = "rds.create_snapshots"
    given: ClassVar[type[ActionModel]] = CreateDatabaseSnapshotsInput
    returns: ClassVar[type[ActionModel]] = CreateDatabaseSnapshotsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:DescribeDBSnapshots",
        "rds:DescribeDBClusterSnapshots",
        "rds:CreateDBSnapshot",
        "rds:CreateDBClusterSnapshot",
        "rds:AddTagsToResource",
    )
    streams: ClassVar[frozenset[str]] = frozenset({"snapshots"})
    within: ClassVar[timedelta] = timedelta(hours=8)
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan: DescribeDBInstances and DescribeDBClusters per 100; DescribeDBInstances per 100 of the clusters. Before "
        "each wave: the same by id, per 100. Apply: CreateDBSnapshot per instance, CreateDBClusterSnapshot per "
        "cluster. Observe: DescribeDBSnapshots and DescribeDBClusterSnapshots per 100 names."
    )

    def plan(self, given: CreateDatabaseSnapshotsInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        selection = selected(ctx.aws, region, given.select)
        whole = with_members(ctx.aws, region, selection.databases)
        changes = [until(_change(one, given.policy, ctx), given.expires, ctx) for one in whole]
        rate = ctx.limits.snapshot_mib_s
        return Plan(
            changes=tuple(changes),
            failures=tuple(selection.failures),
            notes=(*selection.notes, *_busy(selection.databases), *_no_room(changes, ctx)),
            forecast=Forecast(
                data_gib=sum(change.size_gib for change in changes),
                duration=duration_of(max((change.size_gib for change in changes), default=0), rate),
                basis=f"the largest database at an assumed {rate} MiB/s; an upper bound, snapshots after the first are "
                "incremental",
            ),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - snapshots need nothing made before
        """Read the databases again by AWS's own ids: gone, replaced by another of that name, or hands-off."""
        found: dict[str, Review] = {}
        for region, kind in sorted({(change.region, str(change.params["kind"])) for change in changes}):
            here = [change for change in changes if (change.region, change.params["kind"]) == (region, kind)]
            ids = sorted(str(change.params["resource_id"]) for change in here)
            there = databases_by_id(ctx.aws, region, "cluster" if kind == "cluster" else "db", ids)
            for change in here:
                why = _objection(change, there.get(str(change.params["resource_id"])))
                if why:
                    found[change.key] = Review("conflict", f"{change.resource} in {region} {why}.")
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        effect_id, at = ctx.effect_id(change.key), tags.iso(ctx.now)
        name = snapshot_name(effect_id)
        resource = snapshot_resource("cluster" if change.params["kind"] == "cluster" else "db", name)
        facts: dict[str, Any] = {"snapshot": resource, "point": at, "set_id": effect_id}
        return Effect(
            state=EffectState.PENDING,
            id=resource,
            at=ctx.now,
            due=expected_at(ctx.now, change.size_gib, ctx.limits.snapshot_mib_s),
            facts={**facts, "items": {change.key: facts}},
        )

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        effect_id, item = ctx.effect_id(change.key), DatabaseSnapshotItem.model_validate(change.yields[0])
        own, _ = tags.merged(own_tags(item, effect_id, tags.iso(ctx.now), ctx), item.tags)
        kind = "DBCluster" if change.params["kind"] == "cluster" else "DBInstance"
        snapshot = "DBClusterSnapshot" if kind == "DBCluster" else "DBSnapshot"
        params = {
            f"{snapshot}Identifier": snapshot_name(effect_id),
            f"{kind}Identifier": str(change.params["name"]),
            "Tags": tags.listed(own),
        }
        return (ApiCall("rds", f"Create{snapshot}", change.region, params),)

    def outputs(
        self,
        given: CreateDatabaseSnapshotsInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"databases": sum(effect.state not in NOT_MADE for _, effect in made)}


def _change(database: Database, policy: str, ctx: StepContext) -> Change:
    item = DatabaseSnapshotItem(
        item=database.resource,
        database=database.resource,
        identity=database.identity,
        engine=database.engine,
        size_gib=database.size_gib,
        region=database.region,
        policy=policy,
        set_id=ctx.effect_id(database.resource),
        encrypted=database.encrypted,
        option_group=database.option_group,
        tags=tags.of_user(database.tags),
        manifest=database.manifest,
    )
    return Change(
        key=database.resource,
        kind=ChangeKind.CREATE,
        resource=database.resource,
        region=database.region,
        reason=f"A point of {database.resource} ({database.engine}) for the policy {policy}.",
        targets=(database.resource,),
        params={
            "kind": database.kind,
            "name": database.name,
            "resource_id": database.resource_id,
            "identity": database.identity,
        },
        yields=(item.model_dump(mode="json", exclude={"made_by"}),),
        size_gib=database.size_gib,
    )


def _busy(found: Sequence[Database]) -> list[str]:
    return [
        f"{one.resource} is {one.status} now; its snapshot is made as soon as it is available."
        for one in found
        if one.status not in {"available", "storage-optimization"}
    ]


def _no_room(changes: Sequence[Change], ctx: StepContext) -> list[str]:
    items = [DatabaseSnapshotItem.model_validate(change.yields[0]) for change in changes]
    return [note for item in items for note in no_room(item, own_tags(item, "", "", ctx), "snapshot")]


def _objection(change: Change, found: Database | None) -> str:
    if found is None:
        return "is gone"
    if found.name != change.params["name"]:
        return f"was renamed to {found.name}; run again"
    return f"was tagged {tags.HANDS_OFF}" if tags.HANDS_OFF in found.tags else ""
