"""Launches a replacement: the instance with all its volumes in one call.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html (client token; volumes and tags in
the same call).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import ApiCall, StepContext
from chalicelib.actions.ebs_fast_made import is_fast, slow_among
from chalicelib.actions.ec2_images import own_tags
from chalicelib.actions.ec2_parts import Asked, Part, found_in
from chalicelib.aws import health, listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation
from chalicelib.errors import ActionError, ErrorKind

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

STARTS_IN = timedelta(seconds=60)
LAG = timedelta(minutes=15)  # what is not listed this long after it was made is gone
# What says that another type or zone may do: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
NO_ROOM = frozenset(
    {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientFreeAddressesInSubnet", "Unsupported"}
)


class Launch(Part):
    """Launches the replacement of one instance."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        image = found_in(needs, "image_id")
        refusals: list[str] = []
        sites: Any = change.params["sites"]
        for number, site in enumerate(sites):
            try:
                with translated(f"the replacement of {change.resource} in {site['zone_id']}", sends=True):
                    client = ctx.aws.ec2(change.region, "once")
                    answer = client.run_instances(**_run(change, ctx, number, image))
            except ActionError as error:
                if error.details.get("aws_code") not in NO_ROOM:
                    raise
                refusals.append(f"{site['type']} in {site['zone_id']}: {error.details['aws_code']}")
                continue
            return _launched(Effect(), answer["Instances"][0], ctx.now, adopted=False, refusals=refusals)
        raise ActionError(
            "action.at_capacity",
            f"No zone has room for the replacement of {change.resource} ({'; '.join(refusals)}). It is tried again "
            "until the step's deadline. Other types are tried only when the runbook names them (`types`).",
            ErrorKind.BUSY,
            resource=change.resource,
        )

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        by_id = listing.instances_by_id(ctx.aws, region, [effect.id for _, effect in asked if effect.id])
        by_name = _by_effect([ctx.effect_id(change.key) for change, effect in asked if not effect.id], region, ctx)
        found: dict[str, Effect] = {}
        for change, effect in asked:
            shown = by_id.get(effect.id) if effect.id else by_name.get(ctx.effect_id(change.key))
            if shown is not None:
                known = effect if effect.id else _launched(effect, shown, ctx.now, adopted=True, refusals=[])
                found[change.key] = _seen(change, known, shown, ctx)
            elif effect.id and effect.at and ctx.now - effect.at > LAG:
                found[change.key] = _failed(change, effect, f"{effect.id} is no longer there", ctx.now)
        found |= _fast(found, asked, region, ctx)
        return found | _hydrated(found, asked, region, ctx)

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        image = None if change.params.get("image") else "<image>"
        asked = _run(change, ctx, 0, image)
        if "UserData" in asked:
            asked["UserData"] = f"<user data of {change.resource}>"
        return (ApiCall("ec2", "RunInstances", change.region, asked),)


def _run(change: Change, ctx: StepContext, number: int, image: str | None) -> dict[str, Any]:
    """Return the parameters of RunInstances for the site with this number; the token tells them apart."""
    params: dict[str, Any] = change.params
    site, base = params["sites"][number], dict(params["base"])
    if "UserData" in base:  # boto3 encodes what it is given
        base["UserData"] = base64.b64decode(base["UserData"])
    own = own_tags(change, ctx, change.resource)
    mine, _ = tags.merged(own, {} if ctx.drill else params["tags"])
    made = image or params.get("image")
    return {
        **base,
        **({"ImageId": made} if made else {}),
        "InstanceType": site["type"],
        "SubnetId": site["subnet"],
        "MinCount": 1,
        "MaxCount": 1,
        "BlockDeviceMappings": params["blocks"],
        "TagSpecifications": tags.for_kinds(mine, "instance") + tags.for_kinds(own, "volume"),
        "ClientToken": f"{ctx.effect_id(change.key)}-{number}",
    }


def _by_effect(names: Sequence[str], region: str, ctx: StepContext) -> dict[str, InstanceTypeDef]:
    """Return instances by the effect that they carry; of several the one that lives."""
    found: dict[str, InstanceTypeDef] = {}
    for some in listing.batches(sorted(names)):
        for one in listing.instances(ctx.aws, region, {f"tag:{tags.EFFECT}": some}):
            name = tags.of(one)[tags.EFFECT]
            if name not in found or found[name]["State"]["Name"] == "terminated":
                found[name] = one
    return found


def _launched(
    effect: Effect, instance: InstanceTypeDef, at: datetime, *, adopted: bool, refusals: Sequence[str]
) -> Effect:
    name = instance["InstanceId"]
    facts = {**effect.facts, **_facts(instance), **({"refused": list(refusals)} if refusals else {})}
    due = at + STARTS_IN
    return effect.moved(EffectState.PENDING, at, id=name, facts=facts, due=due, adopted=adopted)


def _facts(instance: InstanceTypeDef) -> dict[str, Any]:
    return {
        "instance_id": instance["InstanceId"],
        "private_ip": instance.get("PrivateIpAddress", ""),
        "zone": instance.get("Placement", {}).get("AvailabilityZone", ""),
        "type": instance.get("InstanceType", ""),
        "subnet": instance.get("SubnetId", ""),
    }


