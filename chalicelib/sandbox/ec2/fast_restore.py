"""Fast snapshot restore: per snapshot and zone, enabled after a while, and then its volumes need no initialization.

Source: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-fast-snapshot-restore.html (an hour per TiB until it is
enabled). Credits are not modelled: a volume from a snapshot that is enabled is always fast.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.weather.sky import ACCOUNT, Land

HOUR_PER_TIB_S = 3600 / 1024  # for each GiB
FILTERS = {"snapshot-id", "availability-zone", "availability-zone-id", "state"}


def enable_fast_snapshot_restores(call: Ec2Call) -> Tree:
    """Begin to enable it for snapshots in zones."""
    names = [str(v) for v in several(call.form.get("AvailabilityZone"))]
    ids = [str(v) for v in several(call.form.get("AvailabilityZoneId"))]
    zones = [call.sky.darkness.known(call.land.region, one)[0] for one in names + ids]
    made = []
    for snapshot_id in (str(v) for v in several(call.form.get("SourceSnapshotId"))):
        snapshot = call.snapshot(snapshot_id)
        for zone in zones:
            ready_s = call.sky.now_s + snapshot.size * HOUR_PER_TIB_S
            call.land.fast.setdefault((snapshot_id, zone), ready_s)
            made.append(_shape(call, snapshot_id, zone))
    return {"successful": made, "unsuccessful": []}


def describe_fast_snapshot_restores(call: Ec2Call) -> Tree:
    """List where it is enabled, on one page."""
    wanted = {str(f["Name"]): [str(v) for v in several(f.get("Value"))] for f in several(call.form.get("Filter"))}
    unknown = sorted(wanted.keys() - FILTERS)
    if unknown:
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    shown = [_shape(call, *key) for key in call.land.fast]
    fields = {
        "snapshot-id": "snapshotId",
        "availability-zone": "availabilityZone",
        "availability-zone-id": "availabilityZoneId",
        "state": "state",
    }
    return {"fastSnapshotRestoreSet": [s for s in shown if all(s[fields[n]] in some for n, some in wanted.items())]}


def enabled(land: Land, snapshot_id: str, zone: str, now_s: float) -> bool:
    """Return True when volumes of a snapshot are fast in a zone (its name) now."""
    ready_s = land.fast.get((snapshot_id, zone))
    return ready_s is not None and now_s >= ready_s


def _shape(call: Ec2Call, snapshot_id: str, zone: str) -> dict[str, Any]:
    on = enabled(call.land, snapshot_id, zone, call.sky.now_s)
    return {
        "snapshotId": snapshot_id,
        "availabilityZone": zone,
        "availabilityZoneId": call.sky.darkness.known(call.land.region, zone)[1],
        "state": "enabled" if on else "optimizing",
        "ownerId": ACCOUNT,
    }
