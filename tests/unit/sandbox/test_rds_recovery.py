"""RDS when databases are brought back: failovers, restores, replicas, renames and deletions over virtual time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sandbox.conftest import HOME, WEST, World
from tests.unit.sandbox.test_rds import code, made

BACK = {
    "DBInstanceIdentifier": "back",
    "DBSubnetGroupName": "shop-private",
    "DBInstanceClass": "db.r6g.large",
    "DBParameterGroupName": "orders-params",
    "OptionGroupName": "orders-options",
    "VpcSecurityGroupIds": ["sg-0db"],
    "Port": 3310,
    "Tags": [{"Key": "lifeboat:effect", "Value": "lb1"}],
}


@pytest.fixture(name="rds")
def _rds(world: World) -> Any:
    world.estate |= world.control.estate("databases")
    world.estate |= world.control.estate("replicas")
    return world.client("rds")


def instance(rds: Any, name: str) -> Any:
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def cluster(rds: Any, name: str) -> Any:
    return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]


def writer(rds: Any, name: str) -> str:
    [one] = [m["DBInstanceIdentifier"] for m in cluster(rds, name)["DBClusterMembers"] if m["IsClusterWriter"]]
    return str(one)


def events(world: World, name: str) -> list[str]:
    told = [e["event"] for e in world.control.events() if e["event"].get("source") == "aws.rds"]
    return [e["detail"]["EventID"] for e in told if e["detail"]["SourceIdentifier"] == name]


def test_a_forced_failover_moves_the_primary_to_its_standby_and_takes_its_time(world: World, rds: Any) -> None:
    before = instance(rds, "orders")
    assert before["AvailabilityZone"] != before["SecondaryAvailabilityZone"]
    single = {"DBInstanceIdentifier": "accounts", "ForceFailover": True}
    assert code(rds.reboot_db_instance, **single) == "InvalidParameterCombination"
    rds.reboot_db_instance(DBInstanceIdentifier="orders", ForceFailover=True)
    assert instance(rds, "orders")["DBInstanceStatus"] == "rebooting"
    assert code(rds.reboot_db_instance, DBInstanceIdentifier="orders") == "InvalidDBInstanceState"
    world.control.advance(120)
    after = instance(rds, "orders")
    assert (after["AvailabilityZone"], after["SecondaryAvailabilityZone"], after["DBInstanceStatus"]) == (
        before["SecondaryAvailabilityZone"],
        before["AvailabilityZone"],
        "available",
    )
    assert events(world, "orders") == ["RDS-EVENT-0013", "RDS-EVENT-0049"]


def test_a_cluster_fails_over_to_a_reader_that_is_named_and_not_to_the_writer(world: World, rds: Any) -> None:
    assert writer(rds, "events") == "events-1"
    to = {"DBClusterIdentifier": "events", "TargetDBInstanceIdentifier": "events-1"}
    assert code(rds.failover_db_cluster, **to) == "InvalidDBInstanceState"
    assert code(rds.failover_db_cluster, **{**to, "TargetDBInstanceIdentifier": "orders"}) == "DBInstanceNotFound"
    rds.failover_db_cluster(**{**to, "TargetDBInstanceIdentifier": "events-2"})
    assert code(rds.failover_db_cluster, DBClusterIdentifier="events") == "InvalidDBClusterStateFault"
    world.control.advance(120)
    assert (writer(rds, "events"), cluster(rds, "events")["Status"]) == ("events-2", "available")
    assert events(world, "events") == ["RDS-EVENT-0073", "RDS-EVENT-0071"]
    rds.failover_db_cluster(DBClusterIdentifier="events")
    world.control.settle()
    assert writer(rds, "events") == "events-1"


def test_an_instance_is_restored_as_it_is_asked_for_and_with_defaults_otherwise(world: World, rds: Any) -> None:
    made(world)
    rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier="lifeboat-1", MultiAZ=True, **BACK)
    world.control.advance(60)
    found = instance(rds, "back")
    assert (found["DBInstanceStatus"], "Endpoint" in found) == ("creating", False)
    again = {"DBSnapshotIdentifier": "lifeboat-1", **BACK}
    assert code(rds.restore_db_instance_from_db_snapshot, **again) == "DBInstanceAlreadyExists"
    world.control.advance(7200)
    found = instance(rds, "back")
    assert (found["DBInstanceStatus"], found["Endpoint"]["Port"], found["MultiAZ"]) == ("available", 3310, True)
    assert found["SecondaryAvailabilityZone"] != found["AvailabilityZone"]
    assert found["TagList"] == BACK["Tags"]
    assert events(world, "back") == ["RDS-EVENT-0043"]
    rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier="lifeboat-1", DBInstanceIdentifier="plain")
    world.control.settle()
    plain = instance(rds, "plain")
    assert (plain["MultiAZ"], plain["VpcSecurityGroups"][0]["VpcSecurityGroupId"]) == (False, "sg-default")
    assert plain["DBParameterGroups"][0]["DBParameterGroupName"] == "default.mysql"
    assert plain["OptionGroupMemberships"][0]["OptionGroupName"] == "default:mysql"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"DBSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault"),
    ({"OptionGroupName": "none"}, "OptionGroupNotFoundFault"),
    ({"DBParameterGroupName": "none"}, "DBParameterGroupNotFound"),
    ({"DBInstanceClass": "db.none"}, "InvalidParameterCombination"),
    ({"MultiAZ": True, "AvailabilityZone": "us-east-1a"}, "InvalidParameterCombination"),
    ({"AvailabilityZone": "us-east-1f"}, "InvalidVPCNetworkStateFault"),
    ({"DBSnapshotIdentifier": "none"}, "DBSnapshotNotFound"),
    ({"DBInstanceIdentifier": "orders"}, "DBInstanceAlreadyExists"),
    ({"AvailabilityZone": "us-east-1b"}, "InsufficientDBInstanceCapacity"),
]


def test_a_restore_is_refused_in_awss_words(world: World, rds: Any) -> None:
    made(world)
    world.control.weather(rds={"no_capacity": ["us-east-1b"]})
    for given, refusal in REFUSED:
        asked = {"DBSnapshotIdentifier": "lifeboat-1", **BACK, **given}
        assert code(rds.restore_db_instance_from_db_snapshot, **asked) == refusal, given


def test_a_restored_cluster_has_no_instances_until_they_are_made(world: World, rds: Any) -> None:
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="point", DBClusterIdentifier="events")
    world.control.advance(7200)
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="back",
        SnapshotIdentifier="point",
        Engine="aurora-postgresql",
        DBSubnetGroupName="shop-private",
        DBClusterParameterGroupName="events-params",
    )
    one = {
        "DBInstanceIdentifier": "back-1",
        "DBInstanceClass": "db.r6g.large",
        "Engine": "aurora-postgresql",
        "DBClusterIdentifier": "back",
    }
    assert code(rds.create_db_instance, **one) == "InvalidDBClusterStateFault"
    world.control.advance(7200)
    assert (cluster(rds, "back")["Status"], cluster(rds, "back")["DBClusterMembers"]) == ("available", [])
    for name in ("back-1", "back-2"):
        rds.create_db_instance(**{**one, "DBInstanceIdentifier": name})
    world.control.advance(1200)
    assert writer(rds, "back") == "back-1"
    assert len(cluster(rds, "back")["DBClusterMembers"]) == 2
    assert (
        code(
            rds.restore_db_cluster_from_snapshot,
            DBClusterIdentifier="back",
            SnapshotIdentifier="point",
            Engine="aurora-postgresql",
        )
        == "DBClusterAlreadyExistsFault"
    )


def test_a_point_in_time_lies_within_the_window_or_is_refused(world: World, rds: Any) -> None:
    world.control.advance(86_400)
    found = instance(rds, "orders")
    [backup] = rds.describe_db_instance_automated_backups(DbiResourceId=found["DbiResourceId"])[
        "DBInstanceAutomatedBackups"
    ]
    assert backup["RestoreWindow"]["LatestTime"] == found["LatestRestorableTime"] < world.control.now()
    asked = {"SourceDbiResourceId": found["DbiResourceId"], "TargetDBInstanceIdentifier": "then"}
    late = found["LatestRestorableTime"] + timedelta(hours=1)
    early = backup["RestoreWindow"]["EarliestTime"] - timedelta(hours=1)
    for when in (late, early):
        assert code(rds.restore_db_instance_to_point_in_time, **asked, RestoreTime=when) == "InvalidParameterValue"
    assert code(rds.restore_db_instance_to_point_in_time, **asked) == "InvalidParameterCombination"
    rds.restore_db_instance_to_point_in_time(**asked, UseLatestRestorableTime=True)
    events_now = cluster(rds, "events")
    rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier="events-then",
        SourceDBClusterIdentifier="events",
        RestoreToTime=events_now["LatestRestorableTime"],
    )
    world.control.settle()
    assert instance(rds, "then")["DBInstanceStatus"] == "available"
    assert cluster(rds, "events-then")["Status"] == "available"


def test_a_rename_is_asynchronous_and_frees_the_name_and_nobody_gets_it_before(world: World, rds: Any) -> None:
    new = {"NewDBInstanceIdentifier": "orders-old", "ApplyImmediately": True}
    assert code(rds.modify_db_instance, DBInstanceIdentifier="accounts", NewDBInstanceIdentifier="orders") == (
        "DBInstanceAlreadyExists"
    )
    told = rds.modify_db_instance(DBInstanceIdentifier="orders", **new)["DBInstance"]
    assert told["PendingModifiedValues"]["DBInstanceIdentifier"] == "orders-old"
    assert instance(rds, "orders")["DBInstanceStatus"] == "renaming"
    taken = {"DBInstanceIdentifier": "accounts", **new}
    assert code(rds.modify_db_instance, **taken) == "DBInstanceAlreadyExists"
    world.control.advance(300)
    assert code(rds.describe_db_instances, DBInstanceIdentifier="orders") == "DBInstanceNotFound"
    assert instance(rds, "orders-old")["Endpoint"]["Address"].startswith("orders-old.")
    assert instance(rds, "orders-old")["DbiResourceId"] == world.estate["databases"]["orders"]
    rds.modify_db_cluster(DBClusterIdentifier="events", NewDBClusterIdentifier="events-old", ApplyImmediately=True)
    world.control.advance(300)
    assert writer(rds, "events-old") == "events-1"


def test_what_is_protected_or_has_members_is_not_deleted(world: World, rds: Any) -> None:
    gone = {"DBInstanceIdentifier": "orders", "SkipFinalSnapshot": True}
    assert code(rds.delete_db_instance, **gone) == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier="orders", DeletionProtection=False)
    assert code(rds.delete_db_instance, DBInstanceIdentifier="orders") == "InvalidParameterCombination"
    rds.delete_db_instance(DBInstanceIdentifier="orders", FinalDBSnapshotIdentifier="last")
    assert instance(rds, "orders")["DBInstanceStatus"] == "deleting"
    assert code(rds.delete_db_instance, **gone) == "InvalidDBInstanceState"
    world.control.advance(7200)
    assert code(rds.describe_db_instances, DBInstanceIdentifier="orders") == "DBInstanceNotFound"
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="last")["DBSnapshots"][0]["Status"] == "available"
    rds.modify_db_cluster(DBClusterIdentifier="events", DeletionProtection=False)
    whole = {"DBClusterIdentifier": "events", "SkipFinalSnapshot": True}
    assert code(rds.delete_db_cluster, **whole) == "InvalidDBClusterStateFault"
    for name in ("events-1", "events-2"):
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
        rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.delete_db_cluster(**whole)
    world.control.settle()
    assert code(rds.describe_db_clusters, DBClusterIdentifier="events") == "DBClusterNotFoundFault"


def lag(world: World, name: str, metric: str = "ReplicaLag", region: str = HOME) -> list[float]:
    now = world.control.now()
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": name}]
    stat = {"Metric": {"Namespace": "AWS/RDS", "MetricName": metric, "Dimensions": dimensions}, "Period": 60}
    told = world.client("cloudwatch", region).get_metric_data(
        MetricDataQueries=[{"Id": "lag", "MetricStat": {**stat, "Stat": "Maximum"}}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
    )
    [found] = told["MetricDataResults"]
    return list(found["Values"])


def test_replicas_tell_their_lag_and_are_replicas_no_more_once_they_are_promoted(world: World, rds: Any) -> None:
    found = instance(rds, "orders-replica")
    assert found["ReadReplicaSourceDBInstanceIdentifier"] == "orders"
    assert instance(rds, "orders")["ReadReplicaDBInstanceIdentifiers"] == ["orders-replica"]
    assert set(lag(world, "orders-replica")) == {2.0}
    world.control.weather(rds={"replica_lags": {"orders-replica": 90.0}})
    world.control.advance(120)
    assert lag(world, "orders-replica")[0] == 90.0
    assert set(lag(world, "events-away-1", "AuroraBinlogReplicaLag", WEST)) == {2.0}
    assert code(rds.promote_read_replica, DBInstanceIdentifier="orders") == "InvalidDBInstanceState"
    rds.promote_read_replica(DBInstanceIdentifier="orders-replica")
    assert instance(rds, "orders-replica")["DBInstanceStatus"] == "modifying"
    west = world.client("rds", WEST)
    assert cluster(west, "events-away")["ReplicationSourceIdentifier"].endswith(":cluster:events")
    west.promote_read_replica_db_cluster(DBClusterIdentifier="events-away")
    world.control.advance(600)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in instance(rds, "orders-replica")
    assert instance(rds, "orders")["ReadReplicaDBInstanceIdentifiers"] == []
    assert "ReplicationSourceIdentifier" not in cluster(west, "events-away")


def test_groups_and_classes_can_be_looked_up_before_anything_is_made(world: World, rds: Any) -> None:
    [group] = rds.describe_db_subnet_groups(DBSubnetGroupName="drill-private")["DBSubnetGroups"]
    assert len({one["SubnetAvailabilityZone"]["Name"] for one in group["Subnets"]}) == 2
    assert code(rds.describe_db_subnet_groups, DBSubnetGroupName="none") == "DBSubnetGroupNotFoundFault"
    assert code(rds.describe_db_parameter_groups, DBParameterGroupName="none") == "DBParameterGroupNotFound"
    none = {"DBClusterParameterGroupName": "none"}
    assert code(rds.describe_db_cluster_parameter_groups, **none) == "DBParameterGroupNotFound"
    assert code(rds.describe_option_groups, OptionGroupName="none") == "OptionGroupNotFoundFault"
    assert rds.describe_option_groups(OptionGroupName="orders-options")["OptionGroupsList"]
    asked = {"Engine": "mysql", "EngineVersion": "8.0.42", "DBInstanceClass": "db.r6g.large"}
    options = rds.describe_orderable_db_instance_options(**asked)["OrderableDBInstanceOptions"]
    assert {option["MultiAZCapable"] for option in options} == {True}
    world.control.weather(rds={"not_offered": ["db.r6g.large"]})
    assert rds.describe_orderable_db_instance_options(**asked)["OrderableDBInstanceOptions"] == []


def test_a_dark_zone_is_left_by_what_can_leave_it_and_holds_the_rest(world: World, rds: Any) -> None:
    dark = instance(rds, "orders")["AvailabilityZone"]
    world.control.disaster("az_dark", zone=dark)
    world.control.advance(30)
    assert instance(rds, "orders")["AvailabilityZone"] == dark
    world.control.advance(200)
    assert instance(rds, "orders")["AvailabilityZone"] != dark
    assert writer(rds, "events") == "events-2"
    assert events(world, "orders") == ["RDS-EVENT-0013", "RDS-EVENT-0049"]
    world.control.disaster("heal")
    accounts = instance(rds, "accounts")["AvailabilityZone"]
    world.control.weather(dark={"hang_share": 0})
    world.control.disaster("az_dark", zone=accounts)
    since = world.control.now()
    world.control.advance(3600)
    found = instance(rds, "accounts")
    assert (found["DBInstanceStatus"], found["AvailabilityZone"]) == ("available", accounts)
    assert found["LatestRestorableTime"] <= since
    assert code(rds.reboot_db_instance, DBInstanceIdentifier="accounts") == "InternalError"


def test_a_failover_by_itself_comes_also_when_nobody_asks_rds_meanwhile(world: World, rds: Any) -> None:
    dark = instance(rds, "orders")["AvailabilityZone"]
    world.control.disaster("az_dark", zone=dark)
    world.control.advance(600)
    assert events(world, "orders") == ["RDS-EVENT-0013", "RDS-EVENT-0049"]
    world.control.disaster("heal")
    assert instance(rds, "orders")["AvailabilityZone"] != dark


def test_a_lost_primary_fails_over_where_it_can_and_has_failed_where_it_cannot(world: World, rds: Any) -> None:
    before = instance(rds, "orders")["AvailabilityZone"]
    for name in ("orders", "events", "accounts"):
        world.control.disaster("database_lost", name=name)
    world.control.advance(300)
    assert instance(rds, "orders")["AvailabilityZone"] != before
    assert writer(rds, "events") == "events-2"
    assert instance(rds, "events-1")["DBInstanceStatus"] == "failed"
    assert instance(rds, "accounts")["DBInstanceStatus"] == "failed"
    assert events(world, "accounts") == ["RDS-EVENT-0031"]
    new = {"NewDBInstanceIdentifier": "accounts-old", "ApplyImmediately": True}
    assert code(rds.modify_db_instance, DBInstanceIdentifier="accounts", **new) == "InvalidDBInstanceState"
    world.control.advance(1200)
    assert instance(rds, "events-1")["DBInstanceStatus"] == "available"
