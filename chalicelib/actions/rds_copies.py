"""rds.copy_snapshots: copies of databases' recovery points in another Region, each as soon as its snapshot is done.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html. The call is made in the
destination Region and takes no token: the copy's name is the effect's own. AWS copies no tags unless asked, queues
copies of one database behind each other, and never copies parameter groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chalicelib.actions.base import Action, ActionModel, ApiCall, StepContext
from chalicelib.actions.ebs_points import duration_of, expected_at, items_of
from chalicelib.actions.ebs_snapshots import NOT_MADE
from chalicelib.actions.expiry import POLICY_PATTERN
from chalicelib.actions.rds_copy_plan import asked_items, copy_change, copy_notes, copy_tags, newest_points, owned
from chalicelib.actions.rds_points import RDS_SNAPSHOT, DatabaseSnapshotItem, snapshot_name
from chalicelib.actions.rds_watch import watched
from chalicelib.aws import tags
from chalicelib.aws.databases import snapshot_resource
from chalicelib.aws.keys import usable_key
from chalicelib.aws.sending import send
from chalicelib.domain.change import Change, Effect, EffectState, Forecast, Plan
from chalicelib.domain.types import Duration, Region
from chalicelib.errors import ActionError, InputError
from chalicelib.settings import Limits


class CopyDatabaseSnapshotsInput(ActionModel):
    """Which snapshots, where to, under which key and option group."""

    snapshots: list[DatabaseSnapshotItem | Annotated[str, Field(pattern=RDS_SNAPSHOT)]] = Field(
        description="The stream of another step, or snapshots of the run's own Region: `snapshot:name`, "
        "`cluster-snapshot:name`, automated ones too (`snapshot:rds:name`)."
    )
    to_region: Region = Field(description="The Region that gets the copies.")
    kms_key: str | None = Field(
        None,
        min_length=1,
        description="Alias, id or ARN of the destination's key; needed when a source is encrypted.",
    )
    option_group: str | None = Field(
        None,
        min_length=1,
        description="Option group there for sources that have one of their own; it is copied when left out.",
    )
    policy: str | None = Field(
        None,
        pattern=POLICY_PATTERN,
        description="Which retention owns the copies of snapshots that have no policy: automated ones, other people's.",
    )
    expires: Duration | None = Field(
        None, description="So long those copies are kept, whatever retention says, as no generations; needs `policy`."
    )

    @model_validator(mode="after")
    def _owned(self) -> CopyDatabaseSnapshotsInput:
        if self.expires and not self.policy:
            raise ValueError("`expires` needs a `policy`: only what is of a policy is ever deleted")
        return self


class CopyDatabaseSnapshotsOutput(ActionModel):
    """The copies, one item per database, usable one by one; and how many there are."""

    snapshots: list[DatabaseSnapshotItem] = Field(description="One per copy, as soon as it is complete.")
    copies: int = Field(description="Copies made, without those that failed.")
    region: str = Field(description="The Region that holds the copies.")


class CopyDatabaseSnapshots(Action[CopyDatabaseSnapshotsInput]):
    """Copy snapshots of databases to another Region, each as soon as its source is available.

    Sizes are GiB, times UTC. The key is resolved and found usable before the first copy; AWS takes no encrypted copy to
    another Region without one. The quota of concurrent copies is kept full; the database whose newest copy is oldest
    goes first. A full quota of manual snapshots ends the copy with advice, since no room comes by itself.

    An effect whose answer was lost is found again by its name, and adopted only when it carries our tags.
    """

    name: ClassVar[str] = "rds.copy_snapshots"
    given: ClassVar[type[ActionModel]] = CopyDatabaseSnapshotsInput
    returns: ClassVar[type[ActionModel]] = CopyDatabaseSnapshotsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "rds:DescribeDBSnapshots",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:CopyDBSnapshot",
        "rds:CopyDBClusterSnapshot",
        "rds:CopyOptionGroup",
        "rds:AddTagsToResource",
        "kms:DescribeKey",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKeyWithoutPlaintext",
    )
    streams: ClassVar[frozenset[str]] = frozenset({"snapshots"})
    within: ClassVar[timedelta] = timedelta(hours=20)
    calls: ClassVar[str] = (
        "Plan: DescribeKey once, DescribeDBSnapshots and DescribeDBClusterSnapshots per 100 manual snapshots in the "
        "destination (and per 100 names given). For named snapshots without a manifest DescribeDBInstances and "
        "DescribeDBClusters per 100. Apply: CopyDBSnapshot or CopyDBClusterSnapshot per snapshot. Observe: "
        "DescribeDBSnapshots and DescribeDBClusterSnapshots per 100 names."
    )

    def plan(self, given: CopyDatabaseSnapshotsInput, ctx: StepContext) -> Plan:
        asked, failures = asked_items(given.snapshots, ctx)
        items = [owned(item, given.policy, given.expires, ctx) for item in asked]
        encrypted = sorted(item.database for item in items if item.encrypted)
        if encrypted and not given.kms_key:
            raise InputError(
                "action.key_required",
                f"Encrypted snapshots ({', '.join(encrypted[:5])}) are copied to {given.to_region} only with a key of "
                "that Region: write `kms_key:`.",
            )
        key = usable_key(ctx.aws, given.to_region, given.kms_key) if given.kms_key else None
        newest = newest_points(ctx, given.to_region, items)
        changes = [copy_change(item, given.to_region, key, given.option_group, newest) for item in items]
        plain = sorted(change.targets[0] for change in changes if not change.yields[0]["encrypted"])
        notes = [f"Not encrypted, and neither are their copies: {', '.join(plain[:10])}."] if plain else []
        notes += copy_notes(items, given.snapshots, ctx)
        return Plan(
            changes=tuple(sorted(changes, key=lambda change: (change.order, change.key))),
            failures=tuple(failures),
            notes=tuple(notes),
            forecast=_forecast(changes, ctx.limits),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        item = source_item(change, needs)
        arn, point = _known(item, change.region)
        effect_id = ctx.effect_id(change.key)
        name = snapshot_name(effect_id)
        call = _call(change, item, arn, ctx)
        send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        resource = snapshot_resource("cluster" if change.params["kind"] == "cluster" else "db", name)
        facts: dict[str, Any] = {"snapshot": resource, "point": point, "set_id": item.set_id or effect_id}
        return Effect(
            state=EffectState.PENDING,
            id=resource,
            at=ctx.now,
            due=expected_at(ctx.now, change.size_gib, ctx.limits.copy_mib_s),
            facts={**facts, "items": {change.key: facts}},
        )

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        item = source_item(change, {})
        return (_call(change, item, item.arn or f"<ARN of the snapshot of {item.database}>", ctx),)

    def outputs(
        self,
        given: CopyDatabaseSnapshotsInput,
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"copies": sum(effect.state not in NOT_MADE for _, effect in made), "region": given.to_region}

    def window(self, limits: Limits) -> int | None:
        return limits.rds_copies_per_destination


def source_item(change: Change, needs: Mapping[str, Effect]) -> DatabaseSnapshotItem:
    """Return what is to be copied, with what its source's effect knows of it by now."""
    known: dict[str, Any] = {"arn": change.params["arn"]}
    for name in change.after:
        if name in needs:
            known |= items_of(needs[name]).get(change.key, {})
    return DatabaseSnapshotItem.model_validate({**change.yields[0], **known})


