"""Which volumes are snapshotted together: one crash-consistent set per instance, a multi-attach volume in exactly one.

CreateSnapshots takes all volumes of an instance but those excluded; at most 40 data volumes can be excluded:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceSpecification.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_points import SnapshotItem, own_tags
from chalicelib.actions.ebs_selection import Selection, attached_to
from chalicelib.aws import tags
from chalicelib.aws.zones import Zones
from chalicelib.domain.change import Change, ChangeKind, Failure
from chalicelib.domain.manifest import Manifest, VolumeFacts

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, VolumeTypeDef

EXCLUDED_AT_MOST = 40
GONE_STATES = frozenset({"shutting-down", "terminated"})

Instances = Mapping[str, "InstanceTypeDef"]


@dataclass(frozen=True)
class Group:
    """Volumes of one point: those selected of an instance, or a single one (then the instance may be None)."""

    how: str  # `set` (CreateSnapshots) or `single` (CreateSnapshot)
    instance: InstanceTypeDef | None
    volumes: Sequence[VolumeTypeDef]

    @property
    def key(self) -> str:
        """The change's key: the instance of a set, the volume of a single one."""
        return self.instance["InstanceId"] if self.how == "set" and self.instance else self.volumes[0]["VolumeId"]


def grouped(volumes: Sequence[VolumeTypeDef], instances: Instances, *, together: bool) -> list[Group]:
    """Return the points to make: sets by instance id, then single volumes by id.

    Args:
        volumes: What was selected.
        instances: The instances that they are attached to, as far as AWS shows them.
        together: False makes every volume a point of its own.
    """
    alive = {key: each for key, each in instances.items() if _state(each) not in GONE_STATES}
    homes = _homes(volumes, alive)
    sets: dict[str, list[VolumeTypeDef]] = {}
    singles: list[Group] = []
    for volume in volumes:
        home = homes.get(volume["VolumeId"])
        if home and together:
            sets.setdefault(home, []).append(volume)
        else:
            singles.append(Group("single", alive[home] if home else None, [volume]))
    return [Group("set", alive[home], members) for home, members in sorted(sets.items())] + singles


def _state(instance: InstanceTypeDef) -> str:
    return instance.get("State", {}).get("Name", "")


def _homes(volumes: Iterable[VolumeTypeDef], alive: Instances) -> dict[str, str]:
    """Return the one instance that each attached volume goes with.

    A multi-attach volume joins the instance that has most selected volumes of its own, then the one with the smallest
    id: the same estate always gives the same sets.
    """
    candidates = {v["VolumeId"]: sorted(set(attached_to(v)) & alive.keys()) for v in volumes}
    own: dict[str, int] = {}
    for found in candidates.values():
        if len(found) == 1:
            own[found[0]] = own.get(found[0], 0) + 1
    return {
        volume_id: min(found, key=lambda one: (-own.get(one, 0), one))
        for volume_id, found in candidates.items()
        if found
    }


def root_of(instance: InstanceTypeDef | None) -> str | None:
    """Return the id of an instance's root volume; None when it has none on EBS."""
    if instance is None:
        return None
    device = instance.get("RootDeviceName")
    for block in instance.get("BlockDeviceMappings", []):
        if block.get("DeviceName") == device:
            return block.get("Ebs", {}).get("VolumeId")
    return None


def attached_ids(instance: InstanceTypeDef) -> list[str]:
    """Return the ids of all volumes that an instance has, selected or not."""
    found = (block.get("Ebs", {}).get("VolumeId") for block in instance.get("BlockDeviceMappings", []))
    return sorted(one for one in found if one)


def manifest_of(group: Group, zones: Zones) -> Manifest:
    """Return what a restore of a group needs to know."""
    instance_id = group.instance["InstanceId"] if group.instance else None
    root = root_of(group.instance)
    facts = tuple(
        VolumeFacts(
            volume_id=volume["VolumeId"],
            device=attached_to(volume).get(instance_id or "", ""),
            type=volume.get("VolumeType", "gp3"),
            size_gib=volume.get("Size", 0),
            iops=volume.get("Iops"),
            throughput_mib_s=volume.get("Throughput"),
            encrypted=volume.get("Encrypted", False),
            kms_key=volume.get("KmsKeyId"),
            boot=volume["VolumeId"] == root,
            multi_attach=volume.get("MultiAttachEnabled", False),
        )
        for volume in group.volumes
    )
    return Manifest(instance_id=instance_id, zone_id=zones.id_of(group.volumes[0]["AvailabilityZone"]), volumes=facts)


