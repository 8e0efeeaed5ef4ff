"""ebs.copy_snapshots: copies of recovery points in another Region, each as soon as its snapshot is done.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html. The call is made in the
destination Region, takes no client token, carries no tags over, and checks the key only after it has answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.ebs_copy_plan import (
    asked_items,
    completion_minutes,
    copy_change,
    copy_tags,
    newest_points,
    orders,
)
from chalicelib.actions.ebs_moot import superseded
from chalicelib.actions.ebs_points import SnapshotItem, duration_of, expected_at, items_of
from chalicelib.actions.ebs_watch import watched
from chalicelib.aws import tags
from chalicelib.aws.errors import translated
from chalicelib.aws.keys import usable_key
from chalicelib.domain.change import Change, Effect, EffectState, Forecast, Plan
from chalicelib.domain.types import Duration, Region, SnapshotId
from chalicelib.errors import ActionError
from chalicelib.settings import Limits

NOT_MADE = frozenset({EffectState.FAILED, EffectState.MOOT, EffectState.CONFLICT})


class CopySnapshotsInput(ActionModel):
    """Which snapshots, where to, under which key, and how soon."""

    snapshots: list[SnapshotItem | SnapshotId] = Field(
        description="The stream of another step, or ids of snapshots in the run's own Region."
    )
    to_region: Region = Field(description="The Region that gets the copies.")
    kms_key: str | None = Field(
        None,
        min_length=1,
        description="Alias, id or ARN of the destination's key; else its default for encrypted ones.",
    )
    deadline: Duration | None = Field(
        None, description="How long each copy may take (15m to 48h, rounded up to 15 minutes); AWS charges for it."
    )


class CopySnapshotsOutput(ActionModel):
    """The copies, one item per volume, usable one by one; and how many there are."""

    snapshots: list[SnapshotItem] = Field(description="One per copy, as soon as it is complete.")
    copies: int = Field(description="Copies made, without those that failed or became needless.")
    region: str = Field(description="The Region that holds the copies.")
    kms_key: str | None = Field(description="ARN of the key they are encrypted with; None for the Region's default.")


class CopySnapshots(Action[CopySnapshotsInput]):
    """Copy snapshots to another Region, each as soon as its source is completed.

    Sizes are GiB, times UTC. The key is resolved and found usable before the first copy. The quota of concurrent copies
    is kept full; volumes whose newest copy is oldest go first. A set's copy that has not started is given up when all
    volumes of the set have a newer complete point; a set of which a copy has started is finished.

    An effect whose answer was lost is found again by its tag and adopted, never made twice. A copy that AWS gives up
    later (a key without permission, for example) fails with AWS's own `StateMessage`.
    """

    name: ClassVar[str] = "ebs.copy_snapshots"
    given: ClassVar[type[ActionModel]] = CopySnapshotsInput
    returns: ClassVar[type[ActionModel]] = CopySnapshotsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeSnapshots",
        "ec2:CopySnapshot",
        "ec2:CreateTags",
        "kms:DescribeKey",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKeyWithoutPlaintext",
    )
    streams: ClassVar[frozenset[str]] = frozenset({"snapshots"})
    within: ClassVar[timedelta] = timedelta(hours=20)
    review_every_s: ClassVar[int | None] = 3600
    calls: ClassVar[str] = (
        "Plan: DescribeKey once, DescribeSnapshots per 1,000 points of the policy in the destination (and per 200 ids "
        "given). Review, hourly: DescribeSnapshots per 198 waiting volumes. Apply: CopySnapshot per snapshot. Observe: "
        "DescribeSnapshots per 200 copies."
    )

    def plan(self, given: CopySnapshotsInput, ctx: StepContext) -> Plan:
        minutes = completion_minutes(given.deadline)
        key = usable_key(ctx.aws, given.to_region, given.kms_key) if given.kms_key else None
        items, failures, notes = asked_items(given.snapshots, ctx)
        order = orders(items, newest_points(ctx.aws, given.to_region, items) if items else {})
        made = [copy_change(item, given.to_region, key, minutes, order[item.item], ctx) for item in items]
        notes += [note for _, note in made if note]
        if not key and any(item.encrypted for item in items):
            notes.append(f"No kms_key is given: encrypted copies use the default key of {given.to_region}.")
        changes = sorted((change for change, _ in made), key=lambda change: (change.order, change.key))
        return Plan(
            changes=tuple(changes),
            failures=tuple(failures),
            notes=tuple(notes),
            forecast=_forecast(changes, minutes, ctx.limits),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        return superseded([(change, source_item(change, needs)) for change in changes], ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        item = source_item(change, needs)
        if item.snapshot_id is None:
            raise ActionError(
                "action.source_missing",
                f"There is no snapshot of {item.volume_id} in {change.params['source_region']} to copy to "
                f"{change.region}: its volume was left out when the point was made. See the step before this one.",
                resource=item.volume_id,
            )
        copy_id = _copy(change, item, ctx)
        point = {"set_id": item.set_id, "set_size": item.set_size, "point": item.point}
        facts: dict[str, Any] = {
            **point,
            "items": {item.item: {"snapshot_id": copy_id, **point}},
            "source_snapshot": item.snapshot_id,
            "whole": True,
        }
        minutes: Any = change.params["minutes"]
        return Effect(
            state=EffectState.PENDING,
            id=copy_id,
            at=ctx.now,
            due=ctx.now + timedelta(minutes=minutes)
            if minutes
            else expected_at(ctx.now, change.size_gib, ctx.limits.copy_mib_s),
            facts=facts,
        )

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        item = source_item(change, {})
        if item.snapshot_id is None:
            item = item.model_copy(update={"snapshot_id": f"<snapshot of {item.volume_id}>"})
        return (ApiCall("ec2", "CopySnapshot", change.region, _request(change, item, ctx)),)

    def outputs(
        self,
        given: CopySnapshotsInput,
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {
            "copies": sum(effect.state not in NOT_MADE for _, effect in made),
            "region": given.to_region,
            "kms_key": next((change.params["kms_key"] for change, _ in made), None),
        }

    def window(self, limits: Limits) -> int | None:
        return limits.copies_per_destination


def source_item(change: Change, needs: Mapping[str, Effect]) -> SnapshotItem:
    """Return what is to be copied, with what its source's effect knows of it by now."""
    item = SnapshotItem.model_validate(change.yields[0])
    source_id = change.params["snapshot_id"]
    known: dict[str, Any] = {"snapshot_id": source_id}
    for name in change.after:
        if name in needs:
            known |= items_of(needs[name]).get(str(change.params["source_item"]), {})
    return SnapshotItem.model_validate({**item.model_dump(), **known})


