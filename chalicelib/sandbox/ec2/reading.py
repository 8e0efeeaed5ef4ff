"""DescribeSnapshots, DescribeVolumes and DescribeInstances."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.sandbox.ec2 import tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.listing import Kind, listed
from chalicelib.sandbox.ec2.shapes import instance_shape, snapshot_shape, volume_shape
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, Land


def _missing(code: str, text: str) -> Callable[[str], AwsError]:
    return lambda thing_id: AwsError(code, text.format(thing_id))


def _yes(value: object) -> list[str]:
    return [str(bool(value)).lower()]


def _of_ids(store: Callable[[Land], dict[str, Any]]) -> Callable[[Land, list[str]], Iterable[Any]]:
    return lambda land, values: [store(land)[value] for value in values if value in store(land)]


def _snapshots(land: Land) -> dict[str, Any]:
    return land.backend.snapshots  # type: ignore[no-any-return]


def _volumes(land: Land) -> dict[str, Any]:
    return land.backend.volumes  # type: ignore[no-any-return]


def _instances(land: Land) -> dict[str, Any]:
    return land.instances


SNAPSHOTS = Kind(
    "snap",
    "SnapshotId",
    _snapshots,
    _missing("InvalidSnapshot.NotFound", "The snapshot '{}' does not exist."),
    "InvalidSnapshotID.Malformed",
    {
        "description": lambda s: [s.description or ""],
        "encrypted": lambda s: _yes(s.encrypted),
        "owner-id": lambda s: [s.owner_id],
        "progress": lambda s: [s.progress],
        "snapshot-id": lambda s: [s.id],
        "start-time": lambda s: [iso(s.began_s)],
        "status": lambda s: [s.status],
        "storage-tier": lambda s: [s.storage_tier],
        "volume-id": lambda s: [s.volume_id],
        "volume-size": lambda s: [str(s.size)],
    },
    {
        "snapshot-id": _of_ids(_snapshots),
        "volume-id": lambda land, values: (
            [s for v in values if v != "vol-ffffffff" for s in land.snapshots_of.get(v, []) if not s.deleted]
            if "vol-ffffffff" not in values
            else list(land.backend.snapshots.values())
        ),
    },
)


def _attachments_of(land: Land, instance_ids: list[str]) -> Iterable[Any]:
    for instance_id in instance_ids:
        instance = land.instances.get(instance_id)
        for _, block in instance.get_block_device_mapping if instance else []:
            yield land.backend.volumes[block.volume_id]


VOLUMES = Kind(
    "vol",
    "VolumeId",
    _volumes,
    _missing("InvalidVolume.NotFound", "The volume '{}' does not exist."),
    "InvalidVolumeID.Malformed",
    {
        "attachment.delete-on-termination": lambda v: [str(a.delete_on_termination).lower() for a in v.attachments],
        "attachment.device": lambda v: [a.device for a in v.attachments],
        "attachment.instance-id": lambda v: [a.instance_id for a in v.attachments],
        "attachment.status": lambda v: [a.status for a in v.attachments],
        "availability-zone": lambda v: [v.zone.name],
        "availability-zone-id": lambda v: [v.zone.zone_id],
        "create-time": lambda v: [iso(v.born_s)],
        "encrypted": lambda v: _yes(v.encrypted),
        "multi-attach-enabled": lambda v: _yes(v.multi_attach_enabled),
        "size": lambda v: [str(v.size)],
        "snapshot-id": lambda v: [v.snapshot_id or ""],
        "status": lambda v: [v.status],
        "volume-id": lambda v: [v.id],
        "volume-type": lambda v: [v.volume_type],
    },
    {"volume-id": _of_ids(_volumes), "attachment.instance-id": _attachments_of},
)

INSTANCES = Kind(
    "i",
    "InstanceId",
    _instances,
    _missing("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "InvalidInstanceID.Malformed",
    {
        "availability-zone": lambda i: [i.availability_zone],
        "client-token": lambda i: [i.client_token or ""],
        "iam-instance-profile.arn": lambda i: [(i.iam_instance_profile or {}).get("Arn", "")],
        "instance.group-id": lambda i: [g.id for g in i.security_groups],
        "block-device-mapping.device-name": lambda i: [d for d, _ in i.get_block_device_mapping],
        "block-device-mapping.volume-id": lambda i: [b.volume_id for _, b in i.get_block_device_mapping],
        "image-id": lambda i: [i.image_id],
        "instance-id": lambda i: [i.id],
        "instance-state-code": lambda i: [str(i.state_now[0])],
        "instance-state-name": lambda i: [i.state_now[1]],
        "instance-type": lambda i: [i.instance_type],
        "private-ip-address": lambda i: [i.private_ip_address],
        "root-device-name": lambda i: [i.root_device_name],
        "subnet-id": lambda i: [i.subnet_id],
        "vpc-id": lambda i: [i.vpc_id],
    },
    {"instance-id": _of_ids(_instances)},
)


def describe_snapshots(call: Ec2Call) -> Tree:
    """List snapshots; `self` and the account's number are the only owners there are."""
    owners = [str(value) for value in several(call.form.get("Owner"))]
    if owners and not {"self", ACCOUNT} & set(owners):
        return {"snapshotSet": []}
    page = listed(call, SNAPSHOTS)
    return {
        "snapshotSet": [snapshot_shape(s, tags.visible(call.land, s.id, witness=call.witness)) for s in page.things],
        "nextToken": page.token,
    }


def describe_volumes(call: Ec2Call) -> Tree:
    """List volumes."""
    page = listed(call, VOLUMES)
    return {
        "volumeSet": [volume_shape(v, tags.visible(call.land, v.id, witness=call.witness)) for v in page.things],
        "nextToken": page.token,
    }


def describe_instances(call: Ec2Call) -> Tree:
    """List instances, each in its reservation."""
    page = listed(call, INSTANCES)
    reservations: dict[str, Tree] = {}
    for instance in page.things:
        reservation_id = _reservation_of(call.land, instance)
        group = reservations.setdefault(
            reservation_id,
            {"reservationId": reservation_id, "ownerId": ACCOUNT, "groupSet": [], "instancesSet": []},
        )
        own = tags.visible(call.land, instance.id, witness=call.witness)
        group["instancesSet"].append(instance_shape(instance, own, call.land.backend.volumes))
    return {"reservationSet": list(reservations.values()), "nextToken": page.token}


def _reservation_of(land: Land, instance: Any) -> str:
    if not instance.reservation_id:
        for reservation in reversed(land.backend.reservations.values()):
            for member in reservation.instances:
                member.reservation_id = reservation.id
            if instance.reservation_id:
                break
    return str(instance.reservation_id)