def change_of(
    group: Group, selection: Selection, policy: str, ctx: StepContext, *, expires: bool = False
) -> tuple[Change, str]:
    """Return the change that makes a group's point, and a note about inherited tags ("" when all fit)."""
    manifest = manifest_of(group, selection.zones)
    ids = [volume["VolumeId"] for volume in group.volumes]
    effect_id = ctx.effect_id(group.key)
    facts = {"policy": policy, "set_id": effect_id, "set_size": len(ids), "point": tags.iso(ctx.now)}
    most = {**facts, "expires": facts["point"] if expires else None}
    inherit, note = _inheritance(group, own_tags(ctx, effect_id, most, manifest))
    items = _items(group, selection.region, policy, effect_id, manifest)
    params: dict[str, Any] = {
        "how": group.how,
        "instance_id": group.instance["InstanceId"] if group.instance else None,
        "root": root_of(group.instance),
        "attached": attached_ids(group.instance) if group.instance else [],
        "selected": ids,
        "policy": policy,
        "inherit": inherit,
    }
    change = Change(
        key=group.key,
        kind=ChangeKind.CREATE,
        resource=group.key,
        region=selection.region,
        reason=_reason(group, policy),
        targets=tuple(ids),
        params=params,
        yields=tuple(item.model_dump(mode="json", exclude={"made_by"}) for item in items),
        size_gib=sum(item.size_gib for item in items),
        order=group.key,
        weight=len(ids),
    )
    return change, note


def _items(group: Group, region: str, policy: str, set_id: str, manifest: Manifest) -> list[SnapshotItem]:
    return [
        SnapshotItem(
            item=volume["VolumeId"],
            volume_id=volume["VolumeId"],
            size_gib=volume.get("Size", 0),
            region=region,
            policy=policy,
            set_id=set_id,
            set_size=len(group.volumes),
            encrypted=volume.get("Encrypted", False),
            tags=tags.of_user(tags.of(volume)),
            manifest=manifest.only(volume["VolumeId"]),
        )
        for volume in group.volumes
    ]


def _reason(group: Group, policy: str) -> str:
    if group.how == "set":
        count = len(group.volumes)
        return f"One crash-consistent set of {count} volume{'s' * (count > 1)} for policy {policy}."
    return f"A snapshot of its own for policy {policy}."


def _inheritance(group: Group, own: Mapping[str, str]) -> tuple[bool, str]:
    """Return whether AWS may copy the volumes' tags to a set, and what to tell the reader if tags are lost."""
    each = [tags.of(volume) for volume in group.volumes]
    if group.how == "single":
        _, dropped = tags.merged(own, each[0])
        return False, f"{group.key}: no room for the tags {', '.join(dropped)} on its snapshot." if dropped else ""
    foreign = any(key.startswith(tags.PREFIX) for one in each for key in one)
    full = any(len(own) + len(tags.of_user(one)) > tags.TAGS_PER_RESOURCE for one in each)
    if not (foreign or full):
        return True, ""
    why = f"a volume carries tags that begin with {tags.PREFIX}" if foreign else "AWS allows 50 tags"
    return False, f"{group.key}: the volumes' own tags are not copied to the snapshots, since {why}."


def refusal(group: Group, most: int) -> Failure | None:
    """Return why a group cannot be one set; it is never split, since a split set is not consistent.

    Args:
        group: The volumes of one instance, or a single one.
        most: Volumes that AWS allows in one set.
    """
    if group.how != "set" or group.instance is None:
        return None
    count = len(group.volumes)
    chosen = {volume["VolumeId"] for volume in group.volumes}
    excluded = set(attached_ids(group.instance)) - chosen - {root_of(group.instance)}
    if count > most:
        why = f"has {count} selected volumes, and AWS makes consistent sets of at most {most}"
    elif len(excluded) > EXCLUDED_AT_MOST:
        why = f"has {len(excluded)} data volumes that are not selected, and AWS excludes at most {EXCLUDED_AT_MOST}"
    else:
        return None
    return Failure(
        resource=group.key,
        code="action.set_too_large",
        message=f"{group.key} {why}; it is not split, since the parts would not be consistent. Select otherwise, raise "
        "LIFEBOAT_LIMITS__SNAPSHOTS_PER_SET if AWS raised yours, or use `consistency: volume`.",
    )
