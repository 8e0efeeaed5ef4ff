"""What takes restores back: deletes what a run made, and gives old databases their names back. No runbook may use it.

Sources: DeleteDBInstance, DeleteDBCluster and ModifyDBInstance (NewDBInstanceIdentifier) of
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.rds_blueprint import rename_call
from chalicelib.actions.rds_restore_watch import LOOK
from chalicelib.aws import tags
from chalicelib.aws.live_databases import Live, live, live_by_id, lost
from chalicelib.aws.sending import send
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Change, Effect, EffectState, Plan

LAST = "lifeboat-last-"  # begins the name of the snapshot that is taken before a restored database goes


class NothingGiven(ActionModel):
    """Changes are handed over; nothing is planned."""


class _Back(Action[NothingGiven]):
    """An action whose changes another one writes."""

    given: ClassVar[type[ActionModel]] = NothingGiven
    returns: ClassVar[type[ActionModel]] = NothingGiven
    within: ClassVar[timedelta] = timedelta(hours=2)
    review_every_s: ClassVar[int | None] = 0
    lease: ClassVar[str | None] = "database"
    rehearsable: ClassVar[bool] = True

    def plan(self, given: NothingGiven, ctx: StepContext) -> Plan:  # noqa: ARG002
        return Plan()

    def outputs(self, given: NothingGiven, made: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        return Effect(state=EffectState.PENDING, id=change.resource, at=ctx.now, due=ctx.now + LOOK)


class DeleteRestored(_Back):
    """Delete databases that a run restored, and nothing else: tag and recorded id must agree.

    No quantities. What held data of its own since is snapshotted once more first (but for drills), under a name that
    begins with `lifeboat-last-`. What somebody protected from deletion, or tagged `lifeboat:hands-off`, stays.
    """

    name: ClassVar[str] = "rds.delete_restored"
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAvailabilityZones",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:CreateDBSnapshot",
        "rds:CreateDBClusterSnapshot",
        "rds:DeleteDBInstance",
        "rds:DeleteDBCluster",
    )
    calls: ClassVar[str] = (
        "DescribeAvailabilityZones, DescribeDBInstances and DescribeDBClusters per 100 names before and after; "
        "DeleteDBInstance per instance, DeleteDBCluster per cluster."
    )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        there = _by_name([change for change, _ in asked], ctx)
        found: dict[str, Effect] = {}
        for change, effect in asked:
            one = there.get(change.key)
            if one is None or one.resource_id != change.params["resource_id"]:
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=change.resource, due=None)
            elif one.status == "deleting":
                found[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, id=change.resource)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        """Read again whether each is still what the run made, and nobody wants to keep it."""
        there, found = _by_name(changes, ctx), dict[str, Review]()
        for change in changes:
            one = there.get(change.key)
            if one is None or one.resource_id != change.params["resource_id"]:
                found[change.key] = Review("moot", f"{change.resource} is gone already.")
            elif why := _kept(change, one):
                found[change.key] = Review("conflict", f"{change.resource} in {change.region} stays: it {why}.")
        return found

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        cluster = change.params["kind"] == "cluster"
        params: dict[str, Any] = {f"DB{'Cluster' if cluster else 'Instance'}Identifier": change.params["name"]}
        if change.params["drill"] or change.params["member"]:
            params["SkipFinalSnapshot"] = True
        else:
            params |= {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": f"{LAST}{change.params['effect']}"}
        return (ApiCall("rds", "DeleteDBCluster" if cluster else "DeleteDBInstance", change.region, params),)


class NameBack(_Back):
    """Give a database that a run renamed away its name back, once the name is free.

    No quantities. A database that was renamed by somebody else meanwhile, or is gone, is left to people.
    """

    name: ClassVar[str] = "rds.name_back"
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAvailabilityZones",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:ModifyDBInstance",
        "rds:ModifyDBCluster",
    )
    calls: ClassVar[str] = (
        "DescribeAvailabilityZones, DescribeDBInstances or DescribeDBClusters per 100 ids before and after; "
        "ModifyDBInstance or ModifyDBCluster per database."
    )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        there = _by_id([change for change, _ in asked], ctx)
        found: dict[str, Effect] = {}
        for change, effect in asked:
            one = there.get(change.key)
            if one is not None and one.name == change.params["to"]:
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=one.resource, due=None)
            elif one is not None and one.status == "renaming":
                found[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, id=one.resource)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        """Read again whether each is there, under the name that the run gave it."""
        there, found = _by_id(changes, ctx), dict[str, Review]()
        for change in changes:
            one, to = there.get(change.key), change.params["to"]
            if one is None:
                found[change.key] = Review(
                    "conflict", f"{change.resource}: the old database is gone; nothing to name {to}."
                )
            elif one.name == to:
                found[change.key] = Review("moot", f"{change.resource} has its name back already.")
            elif one.name != change.params["name"] or lost(one.status):
                why = f"it is called {one.name} now, and is {one.status}"
                found[change.key] = Review(
                    "conflict", f"{change.resource}: {why}. Name it {to} by hand if it should be."
                )
        return found

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        given = change.params
        operation, params = rename_call(str(given["kind"]), str(given["name"]), str(given["to"]))
        return (ApiCall("rds", operation, change.region, params),)


def _by_name(changes: Sequence[Change], ctx: StepContext) -> dict[str, Live]:
    """Return what has the names of what was made, by change key."""
    found: dict[str, Live] = {}
    for region in sorted({change.region for change in changes}):
        here = {f"{c.params['kind']}:{c.params['name']}": c.key for c in changes if c.region == region}
        found |= {here[name]: one for name, one in live(ctx.aws, read_zones(ctx.aws, region), here).items()}
    return found


def _by_id(changes: Sequence[Change], ctx: StepContext) -> dict[str, Live]:
    """Return the databases that were renamed, by change key."""
    found: dict[str, Live] = {}
    for region, kind in sorted({(change.region, str(change.params["kind"])) for change in changes}):
        here = {str(c.params["resource_id"]): c.key for c in changes if (c.region, c.params["kind"]) == (region, kind)}
        there = live_by_id(ctx.aws, read_zones(ctx.aws, region), kind, here)
        found |= {here[resource_id]: one for resource_id, one in there.items()}
    return found


def _kept(change: Change, one: Live) -> str:
    """Return why a database that a run made must not be deleted; "" when it may."""
    if one.tags.get(tags.EFFECT) != change.params["effect"]:
        return f"does not carry {tags.EFFECT} of this run any more"
    if tags.HANDS_OFF in one.tags:
        return f"is tagged {tags.HANDS_OFF}"
    return "is protected from deletion" if one.protected else ""
