"""ebs.restore_volumes: new volumes from the newest complete set, or from a point in time, in another zone.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html (client token; without a type EBS
makes gp2) and https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html (available is not initialised).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.ebs_fast_made import is_fast, told
from chalicelib.actions.ebs_points import items_of
from chalicelib.actions.ebs_restore_plan import Asked, planned
from chalicelib.actions.ebs_selection import VolumeSelector
from chalicelib.aws import health, listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Plan
from chalicelib.domain.recovery import Recovery, shown
from chalicelib.domain.types import Duration, InstanceId, SnapshotId, VolumeId

CREATE_S = 60  # until the first look: volumes are available within a minute or so
LAG = timedelta(minutes=15)


class RestoredVolume(ActionModel):
    """A restored volume on its way: what a step streams to `ebs.attach_volumes`. Times are UTC (ISO 8601)."""

    item: str = Field(description="Names the item within its step: the volume that was lost.")
    source_volume: VolumeId = Field(description="The volume that it stands in for.")
    instance_id: InstanceId | None = Field(None, description="The instance that had that volume.")
    device: str = Field("", description="Name under which it had it.")
    snapshot_id: SnapshotId = Field(description="What it is made from.")
    point: str = Field(description="The point in time of its data.")
    region: str = Field(description="Where it is.")
    zone_id: str = Field(description="The Availability Zone's ID.")
    volume_id: VolumeId | None = Field(None, description="None until it was asked for.")
    made_by: str | None = Field(None, description="`step/change` that makes it; set by the engine.")


class RestoreVolumesInput(ActionModel):
    """Which volumes, from which points, and where to."""

    select: VolumeSelector = Field(description="The volumes that were lost: by tags, ids, instances or zone.")
    policy: str = Field(min_length=1, description="Whose recovery points are used.")
    to_zone: str = Field(min_length=1, description="ID (or name) of the Availability Zone of the new volumes.")
    at: AwareDatetime | None = Field(None, description="Not later than this time; else the newest points.")
    max_age: Duration | None = Field(
        None, description="Ask a person when a point is older; the runbook's RPO when left out."
    )
    initialised_within: Duration | None = Field(
        None, description="How soon all data must be on the volumes: sets the rate (100 to 300 MiB/s); AWS charges it."
    )
    wait_for: Literal["available", "initialised"] = Field(
        "available", description="When a volume is done: when it can be attached, or when all its data is on it."
    )


class RestoreVolumesOutput(ActionModel):
    """The new volumes, one item each, usable one by one."""

    restored: list[RestoredVolume] = Field(description="One per volume, as soon as it is there.")
    volumes: list[VolumeId] = Field(description="Ids of the new volumes.")
    zone_id: str = Field(description="The Availability Zone's ID.")
    recovered: list[Recovery] = Field(description="What was recovered, for the report.")


class RestoreVolumes(Action[RestoreVolumesInput]):
    """Make new volumes from the newest complete set (or that of a point in time) of each instance.

    Sizes are GiB, rates MiB/s, times UTC. The volumes of an instance come from one complete set; sets that are
    archived, incomplete or under a key that cannot be used are passed over. Type, size, IOPS, throughput and key are
    those that the point tells. A volume is done when AWS shows it as available; all of its data is on it only later,
    and until then it is slow: with `initialised_within` at a provisioned rate, unless fast snapshot restore is enabled.
    Whether it was fast is what AWS shows of the volume; without a credit it was not, and the report says so.

    The old volumes are left as they are. A point older than `max_age` asks a person. The client token is the effect's
    own, so a lost answer makes no second volume.
    """

    name: ClassVar[str] = "ebs.restore_volumes"
    given: ClassVar[type[ActionModel]] = RestoreVolumesInput
    returns: ClassVar[type[ActionModel]] = RestoreVolumesOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeVolumes",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSubnets",
        "ec2:DescribeSnapshots",
        "ec2:DescribeFastSnapshotRestores",
        "ec2:DescribeVolumeStatus",
        "ec2:CreateVolume",
        "ec2:CreateTags",
        "kms:DescribeKey",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    )
    streams: ClassVar[frozenset[str]] = frozenset({"restored"})
    within: ClassVar[timedelta] = timedelta(hours=2)
    review_every_s: ClassVar[int | None] = 0
    later: ClassVar[tuple[str, ...]] = ("ec2.remove_restored",)
    lease: ClassVar[str | None] = "recovery"
    rehearsable: ClassVar[bool] = True
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones once, DescribeVolumes per 500, DescribeSnapshots twice per 199 volumes (again "
        "per 200 sets that are not selected whole), DescribeKey per key and instance; with `initialised_within` "
        "DescribeFastSnapshotRestores once. Review: DescribeSnapshots per 200. Apply: CreateVolume per volume. "
        "Observe: DescribeVolumes per 200, DescribeVolumeStatus per 200 if it waits for that."
    )

    def plan(self, given: RestoreVolumesInput, ctx: StepContext) -> Plan:
        asked = Asked(given.select, given.policy, given.to_zone, given.at, given.max_age, given.initialised_within)
        return planned(asked, ctx, waits=given.wait_for == "initialised")

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        region = changes[0].region
        wanted = sorted({str(change.params["snapshot"]) for change in changes})
        there = {
            one["SnapshotId"]: one["State"] for one in listing.snapshots_by(ctx.aws, region, "snapshot-id", wanted, {})
        }
        return {
            change.key: Review("conflict", f"{change.params['snapshot']} of {change.resource} is no longer usable.")
            for change in changes
            if there.get(str(change.params["snapshot"])) != "completed"
        }

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        request = request_for(change, ctx)
        with translated(f"{change.resource} in {change.params['zone_id']}", sends=True):
            answer = ctx.aws.ec2(change.region, "once").create_volume(**request)
        return _pending(change, answer["VolumeId"], ctx.now)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        return (ApiCall("ec2", "CreateVolume", change.region, request_for(change, ctx)),)

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found: dict[str, Effect] = {}
        for region in sorted({change.region for change, _ in asked}):
            here = [(change, effect) for change, effect in asked if change.region == region]
            found |= _seen(here, region, ctx)
        return found

    def outputs(
        self,
        given: RestoreVolumesInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        done = [(change, effect) for change, effect in made if effect.state is EffectState.DONE and effect.id]
        return {
            "volumes": [effect.id for _, effect in done],
            "zone_id": next((str(change.params["zone_id"]) for change, _ in made), ""),
            "recovered": shown(_recovery(change, effect) for change, effect in done),
        }

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:
        if not effect.id:
            return Undo()
        own = {"do": "delete_volume", "effect": ctx.effect_id(change.key), "volume": effect.id}
        inverse = Change(
            key=f"delete.{effect.id}",
            kind=ChangeKind.DELETE,
            resource=effect.id,
            region=change.region,
            reason=f"It was restored for {change.resource} by this run.",
            targets=(effect.id,),
            params=own,
        )
        return Undo(by="ec2.remove_restored", changes=(inverse,))


def request_for(change: Change, ctx: StepContext) -> dict[str, Any]:
    """Return the parameters of CreateVolume: pure, the same for a dry run and for what is sent."""
    params: dict[str, Any] = change.params
    own = {tags.EFFECT: ctx.effect_id(change.key), tags.RUN: ctx.run_id, tags.RESTORED: change.resource}
    if ctx.drill:
        own[tags.DRILL] = ctx.run_id
    merged, _ = tags.merged(own, {} if ctx.drill else params["tags"])
    block = dict(params["block"])
    size = block.pop("VolumeSize")
    return {
        "AvailabilityZone": params["zone"],
        "Size": size,
        **block,
        **({"MultiAttachEnabled": True} if params["multi_attach"] else {}),
        "TagSpecifications": tags.for_kinds(merged, "volume"),
        "ClientToken": ctx.effect_id(change.key),
    }


def source_of(change: Change, needs: Mapping[str, Effect]) -> dict[str, Any]:
    """Return what a change of a consuming step is about, with what its source's effect knows of it by now."""
    item: dict[str, Any] = dict(change.params["item"])  # type: ignore[arg-type]
    for name in change.after:
        if name in needs:
            item |= items_of(needs[name]).get(str(item.get("item")), {})
    return item


