"""ec2.remove_restored: takes back what a recovery made, only where AWS's tag and the recorded id agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.ec2_fencing import Release
from chalicelib.actions.ec2_moving import Address, Targets
from chalicelib.actions.ec2_parts import Asked, Part, PartAction
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, Effect, EffectState, Plan

GONE = frozenset({"terminated"})
TAKES = timedelta(seconds=60)


def _of(change: Change, name: str) -> str:
    return str(change.params[name])


def _foreign(change: Change, shown: Mapping[str, Any], name: str, ctx: StepContext) -> Review | None:
    """Return the conflict when a resource is not what this run recorded that it made."""
    own = tags.of(shown)
    if (own.get(tags.EFFECT), own.get(tags.RUN)) == (_of(change, "effect"), ctx.run_id):
        return None
    return Review(
        "conflict",
        f"{name} does not carry the tags of run {ctx.run_id} any more ({tags.EFFECT}, {tags.RUN}): somebody has taken "
        "it over. It is left alone; delete it by hand if it is not needed.",
    )


class Terminate(Part):
    """Terminates an instance that this run launched."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        name = _of(change, "instance")
        with translated(name, sends=True):
            ctx.aws.ec2(change.region, "once").terminate_instances(InstanceIds=[name])
        return Effect(state=EffectState.PENDING, id=name, at=ctx.now, due=ctx.now + TAKES)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        shown = listing.instances_by_id(ctx.aws, region, [_of(change, "instance") for change, _ in asked])
        found = {}
        for change, effect in asked:
            name = _of(change, "instance")
            state = shown[name]["State"]["Name"] if name in shown else "terminated"
            if state in GONE:
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=name, due=None)
            elif state == "shutting-down":
                found[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, id=name)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        shown = listing.instances_by_id(ctx.aws, changes[0].region, [_of(c, "instance") for c in changes])
        found = {}
        for change in changes:
            name = _of(change, "instance")
            if name not in shown:
                found[change.key] = Review("moot", f"{name} is gone already.")
            elif tags.HANDS_OFF in tags.of(shown[name]):
                found[change.key] = Review("conflict", f"{name} is tagged {tags.HANDS_OFF}; it is left alone.")
            else:
                review = _foreign(change, shown[name], name, ctx)
                found |= {change.key: review} if review else {}
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return (ApiCall("ec2", "TerminateInstances", change.region, {"InstanceIds": [_of(change, "instance")]}),)


class DeleteVolume(Part):
    """Deletes a volume that this run made."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        name = _of(change, "volume")
        with translated(name, sends=True):
            ctx.aws.ec2(change.region, "once").delete_volume(VolumeId=name)
        return Effect(state=EffectState.DONE, id=name, at=ctx.now)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        names = [_of(change, "volume") for change, _ in asked]
        shown = {v["VolumeId"] for v in listing.volumes_by(ctx.aws, region, "volume-id", names, {})}
        return {
            change.key: effect.moved(EffectState.DONE, ctx.now, id=_of(change, "volume"))
            for change, effect in asked
            if _of(change, "volume") not in shown
        }

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        names = [_of(change, "volume") for change in changes]
        listed = listing.volumes_by(ctx.aws, changes[0].region, "volume-id", names, {})
        shown = {volume["VolumeId"]: volume for volume in listed}
        found = {}
        for change in changes:
            name = _of(change, "volume")
            if name not in shown:
                found[change.key] = Review("moot", f"{name} is gone already.")
                continue
            held = shown[name].get("Attachments", [])
            review = _foreign(change, shown[name], name, ctx)
            if held and not review:
                why = f"{name} is attached to {held[0].get('InstanceId')}; it is left alone."
                review = Review("conflict", why)
            found |= {change.key: review} if review else {}
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return (ApiCall("ec2", "DeleteVolume", change.region, {"VolumeId": _of(change, "volume")}),)


class Deregister(Part):
    """Deregisters an image that this run registered; its snapshots stay."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        name = _of(change, "image")
        with translated(name, sends=True):
            ctx.aws.ec2(change.region, "once").deregister_image(ImageId=name)
        return Effect(state=EffectState.DONE, id=name, at=ctx.now)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        shown = images(ctx, asked[0][0].region, [_of(change, "image") for change, _ in asked])
        return {
            change.key: effect.moved(EffectState.DONE, ctx.now, id=_of(change, "image"))
            for change, effect in asked
            if _of(change, "image") not in shown
        }

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        shown = images(ctx, changes[0].region, [_of(change, "image") for change in changes])
        found: dict[str, Review] = {}
        for change in changes:
            name = _of(change, "image")
            review = (
                _foreign(change, shown[name], name, ctx)
                if name in shown
                else Review("moot", f"{name} is gone already.")
            )
            found |= {change.key: review} if review else {}
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return (ApiCall("ec2", "DeregisterImage", change.region, {"ImageId": _of(change, "image")}),)


