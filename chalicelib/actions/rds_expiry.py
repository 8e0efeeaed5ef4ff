"""rds.expire_snapshots: deletes what retention does not keep of databases' points.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBSnapshot.html and
API_DeleteDBClusterSnapshot.html. The calls take no token and need none: what is gone is gone. RDS has no Recycle Bin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.ebs_expiry_plan import changes_of, notes_of
from chalicelib.actions.ebs_snapshots import NOT_MADE
from chalicelib.actions.expiry import ExpireSnapshotsInput, decided, nothing
from chalicelib.actions.rds_holds import held
from chalicelib.actions.rds_points import source_id
from chalicelib.actions.rds_stored import gone_databases, stored_points
from chalicelib.aws import tags
from chalicelib.aws.databases import DatabaseSnapshot, kind_and_name, snapshots
from chalicelib.aws.sending import send
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.domain.point_sets import PointSet, Stored, grouped
from chalicelib.domain.retention import Retention
from chalicelib.domain.schedule import zone_of
from chalicelib.errors import ActionError

MISSING = frozenset({"DBSnapshotNotFound", "DBClusterSnapshotNotFoundFault"})
NO_BIN = "warning: RDS has no Recycle Bin: a manual snapshot that is deleted is gone at once."


class ExpireDatabaseSnapshotsOutput(ActionModel):
    """What was deleted."""

    deleted: int = Field(description="Snapshots deleted.")
    databases: int = Field(description="Databases whose points they were.")


class ExpireDatabaseSnapshots(Action[ExpireSnapshotsInput]):
    """Delete the points of databases of a policy that nothing keeps, oldest first.

    No quantities; times are UTC, days and months those of the time zone. Only manual snapshots that carry Lifeboat's
    own tags and this policy, and are named after their effect, are ever deleted. Kept is, whatever `keep` says: the
    newest good point of each database in each Region, the newest copy in each Region, what is being made or copied (or,
    for 7 days, may yet be), what may be the source of a database that is being made just now, what needs a key that
    cannot be used, and what is tagged `lifeboat:hands-off`. A point that a person tagged `lifeboat:expires` is kept
    until then and counts as no generation. The plan tells the reason for every snapshot.

    The guard's share is of the policy's points; its targets are their databases. Deleting what is gone already is done.
    """

    name: ClassVar[str] = "rds.expire_snapshots"
    given: ClassVar[type[ActionModel]] = ExpireSnapshotsInput
    returns: ClassVar[type[ActionModel]] = ExpireDatabaseSnapshotsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "rds:DescribeDBSnapshots",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:DeleteDBSnapshot",
        "rds:DeleteDBClusterSnapshot",
        "kms:DescribeKey",
    )
    within: ClassVar[timedelta] = timedelta(hours=2)
    settle_s: ClassVar[int | None] = 0  # a deletion may be sent again at once
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan, per Region: DescribeDBSnapshots and DescribeDBClusterSnapshots per 100 manual snapshots, DescribeKey "
        "per key; when something goes (or `orphans` is given), DescribeDBInstances and DescribeDBClusters per 100. "
        "Before each 200 deletions the same again. Apply: DeleteDBSnapshot or DeleteDBClusterSnapshot per snapshot. "
        "Observe, only when an answer was lost: a listing per 100 names."
    )

    def plan(self, given: ExpireSnapshotsInput, ctx: StepContext) -> Plan:
        shelves = stored_points(given.select.policy, given.regions, ctx)
        stored = shelves.stored
        if not stored:
            raise nothing(given)
        rule = Retention(
            keep=given.keep,
            now=ctx.now,
            zone=zone_of(given.timezone or ctx.timezone),
            gone=gone_databases(stored, given.regions, ctx) if given.orphans else frozenset(),
            orphans=given.orphans,
        )
        decisions = decided(rule, stored, lambda going: _held(going, shelves.every, given.regions, ctx))
        changes = changes_of(decisions, given.select.policy, given.regions)
        return Plan(
            changes=tuple(changes),
            notes=(*((NO_BIN,) if changes else ()), *notes_of(decisions, rule.zone)),
            population=sum(one.ours for one in stored),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found: dict[str, Effect] = {}
        for region, kind in sorted({(change.region, kind_and_name(change.key)[0]) for change, _ in asked}):
            here = {c.key: e for c, e in asked if (c.region, kind_and_name(c.key)[0]) == (region, kind)}
            names = sorted(kind_and_name(key)[1] for key in here)
            shown = {one.resource for one in snapshots(ctx.aws, region, kind, names=names)}
            for key in here.keys() - shown:
                found[key] = here[key].moved(EffectState.DONE, ctx.now, id=key, adopted=True)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing comes before a deletion
        """Read everything again: is each still what it was and free, and is there still a better one?"""
        policy = str(changes[0].params["policy"])
        regions = {str(one) for change in changes for one in (change.region, *_list(change, "regions"))}
        shelves = stored_points(policy, sorted(regions), ctx)
        there = {(one.point.region, one.id): one for one in shelves.stored}
        sets = {one.name: one for one in grouped(shelves.stored)}
        holds = held(shelves.every, {change.region for change in changes}, ctx)
        copying = {one.copy_of for one in shelves.stored if one.copy_of and one.point.state == "pending"}
        found: dict[str, Review] = {}
        for change in changes:
            place = (change.region, change.key)
            if place not in shelves.listed:
                continue  # gone already: the deletion finds it done
            keeper = sets.get((change.region, str(change.params["keeper"])))
            why = holds.get(place) or _objection(change, there.get(place), copying) or _unkept(change, keeper)
            if why:
                message = f"{change.key} in {change.region} {why}; it is kept. The next run decides again."
                found[change.key] = Review("conflict", message)
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        try:
            send(ctx.aws, call.service, call.region, call.operation, call.params, change.key)
        except ActionError as error:
            if error.details.get("aws_code") not in MISSING:
                raise
            return Effect(state=EffectState.DONE, id=change.key, at=ctx.now, adopted=True)
        return Effect(state=EffectState.DONE, id=change.key, at=ctx.now)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        kind, name = kind_and_name(change.key)
        if kind == "cluster":
            params = {"DBClusterSnapshotIdentifier": name}
            return (ApiCall("rds", "DeleteDBClusterSnapshot", change.region, params),)
        return (ApiCall("rds", "DeleteDBSnapshot", change.region, {"DBSnapshotIdentifier": name}),)

    def outputs(
        self,
        given: ExpireSnapshotsInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        deleted = [change for change, effect in made if effect.state not in NOT_MADE]
        return {"deleted": len(deleted), "databases": len({target for one in deleted for target in one.targets})}


def _held(
    going: Sequence[Stored], every: Sequence[DatabaseSnapshot], regions: Sequence[str], ctx: StepContext
) -> dict[str, str]:
    holds = held(every, regions, ctx) if going else {}
    return {one.id: holds[place] for one in going if (place := (one.point.region, one.id)) in holds}


def _objection(change: Change, one: Stored | None, copying: set[str]) -> str:
    """Return what speaks against a deletion since the plan was made; "" when nothing does."""
    if one is None:
        return f"is no longer a point of the policy {change.params['policy']}: its tags were changed"
    if one.hold:
        return one.hold
    if one.id in copying:
        return "is being copied"
    if one.point.state != change.params["state"]:
        return f"was {change.params['state']} when that was planned, and is {one.point.state} now"
    if (tags.iso(one.expires) if one.expires else "") != change.params["expires"]:
        return f"was given another {tags.EXPIRES}"
    return "" if tags.iso(one.point.at) == change.params["point"] else f"was given another {tags.POINT}"


def _unkept(change: Change, keeper: PointSet | None) -> str:
    """Return why the database could not be restored from what is kept instead; "" when it could."""
    wanted = str(change.params["volume_id"])
    same = [m for m in keeper.members if source_id(m.point.volume_id) == source_id(wanted)] if keeper else []
    if any(m.id != change.key and not m.flaw for m in same):
        return ""
    return f"is the last good one: {change.params['keeper']}, from which {wanted} was to be restored, is gone"


def _list(change: Change, name: str) -> list[Any]:
    value = change.params[name]
    return value if isinstance(value, list) else []