def _request(change: Change, item: SnapshotItem, ctx: StepContext) -> dict[str, Any]:
    params: dict[str, Any] = change.params
    snapshot_id = str(item.snapshot_id)
    own = copy_tags(change, ctx.effect_id(change.key), snapshot_id, item, ctx)
    all_tags, _ = tags.merged(own, item.tags)
    extra: dict[str, Any] = {"Encrypted": True, "KmsKeyId": params["kms_key"]} if params["kms_key"] else {}
    if params["minutes"]:
        extra["CompletionDurationMinutes"] = params["minutes"]
    return {
        "SourceRegion": params["source_region"],
        "SourceSnapshotId": snapshot_id,
        "Description": f"Lifeboat {ctx.runbook}: {item.volume_id}, {snapshot_id} in {params['source_region']}",
        "TagSpecifications": tags.for_snapshot(all_tags),
        **extra,
    }


def _copy(change: Change, item: SnapshotItem, ctx: StepContext) -> str:
    resource = f"{item.snapshot_id} of {item.volume_id} to {change.region}"
    with translated(resource, sends=True):
        answer = ctx.aws.ec2(change.region, "once").copy_snapshot(**_request(change, item, ctx))
    return answer["SnapshotId"]


def _forecast(changes: Sequence[Change], minutes: int | None, limits: Limits) -> Forecast:
    rate, quota = limits.copy_mib_s, limits.copies_per_destination
    each = [timedelta(minutes=minutes) if minutes else duration_of(change.size_gib, rate) for change in changes]
    lanes = sum(each, timedelta()) / quota
    basis = f"the deadline of {minutes} minutes" if minutes else f"an assumed {rate} MiB/s per copy"
    return Forecast(
        data_gib=sum(change.size_gib for change in changes),
        duration=max([lanes, *each], default=timedelta()),
        basis=f"{basis}, {quota} copies at once; an upper bound, copies after the first of a volume are incremental",
    )
