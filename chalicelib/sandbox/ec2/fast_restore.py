"""Fast snapshot restore: per snapshot and zone, on after a while, and then worth a volume for each credit.

Sources: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-fast-snapshot-restore.html (16 TiB, 5 snapshots a Region),
https://docs.aws.amazon.com/ebs/latest/userguide/manage-fsr-enable.html (deleting a snapshot ends it),
https://docs.aws.amazon.com/ebs/latest/userguide/view-fsr-enabled-snapshots.html (states, an hour per TiB) and
https://docs.aws.amazon.com/ebs/latest/userguide/volume-creation-credits.html (the bucket starts empty).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.fast import FastRestore
from chalicelib.sandbox.weather.sky import ACCOUNT, Land

LARGEST_GIB = 16 * 1024
FILTERS = {
    "snapshot-id": "snapshotId",
    "availability-zone": "availabilityZone",
    "availability-zone-id": "availabilityZoneId",
    "owner-id": "ownerId",
    "state": "state",
}


def enable_fast_snapshot_restores(call: Ec2Call) -> Tree:
    """Begin to enable it for snapshots in zones. What is on already stays as it is, and counts as successful."""
    made, refused = [], []
    for snapshot_id, zone in _pairs(call):
        problem = _problem(call, snapshot_id)
        if problem:
            refused.append(_error(call, snapshot_id, zone, problem))
            continue
        known = call.land.fast.get((snapshot_id, zone))
        if known is None or known.off_s is not None:
            size = call.snapshot(snapshot_id).size
            call.land.fast[snapshot_id, zone] = FastRestore(size=size, since_s=call.sky.now_s)
        made.append(_shape(call, snapshot_id, zone))
    return {"successful": made, "unsuccessful": refused}


def disable_fast_snapshot_restores(call: Ec2Call) -> Tree:
    """Begin to disable it; a pair that is not on is refused by itself, and the others are disabled."""
    made, refused = [], []
    for snapshot_id, zone in _pairs(call):
        known = call.land.fast.get((snapshot_id, zone))
        if known is None or known.state(call.sky.now_s) == "disabled":
            gone = ("InvalidParameterValue", f"Fast snapshot restore is not enabled for {snapshot_id} in {zone}.")
            refused.append(_error(call, snapshot_id, zone, gone))
            continue
        known.off_s = call.sky.now_s if known.off_s is None else known.off_s
        made.append(_shape(call, snapshot_id, zone))
    return {"successful": made, "unsuccessful": refused}


def describe_fast_snapshot_restores(call: Ec2Call) -> Tree:
    """List where it is on, or was until lately, on one page."""
    wanted = {str(f["Name"]): [str(v) for v in several(f.get("Value"))] for f in several(call.form.get("Filter"))}
    unknown = sorted(wanted.keys() - FILTERS.keys())
    if unknown:
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    shown = [_shape(call, *key) for key, one in call.land.fast.items() if one.shown(call.sky.now_s)]
    found = [s for s in shown if all(s[FILTERS[name]] in some for name, some in wanted.items())]
    return {"fastSnapshotRestoreSet": found}


def taken(land: Land, snapshot_id: str, zone: str, now_s: float) -> bool:
    """Return True when a volume that is made in a zone (its name) now is fast; that takes a credit."""
    known = land.fast.get((snapshot_id, zone))
    return known is not None and known.take(now_s)


def forget(land: Land, snapshot_id: str) -> None:
    """Disable it everywhere for a snapshot that is deleted."""
    for key in [key for key in land.fast if key[0] == snapshot_id]:
        del land.fast[key]


def _pairs(call: Ec2Call) -> Iterator[tuple[str, str]]:
    """Yield each snapshot with each zone's name.

    Raises:
        AwsError: one of them is not there, or zones are given by name and by ID.
    """
    names = [str(v) for v in several(call.form.get("AvailabilityZone"))]
    ids = [str(v) for v in several(call.form.get("AvailabilityZoneId"))]
    if bool(names) == bool(ids):
        raise AwsError("InvalidParameterCombination", "Specify either AvailabilityZone or AvailabilityZoneId.")
    zones = [call.sky.darkness.known(call.land.region, one)[0] for one in names + ids]
    snapshots = [call.snapshot(str(v)).id for v in several(call.form.get("SourceSnapshotId"))]
    return ((snapshot_id, zone) for snapshot_id in snapshots for zone in zones)


def _problem(call: Ec2Call, snapshot_id: str) -> tuple[str, str] | None:
    """Return code and message of what keeps a snapshot from being enabled; the codes are assumed."""
    snapshot, most = call.snapshot(snapshot_id), call.sky.settings.quotas.fast_restores
    if snapshot.status != "completed":
        return "IncorrectState", f"Snapshot '{snapshot_id}' is not 'completed'."
    if snapshot.size > LARGEST_GIB:
        return "InvalidParameterValue", f"Snapshot '{snapshot_id}' is larger than {LARGEST_GIB} GiB."
    on = {one for (one, _), known in call.land.fast.items() if known.state(call.sky.now_s) != "disabled"}
    if snapshot_id not in on and len(on) >= most:
        return "FastSnapshotRestoreLimitExceeded", f"You have reached the limit of {most} snapshots in this Region."
    return None


def _error(call: Ec2Call, snapshot_id: str, zone: str, problem: tuple[str, str]) -> Tree:
    code, message = problem
    where = {"availabilityZone": zone, "availabilityZoneId": _id_of(call, zone)}
    error = {**where, "error": {"code": code, "message": message}}
    return {"snapshotId": snapshot_id, "fastSnapshotRestoreStateErrorSet": [error]}


def _id_of(call: Ec2Call, zone: str) -> str:
    return str(call.sky.darkness.known(call.land.region, zone)[1])


def _shape(call: Ec2Call, snapshot_id: str, zone: str) -> dict[str, Any]:
    known, now_s = call.land.fast[snapshot_id, zone], call.sky.now_s
    state = known.state(now_s)
    asked = "" if state in {"enabling", "disabling"} else " - Lifecycle state transition"
    return {
        "snapshotId": snapshot_id,
        "availabilityZone": zone,
        "availabilityZoneId": _id_of(call, zone),
        "state": state,
        "stateTransitionReason": f"Client.UserInitiated{asked}",
        "ownerId": ACCOUNT,
        **{name: iso(at_s) for name, at_s in known.times() if at_s <= now_s},
    }