class Detach(Part):
    """Detaches a volume that this run attached."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        name = _of(change, "volume")
        with translated(name, sends=True):
            ctx.aws.ec2(change.region, "once").detach_volume(**_detached(change))
        return Effect(state=EffectState.PENDING, id=name, at=ctx.now, due=ctx.now + TAKES / 4)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        held = _held(ctx, [change for change, _ in asked])
        found = {}
        for change, effect in asked:
            state = held.get((_of(change, "volume"), _of(change, "instance")))
            if state is None:
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=_of(change, "volume"), due=None)
            elif state == "detaching":
                found[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, id=_of(change, "volume"))
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        held = _held(ctx, changes)
        return {
            change.key: Review("moot", f"{_of(change, 'volume')} is not attached to {_of(change, 'instance')}.")
            for change in changes
            if (_of(change, "volume"), _of(change, "instance")) not in held
        }

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return (ApiCall("ec2", "DetachVolume", change.region, _detached(change)),)


def _detached(change: Change) -> dict[str, Any]:
    return {"VolumeId": _of(change, "volume"), "InstanceId": _of(change, "instance"), "Device": _of(change, "device")}


def _held(ctx: StepContext, changes: Sequence[Change]) -> dict[tuple[str, str], str]:
    names = [_of(change, "volume") for change in changes]
    listed = listing.volumes_by(ctx.aws, changes[0].region, "volume-id", names, {})
    return {
        (v["VolumeId"], a.get("InstanceId", "")): a.get("State", "") for v in listed for a in v.get("Attachments", [])
    }


def images(ctx: StepContext, region: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return this account's images by id, as far as they are there; by filter, 200 a call.

    Raises:
        ActionError: AWS refused a read.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for some in listing.batches(sorted(set(ids))):
        with translated(f"images in {region}"):
            answer = ctx.aws.ec2(region).describe_images(
                Owners=["self"], Filters=[{"Name": "image-id", "Values": some}]
            )
        found |= {image["ImageId"]: image for image in answer["Images"]}
    return found


class RemoveInput(ActionModel):
    """Nothing: runbooks do not use it."""


class RemoveOutput(ActionModel):
    """What was taken back."""

    removed: list[str]


class RemoveRestored(PartAction[RemoveInput]):
    """Take back what a recovery made or moved: instances, volumes, images, addresses, targets and fences.

    No quantities. It is for undoing and for what drills leave behind; no runbook may use it. Only what carries the
    run's own tags and is what the run recorded is terminated or deleted.
    """

    name: ClassVar[str] = "ec2.remove_restored"
    given: ClassVar[type[ActionModel]] = RemoveInput
    returns: ClassVar[type[ActionModel]] = RemoveOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:TerminateInstances",
        "ec2:DeleteVolume",
        "ec2:DeregisterImage",
        "ec2:DetachVolume",
        "ec2:StartInstances",
        "ec2:ModifyInstanceAttribute",
        "ec2:DeleteTags",
        "ec2:AssociateAddress",
        "ec2:DescribeAddresses",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeVolumes",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:DeregisterTargets",
    )
    within: ClassVar[timedelta] = timedelta(hours=1)
    review_every_s: ClassVar[int | None] = 0
    rehearsable: ClassVar[bool] = True
    calls: ClassVar[str] = "One describe per kind of resource and 200 of them; one call per resource."
    parts: ClassVar[Mapping[str, Part]] = {
        "terminate": Terminate(),
        "delete_volume": DeleteVolume(),
        "deregister": Deregister(),
        "detach": Detach(),
        "release": Release(),
        "address": Address(),
        "targets": Targets(),
    }

    def plan(self, given: RemoveInput, ctx: StepContext) -> Plan:  # noqa: ARG002
        return Plan()

    def outputs(
        self,
        given: RemoveInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"removed": sorted(effect.id for _, effect in made if effect.state is EffectState.DONE and effect.id)}
