"""What holds a snapshot so that it cannot be deleted: locks, images, copies under way.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html (images) and
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html (locks). Assumed are the code with which EC2
refuses to delete a locked snapshot, and that it refuses one that is being copied.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.weather.sky import ACCOUNT


def lock_snapshot(call: Ec2Call) -> Tree:
    """Lock a snapshot; there is no unlocking here, and locks do not expire."""
    snapshot = call.snapshot(call.required("SnapshotId"))
    snapshot.locked = True
    return {"snapshotId": snapshot.id, "lockState": call.required("LockMode")}


def describe_locked_snapshots(call: Ec2Call) -> Tree:
    """List all locks, on one page."""
    locked = [one for one in call.land.backend.snapshots.values() if one.locked]
    return {"snapshotSet": [{"snapshotId": s.id, "ownerId": ACCOUNT, "lockState": "governance"} for s in locked]}


def check_free(call: Ec2Call, snapshot: Any) -> None:
    """Refuse what must not be deleted.

    Raises:
        AwsError: the snapshot is locked (SnapshotLocked) or in use (InvalidSnapshot.InUse).
    """
    if snapshot.locked:
        raise AwsError("SnapshotLocked", f"The snapshot {snapshot.id} is locked and cannot be deleted.")
    for image in call.land.backend.amis.values():
        if snapshot.id in getattr(image, "made_of", ()):
            raise AwsError("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {image.id}")
    mark = f":snapshot/{snapshot.id}"
    for land in call.sky.lands.values():
        for copy in land.copies:
            if copy.source_arn.endswith(mark) and copy.status == "pending" and not copy.deleted:
                raise AwsError("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is being copied.")
