"""Moves Elastic IP addresses and target registrations from one instance to another.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html (re-association is one call,
and may be repeated) and
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html (may be repeated too).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import ApiCall, Review, StepContext
from chalicelib.actions.ec2_parts import Asked, Part, found_in
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

ELB = "elbv2"
ALIVE = ("pending", "running")
LEAVING = frozenset({"draining", "unused"})


def addresses(ctx: StepContext, region: str, name: str, values: Sequence[str]) -> list[AddressTypeDef]:
    """Return the Elastic IP addresses that one filter finds.

    Raises:
        ActionError: AWS refused the read.
    """
    if not values:
        return []
    with translated(f"Elastic IP addresses in {region}"):
        answer = ctx.aws.ec2(region).describe_addresses(Filters=[{"Name": name, "Values": list(values)}])
    return answer["Addresses"]


def _to(change: Change, needs: Mapping[str, Effect], fact: str = "instance_id") -> str:
    """Return who gets it: named in the change, or the replacement that the change came after."""
    return str(change.params.get("to") or found_in(needs, fact) or "")


class Address(Part):
    """Moves an Elastic IP address."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        to = _to(change, needs)
        if not to:
            raise ActionError("action.source_missing", f"{change.resource}: there is no instance to give it to.")
        with translated(f"{change.resource} to {to}", sends=True):
            ctx.aws.ec2(change.region, "once").associate_address(**_associate(change, to))
        return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now, facts={"to": to})

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        region = asked[0][0].region
        listed = addresses(ctx, region, "allocation-id", [change.resource for change, _ in asked])
        now_at = {one.get("AllocationId", ""): one.get("InstanceId", "") for one in listed}
        unknown = [str(change.params["old"]) for change, _ in asked if not change.params.get("to")]
        instead = replacements(ctx, region, unknown)
        found = {}
        for change, effect in asked:
            there = now_at.get(change.resource, "")
            to = change.params.get("to") or instead.get(str(change.params["old"]), {}).get("instance_id")
            if there and there == to:
                facts = {**effect.facts, "to": there}
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=change.resource, facts=facts)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        listed = addresses(ctx, changes[0].region, "allocation-id", [change.resource for change in changes])
        now_at = {one.get("AllocationId", ""): one.get("InstanceId") or "" for one in listed}
        found = {}
        for change in changes:
            there = now_at.get(change.resource)
            if there is None:
                found[change.key] = Review("conflict", f"{change.resource} was released.")
            elif there and there == change.params.get("to"):
                found[change.key] = Review("moot", f"{change.resource} is with {there} already.")
            elif there not in {"", change.params["from"]}:
                why = f"{change.resource} is with {there} now, not with {change.params['from']}; it is left there."
                found[change.key] = Review("conflict", why)
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        to = _to(change, {}) or "<replacement>"
        return (ApiCall("ec2", "AssociateAddress", change.region, _associate(change, to)),)


def _associate(change: Change, to: str) -> dict[str, Any]:
    return {"AllocationId": change.resource, "InstanceId": to, "AllowReassociation": True}


