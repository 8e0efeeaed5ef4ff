"""Changes of databases that are there: reboots, failovers, promotions, renames, deletions.

Sources: RebootDBInstance, FailoverDBCluster, PromoteReadReplica, PromoteReadReplicaDBCluster, ModifyDBInstance,
ModifyDBCluster, DeleteDBInstance and DeleteDBCluster of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/.
"""

from __future__ import annotations

from chalicelib.sandbox.ec2.wire import AwsError, Tree, truth
from chalicelib.sandbox.rds import outages, placing
from chalicelib.sandbox.rds.backups import members_of
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.notices import tell
from chalicelib.sandbox.rds.shapes import database_shape
from chalicelib.sandbox.rds.snapshots import begin, checked_name
from chalicelib.sandbox.rds.things import AVAILABLE, Coming, Database

REBOOT_S = 30.0
PLAYED = {"NewDBInstanceIdentifier", "NewDBClusterIdentifier", "DeletionProtection", "ApplyImmediately"}


def reboot(call: RdsCall) -> Tree:
    """Answer RebootDBInstance; with ForceFailover the standby takes over."""
    database = _there(call, "DBInstanceIdentifier")
    forced = truth(call.text("ForceFailover"))
    if forced and not database.facts.get("MultiAZ"):
        raise AwsError(
            "InvalidParameterCombination",
            "Cannot reboot with failover: the DB instance is not configured for multiple Availability Zones.",
        )
    placing.reach(call, database.zone)
    _check(database)
    now_s = call.sky.now_s
    if not forced or not outages.fail_over(call.sky, database, now_s):
        database.busy.append((now_s, now_s + REBOOT_S, "rebooting"))
        tell(database, now_s + REBOOT_S, "RDS-EVENT-0006", "availability", "DB instance restarted")
    return {"DBInstance": database_shape(database)}


def fail_over_cluster(call: RdsCall) -> Tree:
    """Answer FailoverDBCluster, to a member or to the best reader."""
    cluster, to = _there(call, "DBClusterIdentifier"), call.text("TargetDBInstanceIdentifier")
    _check(cluster)
    if to:
        target = call.land.databases.get(("db", to.lower()))
        if target is None or target.cluster != cluster.name:
            raise AwsError("DBInstanceNotFound", f"DBInstance {to} not found in the cluster.", 404)
        placing.reach(call, target.zone)
        if target is outages.writer_of(cluster) or target.status != AVAILABLE:
            raise AwsError(
                "InvalidDBInstanceState", f"{to} cannot be failed over to: it writes, or is {target.status}."
            )
    if not outages.move_writer(call.sky, cluster, to.lower() if to else None, call.sky.now_s):
        raise AwsError("InvalidDBClusterStateFault", f"{cluster.name} has no instance to fail over to.")
    return {"DBCluster": database_shape(cluster)}


def promote(call: RdsCall) -> Tree:
    """Answer PromoteReadReplica and PromoteReadReplicaDBCluster."""
    database = _there(call, "DBClusterIdentifier" if call.of_cluster else "DBInstanceIdentifier")
    if database.replica_of is None:
        code = "InvalidDBClusterStateFault" if call.of_cluster else "InvalidDBInstanceState"
        raise AwsError(code, f"{database.name} is not a read replica.")
    placing.reach(call, database.zone)
    _check(database)
    now_s, takes_s = call.sky.now_s, call.sky.settings.rds.promote_s
    database.busy.append((now_s, now_s + takes_s, "promoting" if call.of_cluster else "modifying"))
    database.coming.append(Coming(now_s + takes_s / 2, "promote", {}))
    return {"DBCluster" if call.of_cluster else "DBInstance": database_shape(database)}


def modify(call: RdsCall) -> Tree:
    """Answer ModifyDBInstance and ModifyDBCluster for names and deletion protection; nothing else is played."""
    field = "DBClusterIdentifier" if call.of_cluster else "DBInstanceIdentifier"
    strange = set(call.form) - PLAYED - {field, "Action", "Version"}
    if strange:
        raise AwsError("InvalidParameterValue", f"The sandbox does not modify {', '.join(sorted(strange))}.")
    database = _there(call, field)
    placing.reach(call, database.zone)
    _check(database)
    protection, name = call.text("DeletionProtection"), call.text(f"New{field}")
    if protection is not None:
        database.facts["DeletionProtection"] = truth(protection)
    shown = database_shape(database)
    if name:
        _rename(call, database, placing.free_name(call, database.kind, name))
        shown = {**shown, "PendingModifiedValues": {field: name.lower()}}
    return {"DBCluster" if call.of_cluster else "DBInstance": shown}


def _rename(call: RdsCall, database: Database, name: str) -> None:
    if not truth(call.text("ApplyImmediately")):
        return  # in the next maintenance window, which does not come here
    now_s, takes_s = call.sky.now_s, call.sky.settings.rds.rename_s
    database.busy.append((now_s, now_s + takes_s, "renaming"))
    database.coming.append(Coming(now_s + takes_s, "rename", {"to": name}))


def delete(call: RdsCall) -> Tree:
    """Answer DeleteDBInstance and DeleteDBCluster."""
    database = _there(call, "DBClusterIdentifier" if call.of_cluster else "DBInstanceIdentifier")
    kind = "Cluster" if call.of_cluster else "Instance"
    if database.facts.get("DeletionProtection"):
        raise AwsError(
            "InvalidParameterCombination",
            f"Cannot delete protected DB {kind}, please disable deletion protection and try again.",
        )
    if call.of_cluster and any(one.status != "deleting" for one in members_of(database)):
        raise AwsError(
            "InvalidDBClusterStateFault",
            "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
        )
    placing.reach(call, database.zone)
    _check(database, {"deleting", "renaming", "backing-up", "rebooting"})
    _last_snapshot(call, database)
    database.deleting = True
    database.coming = [Coming(call.sky.now_s + call.sky.settings.rds.delete_s, "vanish", {})]
    number = "0171" if call.of_cluster else "0003"
    tell(database, database.coming[0].at_s, f"RDS-EVENT-{number}", "deletion", f"DB {kind.lower()} deleted")
    return {"DBCluster" if call.of_cluster else "DBInstance": database_shape(database)}


def _last_snapshot(call: RdsCall, database: Database) -> None:
    skipped, name = truth(call.text("SkipFinalSnapshot")), call.text("FinalDBSnapshotIdentifier")
    if database.cluster:
        return  # its data is the cluster's
    if skipped == bool(name):
        raise AwsError(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and cannot be given with it.",
        )
    if name:
        kind = "cluster-snapshot" if call.of_cluster else "snapshot"
        begin(call.sky, call.land, database, checked_name(call, kind, name), {})


def _there(call: RdsCall, field: str) -> Database:
    return call.database(call.required(field))


def _check(database: Database, refused: set[str] | None = None) -> None:
    """Refuse what is not in a state for it: available, or (when deleting) anything but a few."""
    status = database.status
    if (status in refused) if refused is not None else status != AVAILABLE:
        code = "InvalidDBClusterStateFault" if database.kind == "cluster" else "InvalidDBInstanceState"
        raise AwsError(code, f"{database.name} is not in a state for this; it is {status}.")
