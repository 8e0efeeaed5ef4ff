"""How things look in EC2's answers; the names are botocore's service model of EC2."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.wire import Tree, tag_set
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, overhead

RESTORE_MIB_PER_S = 60.0  # assumed pace at which a volume without a provisioned rate is read in from its snapshot


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


def volume_status_shape(volume: Any) -> Tree:
    """Return the health of a volume, and how far it is read in from its snapshot."""
    status: Tree = {
        "volumeId": volume.id,
        "availabilityZone": volume.zone.name,
        "availabilityZoneId": volume.zone.zone_id,
        "volumeStatus": {"status": "ok", "details": [{"name": "io-enabled", "status": "passed"}]},
        "actionsSet": [],
        "eventsSet": [],
    }
    if volume.snapshot_id:
        rate = volume.initialization_rate or RESTORE_MIB_PER_S
        whole_s = volume.size * 1024 / rate
        done_s = max(0.0, overhead().now_s - volume.ready_at_s)
        status["initializationStatusDetails"] = {
            "initializationType": "provisioned-rate" if volume.initialization_rate else "default",
            "progress": min(100, int(100 * done_s / whole_s)),
            "estimatedTimeToCompleteInSeconds": max(0, int(whole_s - done_s)) if volume.initialization_rate else None,
        }
    return status


def instance_shape(instance: Any, tags: dict[str, str], volumes: dict[str, Any]) -> Tree:
    """Return an instance as DescribeInstances shows it."""
    code, name = instance.state_now
    zone = instance.ec2_backend.get_zone_by_name(instance.availability_zone)
    return {
        "instanceId": instance.id,
        "imageId": instance.image_id,
        "instanceState": {"code": code, "name": name},
        "privateDnsName": instance.private_dns_name,
        "dnsName": instance.public_dns_name or "",
        "reason": instance.state_transition_reason or "",
        "amiLaunchIndex": instance.ami_launch_index,
        "instanceType": instance.instance_type,
        "launchTime": iso(instance.launch_time.timestamp() if instance.launch_time.tzinfo else _utc_s(instance)),
        "placement": {
            "availabilityZone": instance.availability_zone,
            "availabilityZoneId": zone.zone_id if zone else None,
            "groupName": "",
            "tenancy": "default",
        },
        "monitoring": {"state": instance.monitoring_state},
        "subnetId": instance.subnet_id,
        "vpcId": instance.vpc_id,
        "privateIpAddress": instance.private_ip_address,
        "sourceDestCheck": True,
        "groupSet": [{"groupId": g.id, "groupName": g.name} for g in instance.security_groups],
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
        "iamInstanceProfile": None,
        "tagSet": tag_set(tags),
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
