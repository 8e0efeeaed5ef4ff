"""How things look in EC2's answers; the names are botocore's service model of EC2."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.wire import Tree, tag_set
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT


def snapshot_shape(snapshot: Any, tags: dict[str, str]) -> Tree:
    """Return a snapshot as DescribeSnapshots shows it."""
    status = snapshot.status
    return {
        "snapshotId": snapshot.id,
        "volumeId": snapshot.volume_id,
        "status": status,
        "statusMessage": snapshot.fails if status == "error" else None,
        "startTime": iso(snapshot.began_s),
        "completionTime": iso(snapshot.ready_at_s) if status == "completed" else None,
        "progress": snapshot.progress,
        "ownerId": snapshot.owner_id,
        "volumeSize": snapshot.size,
        "fullSnapshotSizeInBytes": snapshot.full_bytes if status == "completed" else None,
        "description": snapshot.description or "",
        "encrypted": bool(snapshot.encrypted),
        "kmsKeyId": snapshot.kms_key_id,
        "storageTier": snapshot.storage_tier,
        "transferType": _transfer_type(snapshot),
        "completionDurationMinutes": snapshot.completion_minutes,
        "tagSet": tag_set(tags),
    }


def _transfer_type(snapshot: Any) -> str | None:
    if not snapshot.is_copy:
        return None
    return "time-based" if snapshot.completion_minutes else "standard"


def volume_shape(volume: Any, tags: dict[str, str]) -> Tree:
    """Return a volume as DescribeVolumes shows it."""
    return {
        "volumeId": volume.id,
        "size": volume.size,
        "snapshotId": volume.snapshot_id or "",
        "availabilityZone": volume.zone.name,
        "availabilityZoneId": volume.zone.zone_id,
        "status": volume.status,
        "createTime": iso(volume.born_s),
        "attachmentSet": [attachment_shape(hold) for hold in volume.attachments],
        "volumeType": volume.volume_type,
        "iops": volume.iops,
        "throughput": volume.throughput,
        "encrypted": bool(volume.encrypted),
        "kmsKeyId": volume.kms_key_id,
        "multiAttachEnabled": bool(volume.multi_attach_enabled),
        "volumeInitializationRate": volume.initialization_rate,
        "fastRestored": volume.fast_restored,
        "tagSet": tag_set(tags),
    }


def attachment_shape(hold: Any) -> Tree:
    """Return an attachment as volumes and the attach calls show it."""
    return {
        "volumeId": hold.volume_id,
        "instanceId": hold.instance_id,
        "device": hold.device,
        "status": hold.status,
        "attachTime": iso(hold.since_s),
        "deleteOnTermination": hold.delete_on_termination,
    }


def instance_shape(instance: Any, tags: dict[str, str], volumes: dict[str, Any]) -> Tree:
    """Return an instance as DescribeInstances shows it."""
    code, name = instance.state_now
    return {
        "instanceId": instance.id,
        "imageId": instance.image_id,
        "instanceState": {"code": code, "name": name},
        "privateDnsName": instance.private_dns_name,
        "dnsName": instance.public_dns_name or "",
        "reason": instance.state_transition_reason or "",
        "stateReason": _state_reason(instance, name),
        "keyName": instance.key_name,
        "amiLaunchIndex": instance.ami_launch_index,
        "instanceType": instance.instance_type,
        "launchTime": iso(instance.launch_time.timestamp() if instance.launch_time.tzinfo else _utc_s(instance)),
        "monitoring": {"state": instance.monitoring_state},
        **_place(instance),
        "architecture": instance.architecture,
        "rootDeviceType": "ebs",
        "rootDeviceName": instance.root_device_name,
        "blockDeviceMapping": _mappings(instance, volumes),
        "virtualizationType": "hvm",
        "hypervisor": instance.hypervisor,
        "clientToken": instance.client_token or "",
        "ebsOptimized": bool(instance.ebs_optimized),
        "enaSupport": True,
        "hibernationOptions": {"configured": bool((instance.hibernation_options or {}).get("Configured"))},
        "iamInstanceProfile": _profile(instance),
        "platformDetails": "Linux/UNIX",
        "tagSet": tag_set(tags),
    }


def _place(instance: Any) -> Tree:
    """Return where an instance is, and how it is reached."""
    zone = instance.ec2_backend.get_zone_by_name(instance.availability_zone)
    return {
        "placement": {
            "availabilityZone": instance.availability_zone,
            "availabilityZoneId": zone.zone_id if zone else None,
            "groupName": "",
            "tenancy": "default",
        },
        "subnetId": instance.subnet_id,
        "vpcId": instance.vpc_id,
        "privateIpAddress": instance.private_ip_address,
        "ipAddress": instance.public_ip,
        "sourceDestCheck": bool(instance.source_dest_check),
        "groupSet": [{"groupId": g.id, "groupName": g.name} for g in instance.security_groups],
        "networkInterfaceSet": [_interface(instance, nic) for nic in instance.nics.values()],
    }


def _state_reason(instance: Any, name: str) -> Tree | None:
    if instance.doomed and name == "terminated":
        return {"code": "Client.InternalError", "message": f"Client.InternalError: {instance.doomed}"}
    reason = instance.state_reason
    return {"code": reason.code, "message": reason.message} if reason and reason.code else None


def _profile(instance: Any) -> Tree | None:
    profile = instance.iam_instance_profile
    return {"arn": profile["Arn"], "id": profile.get("Id", "")} if profile and profile.get("Arn") else None


def _interface(instance: Any, nic: Any) -> Tree:
    return {
        "networkInterfaceId": nic.id,
        "subnetId": instance.subnet_id,
        "vpcId": instance.vpc_id,
        "ownerId": ACCOUNT,
        "status": "in-use",
        "privateIpAddress": nic.private_ip_address,
        "sourceDestCheck": bool(nic.source_dest_check),
        "groupSet": [{"groupId": g.id, "groupName": g.name} for g in instance.security_groups],
        "attachment": {"attachmentId": nic.attachment_id, "deviceIndex": nic.device_index, "status": "attached"},
    }


def _utc_s(instance: Any) -> float:
    from datetime import UTC

    return float(instance.launch_time.replace(tzinfo=UTC).timestamp())


def _mappings(instance: Any, volumes: dict[str, Any]) -> list[Tree]:
    shown = []
    for device, block in instance.get_block_device_mapping:
        volume = volumes.get(block.volume_id)
        if volume is None:
            continue
        for hold in volume.attachments:
            if hold.instance is instance:
                ebs = {
                    "volumeId": volume.id,
                    "status": hold.status,
                    "attachTime": iso(hold.since_s),
                    "deleteOnTermination": hold.delete_on_termination,
                    "volumeOwnerId": ACCOUNT if volume.multi_attach_enabled else None,
                }
                shown.append({"deviceName": device, "ebs": ebs})
    return shown