class Targets(Part):
    """Registers one target with a target group in place of another."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        to = _to(change, needs, str(change.params["by"]))
        if not to:
            raise ActionError("action.source_missing", f"{change.resource}: there is no instance to register.")
        client = ctx.aws.client(ELB, change.region, "once")
        for operation, params in _registrations(change, to):
            with translated(f"{to} in {change.resource}", service="elasticloadbalancing", sends=True):
                getattr(client, operation)(**params)
        return Effect(state=EffectState.DONE, id=to, at=ctx.now, facts={"to": to})

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        unknown = [str(change.params["old"]) for change, _ in asked if not change.params.get("to")]
        instead = replacements(ctx, asked[0][0].region, unknown)
        found = {}
        for change, effect in asked:
            to = str(
                change.params.get("to") or instead.get(str(change.params["old"]), {}).get(str(change.params["by"]))
            )
            shown = health_of(ctx, change.region, str(change.params["group"]))
            there = {one for one, port, state in shown if port == change.params["port"] and state not in LEAVING}
            if to in there and change.params["from"] not in there:
                found[change.key] = effect.moved(EffectState.DONE, ctx.now, id=to, facts={**effect.facts, "to": to})
        return found

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        to = _to(change, {}) or "<replacement>"
        names = {"register_targets": "RegisterTargets", "deregister_targets": "DeregisterTargets"}
        return [ApiCall(ELB, names[o], change.region, params) for o, params in _registrations(change, to)]


def _registrations(change: Change, to: str) -> list[tuple[str, dict[str, Any]]]:
    params: dict[str, Any] = change.params
    group, port = params["group"], params["port"]
    return [
        ("register_targets", {"TargetGroupArn": group, "Targets": [{"Id": to, "Port": port}]}),
        ("deregister_targets", {"TargetGroupArn": group, "Targets": [{"Id": params["from"], "Port": port}]}),
    ]


def health_of(ctx: StepContext, region: str, group: str) -> list[tuple[str, int, str]]:
    """Return the targets of a group: id, port and state.

    Raises:
        ActionError: AWS refused the read.
    """
    with translated(f"targets of {group}", service="elasticloadbalancing"):
        answer = ctx.aws.client(ELB, region).describe_target_health(TargetGroupArn=group)
    return [
        (one["Target"]["Id"], one["Target"].get("Port", 0), one.get("TargetHealth", {}).get("State", ""))
        for one in answer["TargetHealthDescriptions"]
    ]


def groups_with(ctx: StepContext, region: str, ids: set[str]) -> list[tuple[str, str, int, str]]:
    """Return where instances (or their addresses) are registered: id, group's ARN, port and the group's name.

    One DescribeTargetGroups per 400 groups and one DescribeTargetHealth per group.

    Raises:
        ActionError: AWS refused a read.
    """
    client = ctx.aws.client(ELB, region)
    with translated(f"target groups in {region}", service="elasticloadbalancing"):
        pages = client.get_paginator("describe_target_groups").paginate()
        groups = [group for page in pages for group in page["TargetGroups"]]
    found = []
    for group in groups:
        if group.get("TargetType") not in {"instance", "ip"}:
            continue
        arn, name = group["TargetGroupArn"], group.get("TargetGroupName", "")
        shown = health_of(ctx, region, arn)
        found += [(one, arn, port, name) for one, port, state in shown if one in ids and state not in {"draining"}]
    return found


def replacements(ctx: StepContext, region: str, old: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the living replacements that this run launched, by the instance that they stand in for.

    Raises:
        ActionError: AWS refused a read.
    """
    found: dict[str, dict[str, str]] = {}
    for some in listing.batches(sorted(set(old)), listing.FILTER_VALUES - 3):
        wanted = {f"tag:{tags.RESTORED}": some, f"tag:{tags.RUN}": [ctx.run_id], "instance-state-name": ALIVE}
        for one in listing.instances(ctx.aws, region, wanted):
            known = {"instance_id": one["InstanceId"], "private_ip": one.get("PrivateIpAddress", "")}
            found[tags.of(one)[tags.RESTORED]] = known
    return found


def back(change: Change, effect: Effect, release: Change) -> list[Change]:
    """Return the changes that give an address or a registration back to the old instance, which is released first."""
    now_with = str(effect.facts.get("to") or "")
    if not now_with:
        return []
    return [
        release.model_copy(update={"key": f"{release.key}.{change.key}"[:200]}),
        Change(
            key=f"back.{change.key}"[:200],
            kind=ChangeKind.MODIFY,
            resource=change.resource,
            region=change.region,
            reason=f"It was moved to {now_with} by this run.",
            targets=(change.resource,),
            params={**change.params, "to": change.params["from"], "from": now_with},
        ),
    ]
