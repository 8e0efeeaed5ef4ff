"""ebs.create_snapshots: points of EBS volumes, one crash-consistent set per instance.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html and API_CreateSnapshot.html.
Neither takes a client token, so the effect's name is a tag of the creating call, and nothing is ever sent twice
without having looked first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.ebs_points import SnapshotItem, duration_of, expected_at, own_tags
from chalicelib.actions.ebs_review import reviewed
from chalicelib.actions.ebs_selection import Selection, VolumeSelector, attached_to, selected
from chalicelib.actions.ebs_sets import Group, change_of, grouped, refusal
from chalicelib.actions.ebs_watch import watched
from chalicelib.actions.expiry import POLICY_PATTERN
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, Effect, EffectState, Failure, Forecast, Plan
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.types import Duration, Region
from chalicelib.settings import Limits

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceSpecificationTypeDef


class CreateSnapshotsInput(ActionModel):
    """Which volumes, how consistent, and which retention will own the points."""

    select: VolumeSelector = Field(description="The volumes: by tags, ids, instances or zone.")
    consistency: Literal["instance", "volume"] = Field(
        "instance", description="`instance`: one crash-consistent set per instance; `volume`: each volume by itself."
    )
    policy: str = Field(pattern=POLICY_PATTERN, description="Names what retention owns the points.")
    expires: Duration | None = Field(
        None, description="For points made by hand: so long they are kept, whatever retention says; no generations."
    )
    region: Region | None = Field(None, description="The volumes' Region; the run's own when left out.")


class CreateSnapshotsOutput(ActionModel):
    """The points, one item per volume, usable one by one; and how many there are."""

    snapshots: list[SnapshotItem] = Field(description="One per volume, as soon as its point is complete.")
    sets: int = Field(description="Crash-consistent sets.")
    volumes: int = Field(description="Volumes in all points.")
    points: int = Field(description="Points: sets and single volumes.")


class CreateSnapshots(Action[CreateSnapshotsInput]):
    """Make one crash-consistent set of snapshots per instance, or a snapshot per volume.

    Sizes are GiB, times UTC. A set is one thing ever after: it is done when all its members are completed, and failed
    when one is. Each point carries its policy, set, point in time and a manifest of what a restore needs. A volume
    that is gone when its turn comes is named and left out; the others are backed up.

    An effect whose answer was lost is found again by its tag and adopted, never made twice.
    """

    name: ClassVar[str] = "ebs.create_snapshots"
    given: ClassVar[type[ActionModel]] = CreateSnapshotsInput
    returns: ClassVar[type[ActionModel]] = CreateSnapshotsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeVolumes",
        "ec2:DescribeInstances",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSnapshots",
        "ec2:CreateSnapshot",
        "ec2:CreateSnapshots",
        "ec2:CreateTags",
    )
    streams: ClassVar[frozenset[str]] = frozenset({"snapshots"})
    within: ClassVar[timedelta] = timedelta(hours=8)
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones once, DescribeVolumes per 500 volumes (or 200 ids), DescribeInstances per 200 "
        "instances. Before each wave: DescribeVolumes per 200 instances or volumes. Apply: CreateSnapshots per "
        "instance, CreateSnapshot per single volume. Observe: DescribeSnapshots per 200 snapshots."
    )

    def plan(self, given: CreateSnapshotsInput, ctx: StepContext) -> Plan:
        region = given.region or ctx.region
        selection = selected(ctx.aws, region, given.select)
        attached = sorted({one for volume in selection.volumes for one in attached_to(volume)})
        instances = listing.instances_by_id(ctx.aws, region, attached)
        together = given.consistency == "instance"
        groups = grouped(selection.volumes, instances, together=together)
        refused = {group.key: refusal(group, ctx.limits.snapshots_per_set) for group in groups}
        ends = given.expires is not None
        chosen = [group for group in groups if not refused[group.key]]
        made = [change_of(group, selection, given.policy, ctx, expires=ends) for group in chosen]
        made = [(until(change, given.expires, ctx), note) for change, note in made]
        return Plan(
            changes=tuple(change for change, _ in made),
            failures=(*selection.failures, *(failure for failure in refused.values() if failure)),
            notes=(
                *selection.notes,
                *(note for _, note in made if note),
                *_alone(groups, selection, together=together),
            ),
            forecast=_forecast([change for change, _ in made], ctx.limits),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def review(
        self,
        changes: Sequence[Change],
        needs: Mapping[str, Effect],  # noqa: ARG002 - snapshots need nothing made before
        ctx: StepContext,
    ) -> Mapping[str, Review]:
        return reviewed(changes, ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        items, point = _items(change), _point(change, ctx)
        operation, params = _request(change, ctx)
        made = _create_set(change, params, ctx) if operation == "CreateSnapshots" else _create_one(change, params, ctx)
        return _effect(change, items, made, point, ctx)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        operation, params = _request(change, ctx)
        return (ApiCall("ec2", operation, change.region, params),)

    def outputs(
        self,
        given: CreateSnapshotsInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        alive = [change for change, effect in made if effect.state not in NOT_MADE]
        return {
            "sets": sum(change.params["how"] == "set" for change in alive),
            "volumes": sum(len(change.targets) for change in alive),
            "points": len(alive),
        }

    def window(self, limits: Limits) -> int | None:
        return limits.pending_snapshots


def until(change: Change, length: timedelta | None, ctx: StepContext) -> Change:
    """Return a change whose items say until when they are kept, if that was asked for."""
    if length is None:
        return change
    expires = tags.iso(ctx.now + length)
    return change.model_copy(update={"yields": tuple({**item, "expires": expires} for item in change.yields)})


NOT_MADE = frozenset({EffectState.FAILED, EffectState.MOOT, EffectState.CONFLICT})


def _alone(groups: Sequence[Group], selection: Selection, *, together: bool) -> list[str]:
    lost = [g.key for g in groups if together and g.how == "single" and attached_to(g.volumes[0])]
    loose = [g.key for g in groups if together and g.how == "single" and not attached_to(g.volumes[0])]
    notes = (
        [f"{len(loose)} volumes in {selection.region} are not attached; each is a point of its own."] if loose else []
    )
    if lost:
        notes.append(f"The instances of {', '.join(lost[:10])} are gone; each of these is a point of its own.")
    return notes


def _forecast(changes: Sequence[Change], limits: Limits) -> Forecast:
    sizes = [int(str(item["size_gib"])) for change in changes for item in change.yields]
    total, rate = sum(sizes), limits.snapshot_mib_s
    waves = -(-len(sizes) // limits.pending_snapshots)
    longest = duration_of(max(sizes, default=0), rate)
    return Forecast(
        data_gib=total,
        duration=longest * max(waves, 1),
        basis=f"the largest volume at an assumed {rate} MiB/s, {limits.pending_snapshots} pending snapshots at once; "
        "an upper bound, snapshots after the first are incremental",
    )


def _items(change: Change) -> list[SnapshotItem]:
    """Return the items that are still to be made: a review may have left out volumes that are gone."""
    chosen = set(change.params["selected"])  # type: ignore[arg-type]
    return [SnapshotItem.model_validate(item) for item in change.yields if item["item"] in chosen]


def _manifest(items: Sequence[SnapshotItem]) -> Manifest | None:
    known = [item.manifest for item in items if item.manifest]
    if not known:
        return None
    return known[0].model_copy(update={"volumes": tuple(v for manifest in known for v in manifest.volumes)})


def _point(change: Change, ctx: StepContext) -> dict[str, Any]:
    items = _items(change)
    return {
        "policy": change.params["policy"],
        "set_id": ctx.effect_id(change.key),
        "set_size": len(items),
        "point": tags.iso(ctx.now),
        "expires": items[0].expires,
    }


def _request(change: Change, ctx: StepContext) -> tuple[str, dict[str, Any]]:
    """Return the operation that makes a point, and its parameters."""
    params: dict[str, Any] = change.params
    own = own_tags(ctx, ctx.effect_id(change.key), _point(change, ctx), _manifest(_items(change)))
    if params["how"] != "set":
        item = change.yields[0]
        volume_id, inherited = str(item["volume_id"]), item["tags"]
        merged, _ = tags.merged({**own, tags.SOURCE_VOLUME: volume_id}, inherited)  # type: ignore[arg-type]
        asked = {"VolumeId": volume_id, "Description": _description(change, ctx)}
        return "CreateSnapshot", {**asked, "TagSpecifications": tags.for_snapshot(merged)}
    chosen, root = set(params["selected"]), params["root"]
    specification: InstanceSpecificationTypeDef = {
        "InstanceId": params["instance_id"],
        "ExcludeBootVolume": root is not None and root not in chosen,
    }
    excluded = [one for one in params["attached"] if one not in chosen and one != root]
    if excluded:
        specification["ExcludeDataVolumeIds"] = excluded
    extra = {"CopyTagsFromSource": "volume"} if params["inherit"] else {}
    whole: dict[str, Any] = {"InstanceSpecification": specification, "Description": _description(change, ctx)}
    return "CreateSnapshots", {**whole, "TagSpecifications": tags.for_snapshot(own), **extra}


def _create_set(change: Change, params: dict[str, Any], ctx: StepContext) -> dict[str, str]:
    with translated(f"{change.key} in {change.region}", sends=True):
        answer = ctx.aws.ec2(change.region, "once").create_snapshots(**params)
    return {made["VolumeId"]: made["SnapshotId"] for made in answer["Snapshots"]}


def _create_one(change: Change, params: dict[str, Any], ctx: StepContext) -> dict[str, str]:
    with translated(f"{params['VolumeId']} in {change.region}", sends=True):
        answer = ctx.aws.ec2(change.region, "once").create_snapshot(**params)
    return {params["VolumeId"]: answer["SnapshotId"]}


def _description(change: Change, ctx: StepContext) -> str:
    return f"Lifeboat {ctx.runbook}: {change.key} for policy {change.params['policy']}"


def _effect(
    change: Change, items: Sequence[SnapshotItem], made: Mapping[str, str], point: Mapping[str, Any], ctx: StepContext
) -> Effect:
    common = {"set_id": point["set_id"], "set_size": point["set_size"], "point": point["point"]}
    missing = [item.volume_id for item in items if item.volume_id not in made]
    largest = max((item.size_gib for item in items), default=0)
    return Effect(
        state=EffectState.PENDING,
        id=point["set_id"] if change.params["how"] == "set" else next(iter(made.values())),
        at=ctx.now,
        due=expected_at(ctx.now, largest, ctx.limits.snapshot_mib_s),
        facts={
            "items": {
                item.volume_id: {"snapshot_id": made[item.volume_id], **common}
                for item in items
                if item.volume_id in made
            },
            **common,
            "whole": True,
        },
        failures=tuple(
            Failure(
                resource=volume_id,
                code="action.incomplete_set",
                message=f"AWS made no snapshot of {volume_id} with {change.key} in {change.region}: it was detached "
                "just now. The set is not complete and no recovery point; run again to make a complete one.",
            )
            for volume_id in missing
        ),
    )
