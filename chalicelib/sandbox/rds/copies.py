"""CopyDBSnapshot and CopyDBClusterSnapshot, sent to the destination Region.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html
"""

from __future__ import annotations

from chalicelib.sandbox.ec2 import keys
from chalicelib.sandbox.ec2.snapshots import duration_s
from chalicelib.sandbox.ec2.wire import AwsError, Tree, truth
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.notices import announce
from chalicelib.sandbox.rds.shapes import snapshot_shape
from chalicelib.sandbox.rds.snapshots import check_quota, checked_name, keep
from chalicelib.sandbox.rds.things import AVAILABLE, DatabaseSnapshot, RdsLand, land
from chalicelib.sandbox.rds.wire import tags_in

SOURCE_GONE = "The source snapshot was deleted before the copy was complete."
RESERVED = "aws:"
PARTS = 7  # of an ARN: arn:aws:rds:<region>:<account>:<kind>:<name>, where an automated one's name has a colon


def copy(call: RdsCall) -> Tree:
    """Start a copy. Copies of one database are queued behind each other."""
    prefix = "DBClusterSnapshot" if call.of_cluster else "DBSnapshot"
    kind = "cluster-snapshot" if call.of_cluster else "snapshot"
    source = _source(call, call.required(f"Source{prefix}Identifier"))
    name = checked_name(call, kind, call.required(f"Target{prefix}Identifier"))
    if source.status != AVAILABLE:
        code = "InvalidDBClusterSnapshotStateFault" if call.of_cluster else "InvalidDBSnapshotState"
        raise AwsError(code, f"The snapshot {source.name} is not in the available state; it is {source.status}.")
    copied_tags = _tags(call, source)
    key = _key(call, source)
    group = _option_group(call, source)
    _check_in_progress(call)
    check_quota(call)
    made = _begin(call, source, name, key, group)
    made.tags = copied_tags
    return {prefix: snapshot_shape(made)}


def _source(call: RdsCall, named: str) -> DatabaseSnapshot:
    if not named.startswith("arn:"):
        return call.snapshot(named)
    parts = named.split(":", PARTS - 1)
    return call.snapshot(parts[-1], land(parts[3]))


def _tags(call: RdsCall, source: DatabaseSnapshot) -> dict[str, str]:
    copied = source.tags if truth(call.text("CopyTags")) else {}
    if any(key.startswith(RESERVED) for key in copied):
        raise AwsError("InvalidParameterValue", "Tags that begin with aws: are reserved and cannot be copied.")
    return {**copied, **tags_in(call.form)}


def _key(call: RdsCall, source: DatabaseSnapshot) -> str:
    asked = call.text("KmsKeyId")
    if asked is None:
        if source.encrypted_with and source.region != call.land.region:
            raise AwsError(
                "InvalidParameterValue",
                "KmsKeyId must be specified to copy an encrypted snapshot to another AWS Region.",
            )
        return source.encrypted_with
    if call.of_cluster and not source.encrypted_with:
        raise AwsError("InvalidParameterCombination", "An unencrypted cluster snapshot cannot be copied encrypted.")
    arn, problem = keys.resolve(call.sky.land(call.land.region), asked)
    if problem:
        raise AwsError("KMSKeyNotAccessibleFault", f"The specified KMS key {asked} cannot be used: {problem}")
    return arn


def _option_group(call: RdsCall, source: DatabaseSnapshot) -> str:
    """Return the copy's option group; without one named, a copy in another Region gets the default one."""
    asked = call.text("OptionGroupName")
    if asked:
        if asked not in call.land.option_groups and not asked.startswith("default:"):
            raise AwsError("OptionGroupNotFoundFault", f"Specified OptionGroupName: {asked} not found.", 404)
        return asked
    if source.region == call.land.region:
        return source.option_group
    if truth(call.text("CopyOptionGroup")) and source.option_group:
        call.land.option_groups.add(source.option_group)
        return source.option_group
    return f"default:{source.source.engine}" if source.option_group else ""


def _check_in_progress(call: RdsCall) -> None:
    most, now_s = call.sky.settings.rds.copies_per_destination, call.sky.now_s
    running = sum(s.is_copy and s.ready_at_s > now_s for s in call.land.snapshots.values())
    if not call.witness and running >= most:
        call.sky.books.fault("quota:SnapshotQuotaExceeded")
        raise AwsError(
            "SnapshotQuotaExceeded",
            f"Cannot copy more than {most} snapshots across regions.",
        )


def _begin(call: RdsCall, source: DatabaseSnapshot, name: str, key: str, group: str) -> DatabaseSnapshot:
    sky, now_s, where = call.sky, call.sky.now_s, call.land
    siblings = [s for s in where.snapshots.values() if s.is_copy and s.source is source.source]
    starts_s = max([now_s, *(s.ready_at_s for s in siblings)])
    same_key = any(s.encrypted_with == key and not s.fails for s in siblings)
    moved = source.source.gib * (sky.settings.incremental_share if same_key and not source.is_copy else 1.0)
    takes_s = duration_s(sky, sky.settings.rds.copies, moved, where.region, name)
    made = DatabaseSnapshot(
        source.kind,
        name,
        where.region,
        source.source,
        source.taken_s,
        source.database_s,
        now_s,
        starts_s,
        starts_s + takes_s,
        encrypted_with=key,
        option_group=group,
        copy_of=source.arn,
        copied_from=source.region,
    )
    if source.source.name in sky.settings.rds.fail_copies:
        made.fails = "The copy could not be completed."
    keep(sky, where, made)
    announce(made)
    return made


def cut_short(gone_arn: str, where: RdsLand, now_s: float) -> None:
    """Fail the copies of a snapshot that is deleted while they are under way."""
    for copied in where.snapshots.values():
        if copied.copy_of == gone_arn and copied.ready_at_s > now_s:
            copied.fails, copied.ready_at_s = SOURCE_GONE, now_s
