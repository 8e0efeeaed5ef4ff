"""Images whose root volume is a recovery point: registered for a launch, and deregistered when it is over.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html (no client token, but a
unique name). A snapshot cannot be deleted while an image is made of it, so the image must not stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.base import ApiCall, StepContext
from chalicelib.actions.ec2_parts import Asked, Part
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation

REGISTERS_IN = timedelta(seconds=15)
NEEDED_FOR = timedelta(hours=4)  # longer than a launch is tried


def own_tags(change: Change, ctx: StepContext, stands_for: str) -> dict[str, str]:
    """Return Lifeboat's own tags of what a change makes."""
    own = {tags.EFFECT: ctx.effect_id(change.key), tags.RUN: ctx.run_id, tags.RESTORED: stands_for}
    return own | ({tags.DRILL: ctx.run_id} if ctx.drill else {})


class Image(Part):
    """Registers an image whose root volume is a recovery point."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        with translated(f"an image for {change.resource}", sends=True):
            answer = ctx.aws.ec2(change.region, "once").register_image(**_register(change, ctx))
        return _registered(Effect(), answer["ImageId"], ctx.now, adopted=False)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        by_name = {ctx.effect_id(change.key): (change, effect) for change, effect in asked}
        found = {}
        for some in listing.batches(sorted(by_name)):
            with translated(f"images in {region}"):
                answer = ctx.aws.ec2(region).describe_images(
                    Owners=["self"], Filters=[{"Name": "name", "Values": some}]
                )
            for image in answer["Images"]:
                change, effect = by_name[image.get("Name", "")]
                found[change.key] = _image_seen(change, effect, image, ctx)
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        return (ApiCall("ec2", "RegisterImage", change.region, _register(change, ctx)),)


def _register(change: Change, ctx: StepContext) -> dict[str, Any]:
    params: dict[str, Any] = change.params
    return {
        "Name": ctx.effect_id(change.key),
        "Description": f"Lifeboat {ctx.runbook}: root of {change.resource} as of {params['point']}",
        **params["traits"],
        "BlockDeviceMappings": [{"DeviceName": params["traits"]["RootDeviceName"], "Ebs": params["ebs"]}],
        "TagSpecifications": tags.for_kinds(own_tags(change, ctx, change.resource), "image"),
    }


def _registered(effect: Effect, image_id: str, at: datetime, *, adopted: bool) -> Effect:
    facts = {**effect.facts, "image_id": image_id}
    return effect.moved(EffectState.PENDING, at, id=image_id, facts=facts, due=at + REGISTERS_IN, adopted=adopted)


def _image_seen(change: Change, effect: Effect, image: Mapping[str, Any], ctx: StepContext) -> Effect:
    now = ctx.now
    known = effect if effect.id else _registered(effect, image["ImageId"], now, adopted=True)
    state = image.get("State", "available")
    if state == "available":
        return known.moved(EffectState.DONE, now, due=None, owes=_owed(change, known, ctx))
    if state == "pending":
        return known.moved(EffectState.PENDING, known.at or now)
    reason = image.get("StateReason", {}).get("Message") or "AWS gives no reason"
    message = f"{known.id}, the image for {change.resource}, is {state}: {reason}. Run again."
    return known.moved(EffectState.FAILED, now, code="action.launch_failed", message=message)


def _owed(change: Change, effect: Effect, ctx: StepContext) -> tuple[Obligation, ...]:
    """Return that the image has to go when the launch is over. Nothing in drills, which take everything back."""
    if ctx.drill:
        return ()
    gone = Change(
        key=f"image.{change.resource}",
        kind=ChangeKind.DELETE,
        resource=str(effect.id),
        region=change.region,
        reason="It was registered for one launch only.",
        targets=(str(effect.id),),
        params={"do": "deregister", "image": effect.id, "effect": ctx.effect_id(change.key)},
    )
    why = f"{effect.id} was registered for the launch only; while it is there, the recovery point cannot expire."
    due = ctx.now + NEEDED_FOR
    return (Obligation(name=f"image.{change.resource}", why=why, due=due, uses="ec2.remove_restored", change=gone),)