def _known(item: DatabaseSnapshotItem, region: str) -> tuple[str, str]:
    """Return the ARN and the time of what is to be copied, which nobody may guess."""
    if item.arn is None:
        raise ActionError(
            "action.source_missing",
            f"There is no snapshot of {item.database} to copy to {region}: AWS did not show its ARN. See "
            "the step before this one.",
            resource=item.database,
        )
    if item.point is None:
        raise ActionError(
            "action.point_unknown",
            f"AWS does not say when {item.snapshot} of {item.database} was taken; a copy that says it is from now "
            "would pass for the newest. Look at the snapshot in RDS, and run again once it has a time.",
            resource=item.database,
        )
    return item.arn, item.point


def _call(change: Change, item: DatabaseSnapshotItem, arn: str, ctx: StepContext) -> ApiCall:
    params: dict[str, Any] = change.params
    effect_id = ctx.effect_id(change.key)
    own = copy_tags(item, str(params["source_region"]), effect_id, ctx)
    all_tags, _ = tags.merged(own, item.tags)
    kind = "DBClusterSnapshot" if params["kind"] == "cluster" else "DBSnapshot"
    given: dict[str, Any] = {f"Source{kind}Identifier": arn, f"Target{kind}Identifier": snapshot_name(effect_id)}
    given |= {"Tags": tags.listed(all_tags), "SourceRegion": params["source_region"]}
    given |= {"KmsKeyId": params["kms_key"]} if params["kms_key"] else {}
    if kind == "DBSnapshot":
        given |= {"OptionGroupName": params["option_group"]} if params["option_group"] else {}
        given |= {"CopyOptionGroup": True} if params["copy_option_group"] else {}
    return ApiCall("rds", f"Copy{kind}", change.region, given)


def _forecast(changes: Sequence[Change], limits: Limits) -> Forecast:
    rate, quota = limits.copy_mib_s, limits.rds_copies_per_destination
    each = [duration_of(change.size_gib, rate) for change in changes]
    return Forecast(
        data_gib=sum(change.size_gib for change in changes),
        duration=max([sum(each, timedelta()) / quota, *each], default=timedelta()),
        basis=f"an assumed {rate} MiB/s per copy, {quota} copies at once; an upper bound, copies after the first of a "
        "database are incremental",
    )
