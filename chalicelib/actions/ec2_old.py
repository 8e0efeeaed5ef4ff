"""ec2.fence_old: what is still owed about instances that were replaced, done as soon as their zone answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import ActionModel, ApiCall, StepContext
from chalicelib.actions.ec2_fencing import GONE, Fence
from chalicelib.actions.ec2_parts import Asked, Part, PartAction
from chalicelib.actions.ec2_removal import RemoveInput, RemoveOutput
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, Effect, EffectState, Plan

TAKES = timedelta(minutes=10)


class Keep(Part):
    """Snapshots all volumes of an old instance as one crash-consistent set; they belong to no retention."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        with translated(f"the volumes of {change.resource} in {change.region}", sends=True):
            answer = ctx.aws.ec2(change.region, "once").create_snapshots(**_snapshots(change, ctx))
        made = sorted(one["SnapshotId"] for one in answer["Snapshots"])
        return Effect(
            state=EffectState.PENDING,
            id=ctx.effect_id(change.key),
            at=ctx.now,
            due=ctx.now + TAKES,
            facts={"snapshots": list(made)},
        )

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        names = [ctx.effect_id(change.key) for change, _ in asked]
        shown = listing.instances_by_id(ctx.aws, region, [change.resource for change, _ in asked])
        every: dict[str, list[Any]] = {}
        for snapshot in listing.snapshots_by(ctx.aws, region, f"tag:{tags.EFFECT}", names, {}):
            every.setdefault(tags.of(snapshot)[tags.EFFECT], []).append(snapshot)
        found = {}
        for change, effect in asked:
            old, made = shown.get(change.resource), every.get(ctx.effect_id(change.key), [])
            if not made and (old is None or old.get("State", {}).get("Name") in GONE):
                message = f"{change.resource} is terminated; its volumes that are left are there as volumes."
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, message=message)
            elif made:
                found[change.key] = _kept(change, effect, made, ctx)
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        return (ApiCall("ec2", "CreateSnapshots", change.region, _snapshots(change, ctx)),)


def _snapshots(change: Change, ctx: StepContext) -> dict[str, Any]:
    own = {tags.EFFECT: ctx.effect_id(change.key), tags.RUN: ctx.run_id, tags.KEPT: change.resource}
    return {
        "InstanceSpecification": {"InstanceId": change.resource},
        "Description": f"Lifeboat {ctx.runbook}: kept of {change.resource} after it was replaced",
        "TagSpecifications": tags.for_snapshot(own),
    }


def _kept(change: Change, effect: Effect, made: Sequence[Mapping[str, Any]], ctx: StepContext) -> Effect:
    ids = sorted(one["SnapshotId"] for one in made)
    states = {one["State"] for one in made}
    known = {"id": ctx.effect_id(change.key), "facts": {"snapshots": list(ids)}}
    if states & {"error"}:
        message = f"The snapshots of {change.resource} ended in error ({', '.join(ids)}); its volumes are there."
        return effect.moved(EffectState.FAILED, ctx.now, code="action.snapshot_failed", message=message, **known)
    if states <= {"completed"}:
        message = f"The volumes of {change.resource} are kept as {', '.join(ids)}."
        return effect.moved(EffectState.DONE, ctx.now, due=None, message=message, **known)
    return effect.moved(EffectState.PENDING, effect.at or ctx.now, **known)


class FenceOld(PartAction[RemoveInput]):
    """Fence instances that were replaced and snapshot what is left on their volumes. No quantities.

    It is for what runs owe; no runbook may use it. Every call may be repeated: a fence that is up stays up, and
    snapshots carry the obligation's own tag and are found again.
    """

    name: ClassVar[str] = "ec2.fence_old"
    given: ClassVar[type[ActionModel]] = RemoveInput
    returns: ClassVar[type[ActionModel]] = RemoveOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeSnapshots",
        "ec2:ModifyInstanceAttribute",
        "ec2:StopInstances",
        "ec2:CreateSnapshots",
        "ec2:CreateTags",
    )
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "One describe per kind of resource and 200 of them; two calls per fence, one per snapshot set."
    )
    parts: ClassVar[Mapping[str, Part]] = {"fence": Fence(), "keep": Keep()}

    def plan(self, given: RemoveInput, ctx: StepContext) -> Plan:  # noqa: ARG002
        return Plan()

    def outputs(
        self,
        given: RemoveInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"removed": sorted(change.resource for change, effect in made if effect.state is EffectState.DONE)}