def _seen(change: Change, effect: Effect, instance: InstanceTypeDef, ctx: StepContext) -> Effect:
    state = instance["State"]["Name"]
    if state in {"terminated", "shutting-down", "stopped", "stopping"}:
        reason = instance.get("StateReason", {})
        why = reason.get("Message") or reason.get("Code") or "AWS gives no reason"
        return _failed(change, effect, f"{effect.id} is {state}: {why}", ctx.now)
    devices: Mapping[str, Any] = {
        block.get("DeviceName", ""): block.get("Ebs", {}) for block in instance.get("BlockDeviceMappings", [])
    }
    expected: dict[str, str] = dict(change.params["devices"])  # type: ignore[arg-type]
    attached = {d for d, ebs in devices.items() if ebs.get("Status") == "attached"}
    if state != "running" or not attached >= expected.keys():
        return effect.moved(EffectState.PENDING, effect.at or ctx.now, due=effect.due)
    volumes = {old: devices[device]["VolumeId"] for device, old in expected.items()}
    more = {**_facts(instance), "volumes": volumes, "every": sorted(ebs["VolumeId"] for ebs in devices.values())}
    facts = {**effect.facts, **more, "ready_at": effect.facts.get("ready_at") or tags.iso(ctx.now)}
    return effect.moved(EffectState.DONE, ctx.now, due=None, facts=facts, owes=_owed(change, ctx))


def _failed(change: Change, effect: Effect, why: str, now: datetime) -> Effect:
    message = f"The replacement of {change.resource} did not come up: {why}. Correct the cause and run again."
    return effect.moved(EffectState.FAILED, now, code="action.launch_failed", message=message)


def _owed(change: Change, ctx: StepContext) -> tuple[Obligation, ...]:
    """Return what is owed for a replacement: snapshots of what was lost, when it answers. Nothing in drills."""
    old = change.resource
    if ctx.drill:
        return ()
    keep = Change(
        key=f"keep.{old}",
        kind=ChangeKind.CREATE,
        resource=old,
        region=change.region,
        reason="What was written after the point that it was restored from is on its volumes only.",
        targets=(old,),
        params={"do": "keep", "instance": old},
    )
    why = (
        f"The volumes of {old} hold what was written after {change.params['point']}. They are kept, and snapshotted "
        f"as soon as {change.params['old_zone']} answers."
    )
    return (Obligation(name=f"keep.{old}", why=why, uses="ec2.fence_old", change=keep),)


def _fast(found: Mapping[str, Effect], asked: Asked, region: str, ctx: StepContext) -> dict[str, Effect]:
    """Note which volumes that were planned as fast are not, once AWS shows them."""
    planned = [c for c, _ in asked if c.params.get("fast") and c.key in found]
    planned = [change for change in planned if found[change.key].state is EffectState.DONE]
    ids = [volume for change in planned for volume in volumes_of(found[change.key])]
    listed = {v["VolumeId"]: v for v in listing.volumes_by(ctx.aws, region, "volume-id", ids, {})}
    moved = {}
    for change in planned:
        effect, expected = found[change.key], change.params["fast"]
        new: Any = effect.facts["volumes"]
        shown = {old: listed[volume] for old, volume in new.items() if volume in listed}
        if len(shown) < len(new):  # made a moment ago: it is listed soon
            moved[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, owes=())
            continue
        whole = {"initialised_at": effect.facts["ready_at"]} if all(map(is_fast, shown.values())) else {}
        facts = {**effect.facts, **whole, "slow": [*slow_among(map(str, expected), shown)]}  # type: ignore[arg-type]
        moved[change.key] = effect.model_copy(update={"facts": facts})
    return moved


def _hydrated(found: Mapping[str, Effect], asked: Asked, region: str, ctx: StepContext) -> dict[str, Effect]:
    """Hold back those that wait for all their data, and note when it was there."""
    waiting = [c for c, _ in asked if c.params.get("waits") and c.key in found]
    waiting = [change for change in waiting if found[change.key].state is EffectState.DONE]
    waiting = [change for change in waiting if "initialised_at" not in found[change.key].facts]
    ids = [volume for change in waiting for volume in volumes_of(found[change.key])]
    told = health.volumes(ctx.aws, region, ids) if ids else {}
    moved = {}
    for change in waiting:
        effect = found[change.key]
        states = [told[volume] for volume in volumes_of(effect) if volume in told]
        if all(state.initialised for state in states):
            facts = {**effect.facts, "initialised_at": tags.iso(ctx.now)}
            moved[change.key] = effect.model_copy(update={"facts": facts})
        else:
            left = max((state.left_s or 0 for state in states), default=0)
            due = ctx.now + timedelta(seconds=left) if left else None
            moved[change.key] = effect.moved(EffectState.PENDING, effect.at or ctx.now, due=due, owes=())
    return moved


def volumes_of(effect: Effect) -> list[str]:
    """Return the new volumes of a replacement that stand in for old ones."""
    volumes = effect.facts.get("volumes")
    return [str(one) for one in volumes.values()] if isinstance(volumes, dict) else []