def _pending(change: Change, volume_id: str, at: datetime) -> Effect:
    return Effect(
        state=EffectState.PENDING,
        id=volume_id,
        at=at,
        due=at + timedelta(seconds=CREATE_S),
        facts={"items": {change.key: {"volume_id": volume_id}}},
    )


def _seen(asked: Sequence[tuple[Change, Effect]], region: str, ctx: StepContext) -> dict[str, Effect]:
    ids = sorted({effect.id for _, effect in asked if effect.id})
    names = sorted(ctx.effect_id(change.key) for change, effect in asked if not effect.id)
    by_id = {v["VolumeId"]: v for v in listing.volumes_by(ctx.aws, region, "volume-id", ids, {})}
    by_name = {tags.of(v)[tags.EFFECT]: v for v in listing.volumes_by(ctx.aws, region, f"tag:{tags.EFFECT}", names, {})}
    found: dict[str, Effect] = {}
    ready: dict[str, Change] = {}
    for change, effect in asked:
        volume = by_id.get(effect.id) if effect.id else by_name.get(ctx.effect_id(change.key))
        if volume is None:
            if effect.id and effect.at and ctx.now - effect.at > LAG:
                found[change.key] = _lost(change, effect, "is no longer there: somebody deleted it", ctx.now)
            continue
        known = (
            effect
            if effect.id
            else _pending(change, volume["VolumeId"], ctx.now).moved(
                EffectState.PENDING, volume.get("CreateTime", ctx.now), adopted=True
            )
        )
        if volume["State"] == "error":
            why = "ended in error, most likely because this role may not use its key"
            found[change.key] = _lost(change, known, why, ctx.now)
        elif volume["State"] in {"available", "in-use"}:
            found[change.key] = _done(known, ctx.now, fast=is_fast(volume))
            ready |= {} if is_fast(volume) else {volume["VolumeId"]: change}
        else:
            found[change.key] = known.moved(EffectState.PENDING, known.at or ctx.now, due=known.due)
    return found | _hydrated(found, ready, region, ctx)


