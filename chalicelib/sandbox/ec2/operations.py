"""The EC2 operations that the sandbox answers itself; all others go to moto."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.ec2 import copies, holds, reading, snapshots, tagging, volumes
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, truth

Operation = Callable[[Ec2Call], Tree]

OPERATIONS: dict[str, Operation] = {
    "AttachVolume": volumes.attach_volume,
    "CopySnapshot": copies.copy_snapshot,
    "CreateSnapshot": snapshots.create_snapshot,
    "CreateSnapshots": snapshots.create_snapshots,
    "CreateTags": tagging.create_tags,
    "CreateVolume": volumes.create_volume,
    "DeleteSnapshot": snapshots.delete_snapshot,
    "DeleteTags": tagging.delete_tags,
    "DeleteVolume": volumes.delete_volume,
    "DescribeImages": holds.describe_images,
    "DescribeInstances": reading.describe_instances,
    "DescribeLockedSnapshots": holds.describe_locked_snapshots,
    "DescribeSnapshots": reading.describe_snapshots,
    "DescribeVolumeStatus": reading.describe_volume_status,
    "DescribeVolumes": reading.describe_volumes,
    "DetachVolume": volumes.detach_volume,
    "LockSnapshot": holds.lock_snapshot,
    "RegisterImage": holds.register_image,
}


def perform(call: Ec2Call) -> Tree:
    """Carry out a call.

    Raises:
        AwsError: EC2 refuses it; `DryRunOperation` means that it would have been allowed.
    """
    from moto.core.exceptions import ServiceException

    if truth(call.text("DryRun")):
        raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
    try:
        return OPERATIONS[call.operation](call)
    except ServiceException as refused:
        raise AwsError(str(refused.code), str(refused.message)) from None
