"""The EC2 operations that the sandbox answers itself; all others go to moto."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.ec2 import (
    addresses,
    capacity,
    copies,
    fast_restore,
    holds,
    images,
    launching,
    machines,
    reading,
    snapshots,
    statuses,
    subnets,
    tagging,
    volumes,
)
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, truth

Operation = Callable[[Ec2Call], Tree]

OPERATIONS: dict[str, Operation] = {
    "AllocateAddress": addresses.allocate_address,
    "AssociateAddress": addresses.associate_address,
    "AttachVolume": volumes.attach_volume,
    "CopySnapshot": copies.copy_snapshot,
    "CreateSnapshot": snapshots.create_snapshot,
    "CreateSnapshots": snapshots.create_snapshots,
    "CreateTags": tagging.create_tags,
    "CreateVolume": volumes.create_volume,
    "DeleteSnapshot": snapshots.delete_snapshot,
    "DeleteTags": tagging.delete_tags,
    "DeleteVolume": volumes.delete_volume,
    "DeregisterImage": images.deregister_image,
    "DescribeAddresses": addresses.describe_addresses,
    "DescribeFastSnapshotRestores": fast_restore.describe_fast_snapshot_restores,
    "DescribeCapacityReservations": capacity.describe_capacity_reservations,
    "DescribeImages": images.describe_images,
    "DescribeInstanceAttribute": machines.describe_instance_attribute,
    "DescribeInstanceStatus": statuses.describe_instance_status,
    "DescribeInstanceTypeOfferings": capacity.describe_instance_type_offerings,
    "DescribeInstances": reading.describe_instances,
    "DescribeLockedSnapshots": holds.describe_locked_snapshots,
    "DescribeSnapshots": reading.describe_snapshots,
    "DescribeSubnets": subnets.describe_subnets,
    "DescribeVolumeStatus": statuses.describe_volume_status,
    "DescribeVolumes": reading.describe_volumes,
    "DetachVolume": volumes.detach_volume,
    "DisableFastSnapshotRestores": fast_restore.disable_fast_snapshot_restores,
    "DisassociateAddress": addresses.disassociate_address,
    "EnableFastSnapshotRestores": fast_restore.enable_fast_snapshot_restores,
    "LockSnapshot": holds.lock_snapshot,
    "ModifyInstanceAttribute": machines.modify_instance_attribute,
    "RegisterImage": images.register_image,
    "ReleaseAddress": addresses.release_address,
    "RunInstances": launching.run_instances,
    "StartInstances": machines.start_instances,
    "StopInstances": machines.stop_instances,
    "TerminateInstances": machines.terminate_instances,
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
