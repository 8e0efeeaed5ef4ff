"""ebs.attach_volumes: volumes to stopped instances, under the device names that were recorded.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachVolume.html (no client token; volume and
instance are in one zone; a device name is free or refused).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.ebs_restoring import RestoredVolume, source_of
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Failure, Plan
from chalicelib.domain.types import InstanceId, VolumeId
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, VolumeTypeDef

ATTACH_S = 15  # until the first look
LAG = timedelta(minutes=15)  # what is not attached by then will not be


class Attachment(ActionModel):
    """One volume and where it belongs."""

    volume_id: VolumeId = Field(description="The volume, available and in the instance's zone.")
    instance_id: InstanceId = Field(description="The stopped instance.")
    device: str = Field(min_length=1, description="The device name, such as `/dev/sdf`; it must be free.")


class AttachVolumesInput(ActionModel):
    """Which volumes go to which instances."""

    volumes: list[RestoredVolume | Attachment] = Field(
        description="The stream of `ebs.restore_volumes`, or volumes with instance and device."
    )
    instances: dict[InstanceId, InstanceId] = Field(
        default_factory=dict,
        description="Which instance stands in for which recorded one; else the recorded one.",
    )


class AttachVolumesOutput(ActionModel):
    """What was attached."""

    attached: list[VolumeId] = Field(description="The volumes that are attached.")
    instances: list[InstanceId] = Field(description="The instances that have them.")


class AttachVolumes(Action[AttachVolumesInput]):
    """Attach volumes to stopped instances under their recorded device names. No quantities.

    Immediately before each attachment it is read again: the instance is stopped, in the volume's zone and has the
    device name free, and the volume is available. What is already attached as wanted is moot; what is attached
    elsewhere is a conflict and left alone, so that no volume is ever attached twice.
    """

    name: ClassVar[str] = "ebs.attach_volumes"
    given: ClassVar[type[ActionModel]] = AttachVolumesInput
    returns: ClassVar[type[ActionModel]] = AttachVolumesOutput
    permissions: ClassVar[tuple[str, ...]] = ("ec2:AttachVolume", "ec2:DescribeVolumes", "ec2:DescribeInstances")
    within: ClassVar[timedelta] = timedelta(hours=1)
    review_every_s: ClassVar[int | None] = 0
    later: ClassVar[tuple[str, ...]] = ("ec2.remove_restored",)
    lease: ClassVar[str | None] = "recovery"
    calls: ClassVar[str] = (
        "Review: DescribeVolumes and DescribeInstances per 200. Apply: AttachVolume per volume. Observe: "
        "DescribeVolumes per 200."
    )

    def plan(self, given: AttachVolumesInput, ctx: StepContext) -> Plan:
        changes, failures = [], []
        for one in given.volumes:
            made = _change(one, given.instances, ctx.region)
            if isinstance(made, Failure):
                failures.append(made)
            else:
                changes.append(made)
        unique = {change.key: change for change in changes}
        return Plan(changes=tuple(unique.values()), failures=tuple(failures))

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        region = changes[0].region
        wanted = {change.key: source_of(change, needs).get("volume_id") for change in changes}
        ids = sorted(str(one) for one in wanted.values() if one)
        volumes = {v["VolumeId"]: v for v in listing.volumes_by(ctx.aws, region, "volume-id", ids, {})}
        hosts = sorted({str(change.params["instance"]) for change in changes})
        instances = listing.instances_by_id(ctx.aws, region, hosts)
        found: dict[str, Review] = {}
        taken: set[tuple[str, str]] = set()
        for change in changes:
            volume = volumes.get(str(wanted[change.key]))
            review = _reviewed(change, volume, instances.get(str(change.params["instance"])), taken)
            if review:
                found[change.key] = review
            else:
                taken.add(_place(change))
        return found

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        request = _request(change, needs)
        if not request["VolumeId"]:
            raise ActionError("action.source_missing", f"There is no restored volume of {change.resource} to attach.")
        with translated(f"{request['VolumeId']} to {request['InstanceId']}", sends=True):
            ctx.aws.ec2(change.region, "once").attach_volume(**request)
        return Effect(
            state=EffectState.PENDING,
            id=request["VolumeId"],
            at=ctx.now,
            due=ctx.now + timedelta(seconds=ATTACH_S),
            facts={"volume_id": request["VolumeId"]},
        )

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        request = _request(change, {})
        return (
            ApiCall("ec2", "AttachVolume", change.region, {**request, "VolumeId": request["VolumeId"] or "<restored>"}),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        """Look by instance and device, since an attachment carries no tag; the volume says the rest."""
        found: dict[str, Effect] = {}
        for region in sorted({change.region for change, _ in asked}):
            here = [(change, effect) for change, effect in asked if change.region == region]
            hosts = sorted({str(change.params["instance"]) for change, _ in here})
            volumes = listing.volumes_by(ctx.aws, region, "attachment.instance-id", hosts, {})
            for change, effect in here:
                seen = _seen(change, effect, volumes, ctx) or _overdue(change, effect, ctx)
                if seen:
                    found[change.key] = seen
        return found

    def outputs(
        self,
        given: AttachVolumesInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        done = [(change, effect) for change, effect in made if effect.state is EffectState.DONE]
        return {
            "attached": sorted(effect.id for _, effect in done if effect.id),
            "instances": sorted({str(change.params["instance"]) for change, _ in done}),
        }

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        if not effect.id:
            return Undo()
        instance, device = _place(change)
        inverse = Change(
            key=f"detach.{effect.id}.{instance}",
            kind=ChangeKind.DISRUPT,
            resource=effect.id,
            region=change.region,
            reason=f"It was attached to {instance} by this run.",
            targets=(effect.id,),
            params={"do": "detach", "volume": effect.id, "instance": instance, "device": device},
        )
        return Undo(by="ec2.remove_restored", changes=(inverse,))


def _change(one: RestoredVolume | Attachment, instead: Mapping[str, str], region: str) -> Change | Failure:
    restored = isinstance(one, RestoredVolume)
    item = one.model_dump(mode="json")
    recorded = one.instance_id
    instance = instead.get(recorded or "", recorded)
    name = one.source_volume if isinstance(one, RestoredVolume) else one.volume_id
    if not instance or not one.device:
        return Failure(
            resource=name,
            code="action.no_device",
            message=f"{name} was attached to no instance when its point was made, so it is not known where it belongs. "
            "Name volume_id, instance_id and device instead.",
        )
    return Change(
        key=f"attach.{name}" if restored else f"attach.{name}.{instance}",  # one of Multi-Attach goes to several
        kind=ChangeKind.MODIFY,
        resource=name,
        region=region,
        reason=f"To {instance} as {one.device}.",
        after=(one.made_by,) if isinstance(one, RestoredVolume) and one.made_by else (),
        targets=(name,),
        params={"item": item if restored else {**item, "item": name}, "instance": instance, "device": one.device},
        order=f"{instance} {one.device}",
    )


def _place(change: Change) -> tuple[str, str]:
    return str(change.params["instance"]), str(change.params["device"])


def _request(change: Change, needs: Mapping[str, Effect]) -> dict[str, Any]:
    instance, device = _place(change)
    return {"VolumeId": source_of(change, needs).get("volume_id") or "", "InstanceId": instance, "Device": device}


def _reviewed(
    change: Change, volume: VolumeTypeDef | None, instance: InstanceTypeDef | None, taken: set[tuple[str, str]]
) -> Review | None:
    """Return why an attachment must not be made; None when it may."""
    host, device = _place(change)
    if volume is None:
        return Review("conflict", f"The volume for {change.resource} is not there in {change.region}.")
    name = volume["VolumeId"]
    held = [(a.get("InstanceId", ""), a.get("Device", "")) for a in volume.get("Attachments", [])]
    if (host, device) in held:
        return Review("moot", f"{name} is attached to {host} as {device} already.")
    if held and not volume.get("MultiAttachEnabled"):
        return Review("conflict", f"{name} is attached to {held[0][0]} as {held[0][1]}; it is left there.")
    if volume["State"] not in {"available", "in-use"}:
        return Review("conflict", f"{name} is {volume['State']}, not available.")
    if instance is None:
        return Review("conflict", f"There is no instance {host} in {change.region}.")
    return _refused(change, volume, instance, taken)


def _refused(
    change: Change, volume: VolumeTypeDef, instance: InstanceTypeDef, taken: set[tuple[str, str]]
) -> Review | None:
    host, device = _place(change)
    state, name = instance.get("State", {}).get("Name", ""), volume["VolumeId"]
    zone = instance.get("Placement", {}).get("AvailabilityZone", "")
    if tags.HANDS_OFF in tags.of(instance):
        return Review("conflict", f"{host} is tagged {tags.HANDS_OFF}; it is left alone.")
    if state != "stopped":
        return Review("conflict", f"{host} is {state}; volumes are attached to stopped instances only. Stop it first.")
    if zone != volume["AvailabilityZone"]:
        return Review("conflict", f"{name} is in {volume['AvailabilityZone']} and {host} in {zone}; restore it there.")
    used = {block.get("DeviceName", "") for block in instance.get("BlockDeviceMappings", [])}
    if device in used or (host, device) in taken:
        return Review("conflict", f"{host} has another volume as {device}; detach it first if that is meant.")
    return None


def _seen(change: Change, effect: Effect, volumes: Sequence[VolumeTypeDef], ctx: StepContext) -> Effect | None:
    host, device = _place(change)
    for volume in volumes:
        for one in volume.get("Attachments", []):
            if (one.get("InstanceId"), one.get("Device")) != (host, device):
                continue
            if effect.id and effect.id != volume["VolumeId"]:
                why = f"{host} has {volume['VolumeId']} as {device} instead of {effect.id}."
                return effect.moved(EffectState.CONFLICT, ctx.now, message=why)
            if not effect.id and not _meant(change, volume):
                return effect.moved(EffectState.CONFLICT, ctx.now, message=f"{host} has another volume as {device}.")
            facts = {**effect.facts, "volume_id": volume["VolumeId"]}
            state = EffectState.DONE if one.get("State") == "attached" else EffectState.PENDING
            adopted = effect.adopted or not effect.id
            at = ctx.now if state is EffectState.DONE else effect.at or ctx.now
            return effect.moved(state, at, id=volume["VolumeId"], facts=facts, due=None, adopted=adopted)
    return None


def _overdue(change: Change, effect: Effect, ctx: StepContext) -> Effect | None:
    if not effect.id or effect.at is None or ctx.now - effect.at < LAG:
        return None
    message = f"{effect.id} was not attached to {_place(change)[0]} within {LAG}. Look at its events, and run again."
    return effect.moved(EffectState.FAILED, ctx.now, code="action.attach_failed", message=message)


def _meant(change: Change, volume: VolumeTypeDef) -> bool:
    """Return True when a volume found where an attachment was intended is the one that was meant."""
    item: dict[str, str] = dict(change.params["item"])  # type: ignore[arg-type]
    known = item.get("volume_id")
    return volume["VolumeId"] == known if known else tags.of(volume).get(tags.RESTORED) == item.get("source_volume")
