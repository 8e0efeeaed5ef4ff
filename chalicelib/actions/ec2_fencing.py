"""Fences instances that were replaced, so that what comes back with their zone does no harm; and lets them go again.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html (security groups) and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html. What it was before is kept as a tag on
the instance, so that a person can give it back without Lifeboat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import ApiCall, Review, StepContext
from chalicelib.actions.ec2_parts import Asked, Part
from chalicelib.aws import health, listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

STOP_TAKES = timedelta(seconds=60)
GONE = frozenset({"terminated", "shutting-down"})
STOPPED_BY_US = "stop"


def _name(change: Change) -> str:
    return str(change.params["instance"])


def _groups(instance: InstanceTypeDef) -> list[str]:
    return sorted(group.get("GroupId", "") for group in instance.get("SecurityGroups", []))


def _requests(change: Change) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls that fence: what it was is written down first."""
    params: dict[str, Any] = change.params
    name, isolate = params["instance"], params["how"] == "isolate"
    kept = "+".join(params["groups"])[: tags.VALUE_LENGTH] if isolate else STOPPED_BY_US
    fence = {"Groups": [params["isolation"]], "InstanceId": name} if isolate else {"InstanceIds": [name]}
    return [
        ("create_tags", {"Resources": [name], "Tags": tags.listed({tags.FENCED: kept})}),
        ("modify_instance_attribute" if isolate else "stop_instances", fence),
    ]


def api_calls(change: Change, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> list[ApiCall]:
    """Return calls as a person would make them."""
    return [
        ApiCall("ec2", "".join(word.title() for word in operation.split("_")), change.region, params)
        for operation, params in requests
    ]


class Fence(Part):
    """Isolates or stops an old instance. While its zone does not answer, that is an obligation of the run.

    An instance that fails its status checks is taken to be out of reach: no call is made to its zone then.
    """

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        name = _name(change)
        if change.params.get("defer"):
            state = health.instances(ctx.aws, change.region, [name])[name]
            if state == health.IMPAIRED:
                return deferred(change, ctx)
        client: Any = ctx.aws.ec2(change.region, "once")
        (_, tag), (operation, params) = _requests(change)
        with suppress(ActionError), translated(name, sends=True):
            client.create_tags(**tag)  # for people; the run knows it too, and a fence does not wait for a tag
        with translated(f"{name} in {change.region}", sends=True):
            getattr(client, operation)(**params)
        return Effect(state=EffectState.PENDING, id=name, at=ctx.now, due=ctx.now + STOP_TAKES)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        shown = listing.instances_by_id(ctx.aws, region, [_name(change) for change, _ in asked])
        found, open_ones = {}, []
        for change, effect in asked:
            seen = _fenced(change, effect, shown.get(_name(change)), ctx)
            if seen:
                found[change.key] = seen
            elif change.params.get("defer"):
                open_ones.append(change)
        told = health.instances(ctx.aws, region, [_name(c) for c in open_ones]) if open_ones else {}
        impaired = [change for change in open_ones if told[_name(change)] == health.IMPAIRED]
        return found | {change.key: deferred(change, ctx) for change in impaired}

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return api_calls(change, _requests(change))


def _fenced(change: Change, effect: Effect, instance: InstanceTypeDef | None, ctx: StepContext) -> Effect | None:
    name, facts = _name(change), {**effect.facts, "fenced": True}
    state = instance.get("State", {}).get("Name", "") if instance else "terminated"
    if instance is None or state in GONE:
        return effect.moved(EffectState.DONE, ctx.now, id=name, facts=facts, due=None, message=f"{name} is terminated.")
    isolated = change.params["how"] == "isolate" and _groups(instance) == [change.params["isolation"]]
    if isolated or (change.params["how"] == "stop" and state == "stopped"):
        said = "isolated" if isolated else "stopped"
        return effect.moved(EffectState.DONE, ctx.now, id=name, facts=facts, due=None, message=f"{name} is {said}.")
    if change.params["how"] == "stop" and state == "stopping":
        return effect.moved(EffectState.PENDING, effect.at or ctx.now, id=name, due=ctx.now + STOP_TAKES / 2)
    return None


def deferred(change: Change, ctx: StepContext) -> Effect:
    """Return the effect of a fence that cannot be put up now: it is owed, and the old instance is out of reach."""
    name = _name(change)
    how = "isolated" if change.params["how"] == "isolate" else "stopped"
    owed = Obligation(
        name=f"fence.{name}",
        why=f"{name} was replaced and is to be {how}; its zone {change.params['zone_id']} does not answer yet. Give "
        "nothing back to it before.",
        uses="ec2.fence_old",
        change=change.model_copy(
            update={"key": f"fence.{name}", "after": (), "params": {**change.params, "defer": False}}
        ),
    )
    message = f"{name} is out of reach: it is {how} as soon as {change.params['zone_id']} answers."
    return Effect(state=EffectState.DONE, id=name, at=ctx.now, facts={"fenced": False}, message=message, owes=(owed,))


def release_of(change: Change) -> Change:
    """Return the change that lets a fenced instance go again."""
    name = _name(change)
    return Change(
        key=f"release.{name}",
        kind=ChangeKind.MODIFY,
        resource=name,
        region=change.region,
        reason="It was fenced by this run.",
        targets=(name,),
        params={**change.params, "do": "release"},
    )


class Release(Part):
    """Gives a fenced instance back its groups, or starts it again."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        client: Any = ctx.aws.ec2(change.region, "once")
        for operation, params in _releases(change):
            with translated(f"{_name(change)} in {change.region}", sends=True):
                getattr(client, operation)(**params)
        return Effect(state=EffectState.PENDING, id=_name(change), at=ctx.now, due=ctx.now + STOP_TAKES)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        shown = listing.instances_by_id(ctx.aws, asked[0][0].region, [_name(change) for change, _ in asked])
        found = {}
        for change, effect in asked:
            instance = shown.get(_name(change))
            if instance is not None and _free(change, instance):
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=_name(change), due=None)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        shown = listing.instances_by_id(ctx.aws, changes[0].region, [_name(change) for change in changes])
        found = {}
        for change in changes:
            instance = shown.get(_name(change))
            if instance is None or instance.get("State", {}).get("Name") in GONE:
                found[change.key] = Review("conflict", f"{_name(change)} is terminated: there is nothing to release.")
            elif _free(change, instance):
                found[change.key] = Review("moot", f"{_name(change)} is not fenced.")
            elif tags.HANDS_OFF in tags.of(instance):
                found[change.key] = Review("conflict", f"{_name(change)} is tagged {tags.HANDS_OFF}; it is left alone.")
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return api_calls(change, _releases(change))


def _releases(change: Change) -> list[tuple[str, dict[str, Any]]]:
    params: dict[str, Any] = change.params
    name, isolated = params["instance"], params["how"] == "isolate"
    free = {"InstanceId": name, "Groups": params["groups"]} if isolated else {"InstanceIds": [name]}
    return [
        ("modify_instance_attribute" if isolated else "start_instances", free),
        ("delete_tags", {"Resources": [name], "Tags": [{"Key": tags.FENCED}]}),
    ]


def _free(change: Change, instance: InstanceTypeDef) -> bool:
    if change.params["how"] == "isolate":
        return _groups(instance) != [change.params["isolation"]]
    return instance.get("State", {}).get("Name") in {"running", "pending"}
