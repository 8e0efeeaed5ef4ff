"""ec2.launch_replacements: brings stateful instances back in another zone, with their volumes in the same call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import ActionModel, Review, StepContext, Undo
from chalicelib.actions.ebs_fast_made import told
from chalicelib.actions.ec2_fencing import Fence, release_of
from chalicelib.actions.ec2_images import Image
from chalicelib.actions.ec2_launching import Launch, volumes_of
from chalicelib.actions.ec2_moving import Address, Targets, back
from chalicelib.actions.ec2_parts import Part, PartAction
from chalicelib.actions.ec2_replacement_given import LaunchReplacementsInput, LaunchReplacementsOutput
from chalicelib.actions.ec2_replacement_plan import planned
from chalicelib.actions.ec2_replacement_review import reviewed
from chalicelib.actions.ec2_volume_tags import VolumeTags, divergence
from chalicelib.aws import tags
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Plan
from chalicelib.domain.recovery import Recovery, shown

REMOVE = "ec2.remove_restored"


class LaunchReplacements(PartAction[LaunchReplacementsInput]):
    """Launch replacements of stateful instances of a zone, with their volumes from the newest complete set.

    Sizes are GiB, rates MiB/s, times UTC. Instances of Auto Scaling groups are never touched. Type, groups, profile,
    key, user data and tags are those recorded (or the launch template's); volumes come with the launch, as their points
    tell; the root comes from an image that is registered for it and deregistered hours later. The first zone with room
    is taken; other types are tried only after AWS refused the own one everywhere for capacity, and only those named.

    Then the old instance is fenced. One that fails its status checks is taken to be out of reach: its fence, and
    snapshots of its volumes, are owed by the run and done as soon as its zone answers. Only after that do Elastic IP
    addresses and target registrations move. Old volumes are kept.

    An instance that is healthy again when it comes to it is left alone, and one that has a living replacement gets no
    second one. A set that is older than `max_age` asks a person first.
    """

    name: ClassVar[str] = "ec2.launch_replacements"
    given: ClassVar[type[ActionModel]] = LaunchReplacementsInput
    returns: ClassVar[type[ActionModel]] = LaunchReplacementsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAddresses",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeFastSnapshotRestores",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceAttribute",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeSnapshots",
        "ec2:DescribeSubnets",
        "ec2:DescribeVolumes",
        "ec2:DescribeVolumeStatus",
        "ec2:AssociateAddress",
        "ec2:CreateTags",
        "ec2:ModifyInstanceAttribute",
        "ec2:RegisterImage",
        "ec2:RunInstances",
        "ec2:StopInstances",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:RegisterTargets",
        "iam:PassRole",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    )
    within: ClassVar[timedelta] = timedelta(hours=2)
    review_every_s: ClassVar[int | None] = 0
    later: ClassVar[tuple[str, ...]] = ("ec2.fence_old", "ec2.remove_restored")
    lease: ClassVar[str | None] = "recovery"
    rehearsable: ClassVar[bool] = True
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones once, DescribeInstances per 1,000 and again per 196, DescribeInstanceStatus "
        "per 100, DescribeVolumes per 200, DescribeSnapshots twice per 199 volumes, DescribeKey per key and instance, "
        "DescribeSubnets and DescribeInstanceTypeOfferings once, DescribeInstanceAttribute twice per instance, "
        "DescribeAddresses per 200, DescribeTargetGroups once, DescribeTargetHealth per target group; with "
        "`initialised_within` DescribeFastSnapshotRestores once. Review: three describes per 200. Apply, per instance: "
        "RegisterImage, RunInstances (once more for each zone or type that has no room), CreateTags per volume, "
        "StopInstances or ModifyInstanceAttribute, two calls per registration, one per address. Observe: one describe "
        "per kind and 200."
    )
    parts: ClassVar[Mapping[str, Part]] = {
        "image": Image(),
        "launch": Launch(),
        "tags": VolumeTags(),
        "fence": Fence(),
        "address": Address(),
        "targets": Targets(),
    }

    def plan(self, given: LaunchReplacementsInput, ctx: StepContext) -> Plan:
        return planned(given, ctx)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        first = [change for change in changes if change.params["do"] in {"image", "launch"}]
        return {**super().review(changes, needs, ctx), **(reviewed(first, ctx) if first else {})}

    def outputs(
        self,
        given: LaunchReplacementsInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,
    ) -> dict[str, Any]:
        done = [
            (change, effect)
            for change, effect in made
            if change.params["do"] == "launch" and effect.state is EffectState.DONE and effect.id
        ]
        return {
            "replacements": {change.resource: effect.id for change, effect in done},
            "launched": sorted(effect.id for _, effect in done if effect.id),
            "volumes": sorted(volume for _, effect in done for volume in volumes_of(effect)),
            "recovered": shown(_recovery(change, effect, ctx) for change, effect in done),
        }

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:
        if not effect.id:
            return Undo()
        do = str(change.params["do"])
        if do == "image":
            return Undo(by=REMOVE, changes=(_gone(change, "deregister", "image", effect.id, ctx),))
        if do == "launch":
            every: Any = effect.facts.get("every") or []
            volumes = [_gone(change, "delete_volume", "volume", str(one), ctx) for one in every]
            return Undo(by=REMOVE, changes=(_gone(change, "terminate", "instance", effect.id, ctx), *volumes))
        if do == "fence":
            return Undo(by=REMOVE, changes=(release_of(change),))
        if do in {"address", "targets"}:
            return Undo(by=REMOVE, changes=tuple(back(change, effect, release_of(change))))
        return Undo()  # tags go with the volumes that have them


def _gone(change: Change, do: str, kind: str, name: str, ctx: StepContext) -> Change:
    return Change(
        key=f"{do}.{name}",
        kind=ChangeKind.DELETE,
        resource=name,
        region=change.region,
        reason=f"It was made for {change.resource} by this run.",
        targets=(name,),
        params={"do": do, kind: name, "effect": ctx.effect_id(change.key)},
    )


def _recovery(change: Change, effect: Effect, ctx: StepContext) -> Recovery:
    params: dict[str, Any] = change.params
    facts: dict[str, Any] = effect.facts
    return Recovery(
        resource=change.resource,
        replacement=effect.id or "",
        region=change.region,
        zone_id=_zone_of(params, facts),
        point=tags.point_time(params["point"]),
        ready_at=tags.point_time(facts.get("ready_at", "")) or effect.at or ctx.now,
        initialised_at=tags.point_time(facts.get("initialised_at", "")),
        note=" ".join(_notes(params, facts, ctx)),
    )


def _zone_of(params: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the zone's ID of the site that was taken: the one with the type and subnet that it has."""
    subnet = facts.get("subnet")
    return next((str(site["zone_id"]) for site in params["sites"] if site["subnet"] == subnet), "")


def _notes(params: Mapping[str, Any], facts: Mapping[str, Any], ctx: StepContext) -> list[str]:
    notes = [f"Its private address is {facts.get('private_ip')}, no longer {params['old_address']}."]
    since = divergence(params["point"], ctx.troubled_since or ctx.started_at)
    refused = facts.get("refused")
    taken = [f"AWS had no room: {'; '.join(refused)}."] if refused else []
    return [*notes, *([since] if since else []), *taken, *told(facts.get("slow", ())), *params["notes"]]
