"""CopySnapshot, sent to the destination Region.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.utils import random_snapshot_id

from chalicelib.sandbox.ec2 import keys, quotas
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.notices import announce_snapshot
from chalicelib.sandbox.ec2.snapshots import duration_s
from chalicelib.sandbox.ec2.things import GIB
from chalicelib.sandbox.ec2.wire import AwsError, Tree, tag_set, tag_specifications, truth

COMPLETION_MINUTES = range(15, 2881, 15)
KEY_CHECK_S = 30.0  # assumed: when AWS finds out that a key cannot be used
FAILED = "An internal error occurred while the snapshot was being copied."


def copy_snapshot(call: Ec2Call) -> Tree:
    """Start a copy into this Region. Tags of the source are not copied, and the key is checked after the answer."""
    source_region, source_id = call.required("SourceRegion"), call.required("SourceSnapshotId")
    source = _source(call, source_region, source_id)
    wanted = tag_specifications(call.form, "snapshot")
    minutes = _completion_minutes(call)
    key_arn, wrong = _key(call, source)
    quotas.check_copy(call)
    made = _begin(call, source, key_arn, minutes)
    made.source_arn = f"arn:aws:ec2::{source_region}:snapshot/{source_id}"
    _decide_fate(call, made, source, wrong)
    if wanted:
        call.land.backend.create_tags([made.id], wanted)
    call.land.copies.append(made)
    announce_snapshot(call, made, "copySnapshot")
    return {"snapshotId": made.id, "tagSet": tag_set(wanted)}


def _source(call: Ec2Call, region: str, snapshot_id: str) -> Any:
    try:
        land = call.sky.land(region)
    except KeyError:
        raise AwsError("InvalidParameterValue", f"Value ({region}) for parameter SourceRegion is invalid.") from None
    source = call.snapshot(snapshot_id, land)
    if source.status != "completed":
        raise AwsError("IncorrectState", f"Snapshot '{snapshot_id}' is not 'completed'.")
    return source


def _completion_minutes(call: Ec2Call) -> int | None:
    minutes = call.number_of("CompletionDurationMinutes")
    if minutes is not None and minutes not in COMPLETION_MINUTES:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({minutes}) for parameter CompletionDurationMinutes is invalid. "
            "Specify 15 to 2880 minutes in steps of 15.",
        )
    return minutes


def _key(call: Ec2Call, source: Any) -> tuple[str | None, str | None]:
    """Return the ARN of the key of the copy, and why it cannot be used."""
    asked, encrypted = call.text("KmsKeyId"), call.text("Encrypted")
    if encrypted is not None and not truth(encrypted):
        raise AwsError("InvalidParameterValue", "The parameter Encrypted cannot be set to false.")
    if asked and not encrypted:
        raise AwsError(
            "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set."
        )
    if not (source.encrypted or encrypted):
        return None, None
    return keys.resolve(call.land, asked or keys.default_key(call.land))


def _begin(call: Ec2Call, source: Any, key_arn: str | None, minutes: int | None) -> Any:
    sky, backend = call.sky, call.land.backend
    # As moto's copy_snapshot does, which looks at every snapshot there is to find the source: too slow for fleets.
    told = call.text("Description") or ""
    made = type(source)(backend, random_snapshot_id(), source.volume, told, source.encrypted, kms_key_id=key_arn)
    backend.snapshots[made.id] = made
    siblings = call.land.snapshots_of
    siblings[made.origin_volume].remove(made)  # it was filed under the volume that moto showed
    made.origin_volume = source.origin_volume
    siblings[made.origin_volume].append(made)
    made.is_copy, made.size, made.full_bytes = True, source.size, source.full_bytes
    made.encrypted, made.kms_key_id, made.completion_minutes = key_arn is not None, key_arn, minutes
    made.incremental = any(
        s.is_copy and s is not made and not s.deleted and not s.fails and s.kms_key_id == key_arn
        for s in siblings[made.origin_volume]
    )
    moved = made.full_bytes / GIB * (sky.settings.incremental_share if made.incremental else 1.0)
    if minutes:
        made.ready_at_s = sky.now_s + minutes * 60 * (0.6 + 0.4 * sky.draw("time-based", made.id))
    else:
        made.ready_at_s = sky.now_s + duration_s(sky, sky.settings.copies, moved, made.id)
    return made


def _decide_fate(call: Ec2Call, made: Any, source: Any, wrong_key: str | None) -> None:
    if wrong_key:
        made.fails = keys.NOT_ACCESSIBLE
        made.ready_at_s = call.sky.now_s + KEY_CHECK_S
    elif {source.id, made.origin_volume} & set(call.sky.settings.fail_copies):
        made.fails = FAILED
