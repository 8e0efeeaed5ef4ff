"""EBS's limits on snapshots and copies under way.

Sources: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html and the AWS knowledge centre on
snapshots that are stuck (15 seconds between snapshots of one volume; deleted and failed ones still count).
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError


def check_snapshots(call: Ec2Call, volumes: list[Any]) -> None:
    """Refuse snapshots of these volumes beyond the limits. All or none: nothing is counted before all fit.

    A witness, who sets tests up, has no limits.

    Raises:
        AwsError: SnapshotCreationPerVolumeRateExceeded, ConcurrentSnapshotLimitExceeded or
            PendingSnapshotLimitExceeded.
    """
    if call.witness:
        return
    quotas, now_s = call.sky.settings.quotas, call.sky.now_s
    for volume in volumes:
        last_s = call.land.last_snapshot_s.get(volume.id)
        if last_s is not None and now_s - last_s < quotas.per_volume_interval_s:
            raise _refused(
                call,
                "SnapshotCreationPerVolumeRateExceeded",
                f"The maximum per volume CreateSnapshot request rate has been exceeded. Volume: {volume.id}. "
                "Use an increasing or variable sleep interval between requests.",
            )
        most = quotas.pending_per_volume.get(volume.volume_type, quotas.pending_per_volume.get("default", 5))
        if _counting(call, volume.id) >= most:
            raise _refused(
                call,
                "ConcurrentSnapshotLimitExceeded",
                f"Maximum allowed in-progress snapshots for a single volume exceeded: {volume.id} ({most}).",
            )
    if len(_still_pending(call.land.pending, now_s)) + len(volumes) > quotas.pending_per_account:
        raise _refused(
            call,
            "PendingSnapshotLimitExceeded",
            f"You have exceeded the maximum of {quotas.pending_per_account} pending snapshots.",
        )
    for volume in volumes:
        call.land.last_snapshot_s[volume.id] = now_s


def check_copy(call: Ec2Call) -> None:
    """Refuse a copy into this Region beyond the limit.

    Raises:
        AwsError: ResourceLimitExceeded.
    """
    most = call.sky.settings.quotas.copies_per_destination
    if not call.witness and len(_still_pending(call.land.copies, call.sky.now_s)) >= most:
        raise _refused(
            call,
            "ResourceLimitExceeded",
            f"Too many snapshot copies in progress. The limit is {most} for this destination region.",
        )


def _refused(call: Ec2Call, code: str, message: str) -> AwsError:
    call.sky.books.fault(f"quota:{code}")
    return AwsError(code, message)


def _still_pending(snapshots: list[Any], now_s: float) -> list[Any]:
    snapshots[:] = [s for s in snapshots if s.ready_at_s > now_s]
    return [s for s in snapshots if not s.deleted]


def _counting(call: Ec2Call, volume_id: str) -> int:
    """Count what the volume's limit counts: pending ones, deleted while pending or not, and recent failures."""
    now_s, error_s = call.sky.now_s, call.sky.settings.quotas.error_counts_s
    count = 0
    for snapshot in reversed(call.land.snapshots_of.get(volume_id, [])):
        lingers_s = error_s if snapshot.fails and not snapshot.deleted else 0.0
        if not snapshot.is_copy and now_s < snapshot.ready_at_s + lingers_s:
            count += 1
    return count
