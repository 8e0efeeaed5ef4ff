"""CreateVolume, DeleteVolume, AttachVolume, DetachVolume.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html and its neighbours; error codes:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.sandbox.ec2 import fast_restore, keys, tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.notices import announce_volume
from chalicelib.sandbox.ec2.shapes import attachment_shape, volume_shape
from chalicelib.sandbox.ec2.wire import MISMATCH, AwsError, Tree, tag_specifications, truth

SMALLEST_GIB = {"st1": 125, "sc1": 125, "io1": 4, "io2": 4}
RATES = range(100, 301)  # MiB/s: https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html
LARGEST_GIB = {"io2": 65536, "gp3": 65536, "standard": 1024}


def create_volume(call: Ec2Call) -> Tree:
    """Create a volume, empty or from a snapshot; `creating` for a while. A repeated ClientToken makes no second one."""
    token = call.text("ClientToken")
    asked = fingerprint(call.form)
    if token and token in call.land.tokens:
        return _again(call, token, asked)
    zone = _zone(call)
    call.reach(zone, token)
    wanted = tag_specifications(call.form, "volume")
    volume = made(call, zone, checked(call))
    if wanted:
        call.land.backend.create_tags([volume.id], wanted)
    if token:
        call.land.tokens[token] = (asked, volume.id)
    announce_volume(call, volume)
    return _created(volume, wanted)


@dataclass(frozen=True)
class Wanted:
    """A volume that may be made: all that is asked for is there, and the size fits. `wrong_key` shows later only."""

    snapshot: Any
    size: int
    key_arn: str | None
    wrong_key: str | None


def checked(call: Ec2Call) -> Wanted:
    """Check what is asked for in the fields of CreateVolume, and make nothing.

    Raises:
        AwsError: it cannot be made.
    """
    snapshot = _snapshot(call)
    size = _size(call, snapshot)
    _check_rate(call, snapshot)
    return Wanted(snapshot, size, *_key(call, snapshot))


def made(call: Ec2Call, zone: str, wanted: Wanted) -> Any:
    """Make the volume that was checked, in a zone given by name."""
    volume = _make(call, zone, wanted.snapshot, wanted.size, wanted.key_arn)
    volume.fails = wanted.wrong_key
    return volume


def delete_volume(call: Ec2Call) -> Tree:
    """Delete a volume that is attached nowhere."""
    volume = call.volume(call.required("VolumeId"))
    call.reach(volume.zone.name, volume.id)
    holds = volume.attachments
    if holds:
        raise AwsError("VolumeInUse", f"Volume {volume.id} is currently attached to {holds[0].instance_id}")
    call.land.backend.delete_volume(volume.id)
    tags.forget(call.land, volume.id)
    return {"return": True}


def _again(call: Ec2Call, token: str, asked: str) -> Tree:
    before, volume_id = call.land.tokens[token]
    if before != asked:
        raise AwsError("IdempotentParameterMismatch", MISMATCH)
    volume = call.volume(volume_id)
    return _created(volume, call.land.backend.tags.get(volume_id, {}))


def _created(volume: Any, tags: dict[str, str]) -> Tree:
    """Return a volume as CreateVolume shows it, which does not tell whether it is fast."""
    return {name: value for name, value in volume_shape(volume, tags).items() if name != "fastRestored"}


def fingerprint(form: Tree) -> str:
    """Return what a request asks for, to be compared with that of a repeated client token."""
    return repr(sorted((key, repr(value)) for key, value in form.items() if key not in {"ClientToken", "DryRun"}))


def _zone(call: Ec2Call) -> str:
    name, zone_id = call.text("AvailabilityZone"), call.text("AvailabilityZoneId")
    if name and zone_id:
        raise AwsError(
            "InvalidParameterCombination", "Specify either AvailabilityZone or AvailabilityZoneId, but not both."
        )
    if not name and not zone_id:
        raise AwsError("MissingParameter", "The request must contain the parameter AvailabilityZone")
    for zone in call.land.backend.describe_availability_zones():
        if name == zone.name or zone_id == zone.zone_id:
            return str(zone.name)
    raise AwsError("InvalidZone.NotFound", f"The zone '{name or zone_id}' does not exist.")


def _snapshot(call: Ec2Call) -> Any:
    snapshot_id = call.text("SnapshotId")
    if not snapshot_id:
        return None
    snapshot = call.snapshot(snapshot_id)
    if snapshot.status != "completed":
        raise AwsError("IncorrectState", f"Snapshot '{snapshot_id}' is not 'completed'.")
    return snapshot


def _size(call: Ec2Call, snapshot: Any) -> int:
    size, kind = call.number_of("Size"), call.text("VolumeType") or "gp2"
    if size is None and snapshot is None:
        raise AwsError("MissingParameter", "The request must contain the parameter size/snapshot")
    if size is None:
        size = int(snapshot.size)
    if snapshot is not None and size < snapshot.size:
        raise AwsError(
            "InvalidParameterValue",
            f"Volume of {size}GiB is smaller than snapshot '{snapshot.id}', expect size >= {snapshot.size}GiB.",
        )
    smallest, largest = SMALLEST_GIB.get(kind, 1), LARGEST_GIB.get(kind, 16384)
    if not smallest <= size <= largest:
        raise AwsError(
            "InvalidParameterValue",
            f"Volume size of {size}GiB is invalid for the type {kind}: use {smallest}GiB to {largest}GiB.",
        )
    return size


def _check_rate(call: Ec2Call, snapshot: Any) -> None:
    rate = call.number_of("VolumeInitializationRate")
    if rate is not None and (snapshot is None or rate not in RATES):
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({rate}) for parameter VolumeInitializationRate is invalid: 100 to 300 MiB/s, from a snapshot.",
        )


def _key(call: Ec2Call, snapshot: Any) -> tuple[str | None, str | None]:
    asked, encrypted = call.text("KmsKeyId"), truth(call.text("Encrypted"))
    if asked and not encrypted:
        raise AwsError(
            "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set."
        )
    if snapshot is not None and snapshot.encrypted:
        return keys.resolve(call.land, asked or snapshot.kms_key_id or keys.default_key(call.land))
    if encrypted:
        return keys.resolve(call.land, asked or keys.default_key(call.land))
    return None, None


def _make(call: Ec2Call, zone: str, snapshot: Any, size: int, key_arn: str | None) -> Any:
    volume = call.land.backend.create_volume(
        size=size,
        zone_name=zone,
        snapshot_id=snapshot.id if snapshot is not None else None,
        encrypted=key_arn is not None,
        kms_key_id=key_arn,
        volume_type=call.text("VolumeType") or "gp2",
        iops=call.number_of("Iops"),
        throughput=call.number_of("Throughput"),
        multi_attach_enabled=truth(call.text("MultiAttachEnabled")),
    )
    if volume.volume_type == "gp3" and not volume.throughput:
        volume.throughput = 125
    volume.initialization_rate = call.number_of("VolumeInitializationRate")
    if snapshot is not None:
        volume.ready_at_s = call.sky.now_s + call.sky.settings.volume_restore_s
        volume.hydration_bytes = snapshot.full_bytes
        unrated = volume.initialization_rate is None  # a rate is used instead, and takes no credit
        volume.fast_restored = unrated and fast_restore.taken(call.land, snapshot.id, zone, call.sky.now_s)
    return volume


def attach_volume(call: Ec2Call) -> Tree:
    """Attach a volume to an instance in the same zone; `attaching` for a while."""
    volume = call.volume(call.required("VolumeId"))
    instance = call.instance(call.required("InstanceId"))
    device = call.required("Device")
    call.reach(instance.availability_zone, volume.id)
    _check_attachable(call, volume, instance, device)
    hold = call.land.backend.attach_volume(volume.id, instance.id, device)
    return attachment_shape(hold)


def _check_attachable(call: Ec2Call, volume: Any, instance: Any, device: str) -> None:
    if instance.state_now[1] not in {"running", "stopped"}:
        raise AwsError("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if volume.status not in {"available", "in-use"}:
        raise AwsError("IncorrectState", f"{volume.id} is not 'available'.")
    if volume.zone.name != instance.availability_zone:
        raise AwsError(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'",
        )
    holds = volume.attachments
    if holds and (not volume.multi_attach_enabled or any(h.instance is instance for h in holds)):
        raise AwsError("VolumeInUse", f"{volume.id} is already attached to an instance")
    if len(holds) >= call.sky.settings.quotas.multi_attach:
        raise AwsError("AttachmentLimitExceeded", f"{volume.id} is attached to the maximum number of instances.")
    for _, block in instance.get_block_device_mapping:
        call.land.backend.volumes[block.volume_id].let_go()
    if device in instance.block_device_mapping:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
        )


def detach_volume(call: Ec2Call) -> Tree:
    """Detach a volume; the id alone will do unless several instances hold it. `detaching` for a while."""
    volume = call.volume(call.required("VolumeId"))
    instance_id, device = call.text("InstanceId"), call.text("Device")
    holds = [h for h in volume.attachments if h.gone_at_s is None and instance_id in {None, h.instance_id}]
    if not holds:
        raise AwsError("IncorrectState", f"Volume '{volume.id}' is in the '{volume.status}' state.")
    if len(holds) > 1:
        raise AwsError("InvalidParameterValue", f"{volume.id} is attached to several instances: name one.")
    if device is not None and device != holds[0].device:
        raise AwsError("InvalidAttachment.NotFound", f"The volume '{volume.id}' is not attached as {device}.")
    call.reach(volume.zone.name, volume.id)
    holds[0].gone_at_s = call.sky.now_s + call.sky.settings.detach_s
    return attachment_shape(holds[0])
