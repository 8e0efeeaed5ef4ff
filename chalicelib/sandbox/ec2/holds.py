"""What holds a snapshot so that it cannot be deleted: locks, images, copies under way.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html (images) and
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html (locks). Assumed are the code with which EC2
refuses to delete a locked snapshot, and that it refuses one that is being copied.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.weather.sky import ACCOUNT

BLOCKS = "block-device-mapping.snapshot-id"


def lock_snapshot(call: Ec2Call) -> Tree:
    """Lock a snapshot; there is no unlocking here, and locks do not expire."""
    snapshot = call.snapshot(call.required("SnapshotId"))
    snapshot.locked = True
    return {"snapshotId": snapshot.id, "lockState": call.required("LockMode")}


def describe_locked_snapshots(call: Ec2Call) -> Tree:
    """List all locks, on one page."""
    locked = [one for one in call.land.backend.snapshots.values() if one.locked]
    return {"snapshotSet": [{"snapshotId": s.id, "ownerId": ACCOUNT, "lockState": "governance"} for s in locked]}


def register_image(call: Ec2Call) -> Tree:
    """Register an image of snapshots."""
    for block in several(call.form.get("BlockDeviceMapping")):
        call.snapshot(str(block["Ebs"]["SnapshotId"]))
    image = call.land.backend.register_image(call.required("Name"), call.text("Description") or "")
    call.land.backend.snapshots.pop(image.ebs_snapshot.id, None)  # moto's own; the image is made of those named
    image.made_of = [str(block["Ebs"]["SnapshotId"]) for block in several(call.form.get("BlockDeviceMapping"))]
    return {"imageId": image.id}


def describe_images(call: Ec2Call) -> Tree:
    """List the account's own images that were registered here, on one page; by snapshots if that filter is given."""
    filters = {str(node["Name"]): several(node.get("Value")) for node in several(call.form.get("Filter"))}
    unknown = sorted(filters.keys() - {BLOCKS})
    if unknown:
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    wanted = filters.get(BLOCKS)
    images = [one for one in _images(call) if wanted is None or set(wanted) & set(one.made_of)]
    return {"imagesSet": [_shape(image) for image in images]}


def check_free(call: Ec2Call, snapshot: Any) -> None:
    """Refuse what must not be deleted.

    Raises:
        AwsError: the snapshot is locked (SnapshotLocked) or in use (InvalidSnapshot.InUse).
    """
    if snapshot.locked:
        raise AwsError("SnapshotLocked", f"The snapshot {snapshot.id} is locked and cannot be deleted.")
    for image in _images(call):
        if snapshot.id in image.made_of:
            raise AwsError("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {image.id}")
    mark = f":snapshot/{snapshot.id}"
    for land in call.sky.lands.values():
        for copy in land.copies:
            if copy.source_arn.endswith(mark) and copy.status == "pending" and not copy.deleted:
                raise AwsError("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is being copied.")


def _images(call: Ec2Call) -> list[Any]:
    return [one for one in call.land.backend.amis.values() if hasattr(one, "made_of")]


def _shape(image: Any) -> Tree:
    blocks = [{"deviceName": f"/dev/sd{chr(97 + n)}", "ebs": {"snapshotId": s}} for n, s in enumerate(image.made_of)]
    return {
        "imageId": image.id,
        "name": image.name,
        "imageState": "available",
        "imageOwnerId": ACCOUNT,
        "blockDeviceMapping": blocks,
    }