def _lost(change: Change, effect: Effect, why: str, now: datetime) -> Effect:
    message = f"{effect.id}, restored for {change.resource} in {change.region}, {why}. Correct the cause and run again."
    return effect.moved(EffectState.FAILED, now, code="action.restore_failed", message=message)


def _done(effect: Effect, now: datetime, *, fast: bool) -> Effect:
    ready = str(effect.facts.get("ready_at") or tags.iso(now))
    known = {**effect.facts, "ready_at": ready, "fast": fast, **({"initialised_at": ready} if fast else {})}
    return effect.moved(EffectState.DONE, now, due=None, facts=known)


def _hydrated(
    found: Mapping[str, Effect], ready: Mapping[str, Change], region: str, ctx: StepContext
) -> dict[str, Effect]:
    """Hold back those that wait for all their data, and note when it was there."""
    waiting = {volume: change for volume, change in ready.items() if change.params["waits"]}
    states = health.volumes(ctx.aws, region, waiting) if waiting else {}
    moved = {}
    for volume, change in waiting.items():
        effect, state = found[change.key], states.get(volume)
        if state is not None and state.initialised:
            facts = {**effect.facts, "initialised_at": tags.iso(ctx.now)}
            moved[change.key] = effect.model_copy(update={"facts": facts})
        else:
            due = ctx.now + timedelta(seconds=state.left_s) if state and state.left_s else None
            moved[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, due=due)
    return moved


def _recovery(change: Change, effect: Effect) -> Recovery:
    params: dict[str, Any] = change.params
    facts: dict[str, Any] = effect.facts
    slow = told([change.resource] if params.get("fast") and not facts.get("fast") else [])
    return Recovery(
        resource=change.resource,
        replacement=effect.id or "",
        region=change.region,
        zone_id=params["zone_id"],
        point=tags.point_time(params["point"]),
        ready_at=tags.point_time(facts.get("ready_at", "")) or effect.at,
        initialised_at=tags.point_time(facts.get("initialised_at", "")),
        note=" ".join([f"Restored from {params['snapshot']}; {change.resource} is kept as it is.", *slow]),
    )
