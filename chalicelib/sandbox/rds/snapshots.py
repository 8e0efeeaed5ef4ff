"""CreateDBSnapshot, CreateDBClusterSnapshot, DeleteDBSnapshot, DeleteDBClusterSnapshot.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html and its siblings.
"""

from __future__ import annotations

import re

from chalicelib.sandbox.ec2.snapshots import duration_s
from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.notices import announce
from chalicelib.sandbox.rds.shapes import snapshot_shape
from chalicelib.sandbox.rds.things import AVAILABLE, Database, DatabaseSnapshot, RdsLand
from chalicelib.sandbox.rds.wire import tags_in
from chalicelib.sandbox.weather.sky import Sky

NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
LONGEST = {"snapshot": 255, "cluster-snapshot": 63}
LAG_S = 5.0  # assumed: how far the newest transaction in a snapshot is behind its creation
READY = {AVAILABLE, "storage-optimization"}
EXISTS = {
    "snapshot": (
        "DBSnapshotAlreadyExists",
        "Cannot create the snapshot because a snapshot with the identifier {} already exists.",
    ),
    "cluster-snapshot": (
        "DBClusterSnapshotAlreadyExistsFault",
        "Cannot create the cluster snapshot because one with the identifier {} already exists.",
    ),
}
MANUAL_QUOTA = "Cannot create more than {} manual snapshots"


def create(call: RdsCall) -> Tree:
    """Start a snapshot of a DB instance or a cluster, which is backing up meanwhile."""
    kind = "cluster-snapshot" if call.of_cluster else "snapshot"
    field = "DBClusterSnapshotIdentifier" if call.of_cluster else "DBSnapshotIdentifier"
    name = checked_name(call, kind, call.required(field))
    database = call.database(call.required("DBClusterIdentifier" if call.of_cluster else "DBInstanceIdentifier"))
    _check_state(call, database)
    check_quota(call)
    made = begin(call.sky, call.land, database, name, tags_in(call.form))
    return {"DBClusterSnapshot" if call.of_cluster else "DBSnapshot": snapshot_shape(made)}


def delete(call: RdsCall) -> Tree:
    """Delete a manual snapshot that is available or failed."""
    kind = "DBClusterSnapshot" if call.of_cluster else "DBSnapshot"
    found = call.snapshot(call.required(f"{kind}Identifier"))
    if found.type == "automated" or found.status not in {AVAILABLE, "failed"}:
        code = "InvalidDBClusterSnapshotStateFault" if call.of_cluster else "InvalidDBSnapshotState"
        raise AwsError(code, f"Cannot delete the snapshot {found.name}: it is {found.type} and {found.status}.")
    found.deleted = True
    del call.land.snapshots[found.kind, found.name.lower()]
    return {kind: {**snapshot_shape(found), "Status": "deleted"}}


def checked_name(call: RdsCall, kind: str, name: str) -> str:
    """Return the name of a new snapshot as RDS keeps it: in lower case.

    Raises:
        AwsError: it breaks RDS's rules (InvalidParameterValue), or is taken.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST[kind]:
        raise AwsError(
            "InvalidParameterValue",
            f"The parameter {kind} identifier is not a valid identifier: {name}. Identifiers must begin with a letter; "
            "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
            "consecutive hyphens.",
        )
    if (kind, name.lower()) in call.land.snapshots:
        code, text = EXISTS[kind]
        raise AwsError(code, text.format(name))
    return name.lower()


def _check_state(call: RdsCall, database: Database) -> None:
    if database.cluster:
        raise AwsError(
            "InvalidParameterValue",
            f"The specified instance is a member of a cluster and a snapshot cannot be created directly: "
            f"{database.name}. Use CreateDBClusterSnapshot of {database.cluster}.",
        )
    if database.status not in READY:
        code = "InvalidDBClusterStateFault" if call.of_cluster else "InvalidDBInstanceState"
        raise AwsError(code, f"{database.name} is not currently in the available state; it is {database.status}.")


def check_quota(call: RdsCall) -> None:
    """Refuse a further manual snapshot beyond the quota.

    Raises:
        AwsError: SnapshotQuotaExceeded.
    """
    most = call.sky.settings.rds.manual_snapshots
    kinds = {True: "cluster-snapshot", False: "snapshot"}
    there = sum(s.type == "manual" and s.kind == kinds[call.of_cluster] for s in call.land.snapshots.values())
    if not call.witness and there >= most:
        call.sky.books.fault("quota:SnapshotQuotaExceeded")
        raise AwsError("SnapshotQuotaExceeded", MANUAL_QUOTA.format(most))


def begin(
    sky: Sky,
    where: RdsLand,
    database: Database,
    name: str,
    tags: dict[str, str],
    type_: str = "manual",
    at_s: float | None = None,
) -> DatabaseSnapshot:
    """Start a snapshot now, or at an earlier instant; the database is backing up until it is done."""
    now_s, kind = sky.now_s if at_s is None else at_s, "cluster-snapshot" if database.kind == "cluster" else "snapshot"
    before = any(s.source is database and not s.is_copy for s in where.snapshots.values())
    moved = database.gib * (sky.settings.incremental_share if before else 1.0)
    takes_s = duration_s(sky, sky.settings.rds.snapshots, moved, where.region, name)
    carried = database.tags if database.facts.get("CopyTagsToSnapshot") else {}
    own = {**carried, **tags}
    made = DatabaseSnapshot(
        kind, name, where.region, database, now_s, now_s - LAG_S, now_s, now_s, now_s + takes_s, type_, own
    )
    made.encrypted_with, made.option_group = database.encrypted_with, database.option_group
    if database.name in sky.settings.rds.fail_snapshots:
        made.fails = "The snapshot could not be completed."
    keep(sky, where, made)
    database.busy.append((now_s, made.ready_at_s, "backing-up"))
    announce(made)
    return made


def keep(sky: Sky, where: RdsLand, made: DatabaseSnapshot) -> None:
    """File a new snapshot; listings show it late."""
    made.serial, made.visible_at_s = sky.next_serial(), made.began_s + sky.settings.visibility_s
    where.snapshots[made.kind, made.name.lower()] = made
