"""CreateSnapshot, CreateSnapshots, DeleteSnapshot.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2 import fast_restore, holds, quotas, tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.notices import announce_set, announce_snapshot
from chalicelib.sandbox.ec2.shapes import snapshot_shape
from chalicelib.sandbox.ec2.things import GIB
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several, tag_set, tag_specifications, truth
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.settings import Pace
from chalicelib.sandbox.weather.sky import Sky

FAILED = "An internal error occurred while the snapshot was being created."
FAILED_WITH_SET = "Another snapshot of the same multi-volume set failed."


def create_snapshot(call: Ec2Call) -> Tree:
    """Start a snapshot of one volume; it is pending for a while."""
    volume = call.volume(call.required("VolumeId"))
    wanted = tag_specifications(call.form, "snapshot")
    call.reach(volume.zone.name, volume.id)
    _check_volume(volume)
    quotas.check_snapshots(call, [volume])
    snapshot = _begin(call, volume, wanted)
    call.land.pending.append(snapshot)
    announce_snapshot(call, snapshot, "createSnapshot")
    return {**snapshot_shape(snapshot, wanted), "progress": ""}


def create_snapshots(call: Ec2Call) -> Tree:
    """Start snapshots of the volumes of an instance as one set: if one fails, all fail."""
    spec = call.form.get("InstanceSpecification", {})
    if not spec.get("InstanceId"):
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceSpecification.InstanceId")
    instance = call.instance(spec["InstanceId"])
    if instance.state_now[1] in {"terminated", "shutting-down"}:
        raise AwsError("IncorrectState", f"The instance '{instance.id}' is not in a state that allows snapshots.")
    call.reach(instance.availability_zone, instance.id)
    volumes = _members(call, instance, spec)
    wanted = tag_specifications(call.form, "snapshot")
    copied = call.text("CopyTagsFromSource") == "volume"
    quotas.check_snapshots(call, volumes)
    made = [_begin(call, volume, {**(_own_tags(call, volume) if copied else {}), **wanted}) for volume in volumes]
    _share_fate(made)
    call.land.pending.extend(made)
    announce_set(call, made)
    return {"snapshotSet": [_info(call, snapshot) for snapshot in made]}


def delete_snapshot(call: Ec2Call) -> Tree:
    """Delete a completed, failed or pending snapshot. A pending one still counts against its volume's limit.

    Refused are those that are locked or of a registered image, and those that are being copied (assumed).
    """
    snapshot = call.snapshot(call.required("SnapshotId"))
    holds.check_free(call, snapshot)
    call.land.backend.delete_snapshot(snapshot.id)
    snapshot.deleted = True
    if snapshot.ready_at_s <= call.sky.now_s:
        call.land.snapshots_of[snapshot.origin_volume].remove(snapshot)
    tags.forget(call.land, snapshot.id)
    fast_restore.forget(call.land, snapshot.id)
    return {"return": True}


def duration_s(sky: Sky, pace: Pace, gib: float, *what: object) -> float:
    """Return how long moving so many GiB takes, in virtual seconds, with the seed's jitter for `what`."""
    spread = 1 + pace.jitter * (2 * sky.draw("pace", *what) - 1)
    return (pace.base_s + gib / pace.gib_per_s) * spread


def _begin(call: Ec2Call, volume: Any, wanted: dict[str, str]) -> Any:
    sky = call.sky
    before = [s for s in call.land.snapshots_of.get(volume.id, []) if not s.deleted and not s.fails and not s.is_copy]
    snapshot = call.land.backend.create_snapshot(volume.id, call.text("Description") or "")
    snapshot.kms_key_id = volume.kms_key_id if volume.encrypted else None
    snapshot.incremental = bool(before)
    moved = snapshot.full_bytes / GIB * (sky.settings.incremental_share if before else 1.0)
    snapshot.ready_at_s = sky.now_s + duration_s(sky, sky.settings.snapshots, moved, snapshot.id)
    if volume.id in sky.settings.fail_snapshots:
        snapshot.fails = FAILED
    if wanted:
        call.land.backend.create_tags([snapshot.id], wanted)
    return snapshot


def _share_fate(made: list[Any]) -> None:
    failing = [s.ready_at_s for s in made if s.fails]
    for snapshot in made if failing else []:
        snapshot.ready_at_s = min(failing)
        snapshot.fails = snapshot.fails or FAILED_WITH_SET


def _check_volume(volume: Any) -> None:
    if volume.status not in {"available", "in-use"}:
        raise AwsError("IncorrectState", f"The volume '{volume.id}' is in the state '{volume.status}'.")


def _members(call: Ec2Call, instance: Any, spec: Tree) -> list[Any]:
    attached = {d: call.volume(b.volume_id) for d, b in instance.get_block_device_mapping}
    root = attached.get(instance.root_device_name)
    excluded = set(several(spec.get("ExcludeDataVolumeId")))
    for volume_id in excluded:
        if root is not None and volume_id == root.id:
            raise AwsError(
                "InvalidParameterValue", f"The root volume '{volume_id}' cannot be excluded as a data volume."
            )
        if volume_id not in {volume.id for volume in attached.values()}:
            raise AwsError("InvalidParameterValue", f"'{volume_id}' is not a data volume of '{instance.id}'.")
    if truth(spec.get("ExcludeBootVolume")) and root is not None:
        excluded.add(root.id)
    chosen = [volume for volume in attached.values() if volume.id not in excluded]
    if not chosen:
        raise AwsError("InvalidParameterValue", "At least one volume must be included in the snapshot set.")
    if len(chosen) > call.sky.settings.quotas.set_members:
        raise AwsError(
            "InvalidParameterValue",
            f"A multi-volume snapshot set holds at most {call.sky.settings.quotas.set_members} volumes.",
        )
    return chosen


def _own_tags(call: Ec2Call, volume: Any) -> dict[str, str]:
    own = call.land.backend.tags.get(volume.id, {})
    return {key: value for key, value in own.items() if not key.startswith("aws:")}


def _info(call: Ec2Call, snapshot: Any) -> Tree:
    return {
        "snapshotId": snapshot.id,
        "volumeId": snapshot.volume_id,
        "state": snapshot.status,
        "progress": "",
        "startTime": iso(snapshot.began_s),
        "ownerId": snapshot.owner_id,
        "volumeSize": snapshot.size,
        "description": snapshot.description or "",
        "encrypted": bool(snapshot.encrypted),
        "tagSet": tag_set(call.land.backend.tags.get(snapshot.id, {})),
    }
