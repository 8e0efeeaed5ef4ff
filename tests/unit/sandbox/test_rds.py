"""RDS under the weather: states over time, refusals in AWS's words, copies, quotas, backup windows, events."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.sandbox.conftest import HOME, WEST, World

HOUR = 3600


@pytest.fixture(name="rds")
def _rds(world: World) -> Any:
    world.estate |= world.control.estate("databases")
    return world.client("rds")


def code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def told(world: World, name: str) -> list[dict[str, Any]]:
    """Return the events of a snapshot, in order."""
    found = [e["event"] for e in world.control.events() if e["event"].get("source") == "aws.rds"]
    return sorted((e for e in found if e["detail"]["SourceIdentifier"] == name), key=lambda e: str(e["detail"]["Date"]))


def made(world: World, name: str = "lifeboat-1", database: str = "orders") -> str:
    """Return the ARN of a snapshot that is done and seen by everyone."""
    rds = world.control.witness("rds", HOME)
    arn = rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database)["DBSnapshot"][
        "DBSnapshotArn"
    ]
    world.control.advance(6 * HOUR)
    return str(arn)


def test_a_snapshot_takes_its_time_and_keeps_its_database_busy(world: World, rds: Any) -> None:
    told = rds.create_db_snapshot(
        DBSnapshotIdentifier="Lifeboat-1", DBInstanceIdentifier="orders", Tags=[{"Key": "a", "Value": "b"}]
    )["DBSnapshot"]
    assert (told["DBSnapshotIdentifier"], told["Status"], "SnapshotCreateTime" in told) == (
        "lifeboat-1",
        "creating",
        False,
    )
    [orders] = rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"]
    assert orders["DBInstanceStatus"] == "backing-up"
    again = {"DBSnapshotIdentifier": "lifeboat-2", "DBInstanceIdentifier": "orders"}
    assert code(rds.create_db_snapshot, **again) == "InvalidDBInstanceState"
    assert code(rds.delete_db_snapshot, DBSnapshotIdentifier="lifeboat-1") == "InvalidDBSnapshotState"
    world.control.advance(HOUR)
    [found] = rds.describe_db_snapshots(DBSnapshotIdentifier="lifeboat-1")["DBSnapshots"]
    assert (found["Status"], found["PercentProgress"], found["TagList"]) == (
        "available",
        100,
        [{"Key": "a", "Value": "b"}],
    )
    assert found["SnapshotDatabaseTime"] < found["OriginalSnapshotCreateTime"] == found["SnapshotCreateTime"]
    assert rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["DBInstanceStatus"] == "available"


def test_names_are_keys_and_follow_the_rules(world: World, rds: Any) -> None:
    made(world)
    snap = {"DBInstanceIdentifier": "accounts"}
    assert code(rds.create_db_snapshot, DBSnapshotIdentifier="LIFEBOAT-1", **snap) == "DBSnapshotAlreadyExists"
    for wrong in ("1x", "a--b", "a-", "rds:a"):
        assert code(rds.create_db_snapshot, DBSnapshotIdentifier=wrong, **snap) == "InvalidParameterValue"
    long = {"DBClusterSnapshotIdentifier": "a" * 64, "DBClusterIdentifier": "events"}
    assert code(rds.create_db_cluster_snapshot, **long) == "InvalidParameterValue"
    member = {"DBSnapshotIdentifier": "x", "DBInstanceIdentifier": "events-1"}
    assert code(rds.create_db_snapshot, **member) == "InvalidParameterValue"


def test_a_copy_needs_a_key_keeps_the_original_time_and_loses_what_aws_loses(world: World, rds: Any) -> None:
    arn, west = made(world), world.client("rds", WEST)
    asked = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "c1"}
    assert code(west.copy_db_snapshot, **asked) == "InvalidParameterValue"
    assert code(west.copy_db_snapshot, **asked, KmsKeyId="alias/none") == "KMSKeyNotAccessibleFault"
    assert (
        code(west.copy_db_snapshot, **asked, KmsKeyId="alias/recovery", OptionGroupName="x")
        == "OptionGroupNotFoundFault"
    )
    told = west.copy_db_snapshot(**asked, KmsKeyId="alias/recovery")["DBSnapshot"]
    assert (told["Status"], told["TagList"], told["OptionGroupName"]) == ("copying", [], "default:mysql")
    world.control.advance(12 * HOUR)
    [copied] = west.describe_db_snapshots(Filters=[{"Name": "db-snapshot-id", "Values": ["c1", "none"]}])["DBSnapshots"]
    [source] = rds.describe_db_snapshots(DBSnapshotIdentifier="lifeboat-1")["DBSnapshots"]
    assert copied["OriginalSnapshotCreateTime"] == source["OriginalSnapshotCreateTime"] < copied["SnapshotCreateTime"]
    assert copied["SnapshotDatabaseTime"] == source["SnapshotDatabaseTime"]
    assert (copied["Status"], copied["SourceDBSnapshotIdentifier"], copied["SourceRegion"]) == ("available", arn, HOME)


def test_copies_of_one_database_queue_without_progress_and_fail_when_their_source_goes(world: World, rds: Any) -> None:
    first, second = made(world), made(world, "lifeboat-2")
    west = world.client("rds", WEST)
    for number, arn in enumerate((first, second)):
        west.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=f"c{number}", KmsKeyId="alias/recovery"
        )
    world.control.advance(1200)
    shown = {s["DBSnapshotIdentifier"]: s for s in west.describe_db_snapshots()["DBSnapshots"]}
    assert shown["c0"]["PercentProgress"] > 0 == shown["c1"]["PercentProgress"]
    rds.delete_db_snapshot(DBSnapshotIdentifier="lifeboat-2")
    shown = {s["DBSnapshotIdentifier"]: s["Status"] for s in west.describe_db_snapshots()["DBSnapshots"]}
    assert shown == {"c0": "copying", "c1": "failed"}


def test_the_two_quotas_share_a_code_and_differ_in_words(world: World, rds: Any) -> None:
    arn, west = made(world), world.client("rds", WEST)
    asked = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "c1", "KmsKeyId": "alias/recovery"}
    for quota, word in (("copies_per_destination", "across regions"), ("manual_snapshots", "manual")):
        world.control.weather(rds={quota: 0})
        with pytest.raises(ClientError) as refused:
            west.copy_db_snapshot(**asked)
        assert refused.value.response["Error"]["Code"] == "SnapshotQuotaExceeded"
        assert word in refused.value.response["Error"]["Message"]
        world.control.weather(rds={quota: 20})
    one = {"DBSnapshotIdentifier": "lifeboat-2", "DBInstanceIdentifier": "accounts"}
    world.control.weather(rds={"manual_snapshots": 1})
    assert code(rds.create_db_snapshot, **one) == "SnapshotQuotaExceeded"


def test_backup_windows_make_automated_snapshots_that_only_aws_deletes(world: World, rds: Any) -> None:
    world.control.weather(rds={"automated": True})
    world.control.advance(9 * 24 * HOUR)
    found = rds.describe_db_snapshots(DBInstanceIdentifier="orders", SnapshotType="automated")["DBSnapshots"]
    names = sorted(s["DBSnapshotIdentifier"] for s in found)
    assert len(names) == 7
    assert names[0].startswith("rds:orders-2031-01-")
    assert code(rds.delete_db_snapshot, DBSnapshotIdentifier=names[0]) == "InvalidDBSnapshotState"
    assert not rds.describe_db_snapshots(DBInstanceIdentifier="orders", SnapshotType="manual")["DBSnapshots"]
    arn = found[-1]["DBSnapshotArn"]
    told = world.client("rds", WEST).copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="kept", KmsKeyId="alias/recovery"
    )["DBSnapshot"]
    assert (told["SnapshotType"], told["SourceDBSnapshotIdentifier"]) == ("manual", arn)


def test_listings_come_in_pages_and_show_what_is_new_late(world: World, rds: Any) -> None:
    truth = world.control.witness("rds", HOME)
    for number in range(25):
        truth.create_db_snapshot(DBSnapshotIdentifier=f"n{number}", DBInstanceIdentifier="accounts")
        world.control.advance(HOUR)
    world.control.weather(visibility_s=300)
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="late", DBClusterIdentifier="events")
    assert rds.describe_db_cluster_snapshots()["DBClusterSnapshots"] == []
    one = rds.describe_db_snapshots(MaxRecords=20, DBInstanceIdentifier="accounts")
    two = rds.describe_db_snapshots(MaxRecords=20, DBInstanceIdentifier="accounts", Marker=one["Marker"])
    assert [len(one["DBSnapshots"]), len(two["DBSnapshots"]), "Marker" in two] == [20, 5, False]
    assert code(rds.describe_db_snapshots, MaxRecords=10) == "InvalidParameterValue"
    assert code(rds.describe_db_instances, Filters=[{"Name": "tag:x", "Values": ["y"]}]) == "InvalidParameterValue"
    assert code(rds.describe_db_snapshots, DBSnapshotIdentifier="none") == "DBSnapshotNotFound"
    world.control.advance(300)
    assert [s["DBClusterSnapshotIdentifier"] for s in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]] == [
        "late"
    ]


def test_calls_are_throttled_in_rdss_words_answers_are_lost_and_events_come(world: World, rds: Any) -> None:
    world.control.weather(throttle_share=1.0)
    one = {"DBSnapshotIdentifier": "lifeboat-1", "DBInstanceIdentifier": "orders"}
    assert code(rds.create_db_snapshot, **one) == "Throttling"
    world.control.weather(throttle_share=0.0, lost_answer_share=1.0)
    with pytest.raises(Exception, match=r"closed|aborted|reset|respond"):
        rds.create_db_snapshot(**one)
    world.control.weather(lost_answer_share=0.0)
    assert code(rds.create_db_snapshot, **one) == "DBSnapshotAlreadyExists"
    world.control.advance(HOUR)
    begun, event = told(world, "lifeboat-1")
    assert begun["detail"]["EventID"] == "RDS-EVENT-0040"
    assert (event["detail-type"], event["detail"]["EventID"]) == ("RDS DB Snapshot Event", "RDS-EVENT-0042")


def test_tags_are_set_listed_and_removed(world: World, rds: Any) -> None:
    arn = made(world)
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "lifeboat:hands-off", "Value": ""}])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "lifeboat:hands-off", "Value": ""}]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["lifeboat:hands-off"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == []


def test_copies_tell_that_they_begin_and_end_from_elsewhere_and_within_a_region(world: World, rds: Any) -> None:
    arn = made(world)
    west, asked = world.client("rds", WEST), {"SourceDBSnapshotIdentifier": arn, "SourceRegion": HOME}
    west.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier="away", KmsKeyId="alias/recovery")
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="here")
    assert [e["detail"]["EventID"] for e in told(world, "away")] == ["RDS-EVENT-0059"]
    world.control.settle()
    world.control.weather(rds={"fail_copies": ["orders"]})
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="lost")
    world.control.settle()
    ids = {name: [e["detail"]["EventID"][-4:] for e in told(world, name)] for name in ("away", "here", "lost")}
    assert ids == {"away": ["0059", "0060"], "here": ["0196", "0197"], "lost": ["0196", "0190"]}
    away, here = told(world, "away")[-1], told(world, "here")[-1]
    assert away["detail"]["Message"] == f"Finished copy of snapshot lifeboat-1 from region {HOME}"
    assert (here["detail"]["Message"], here["detail"]["EventCategories"]) == (
        f"Finished copy of snapshot lifeboat-1 in region {HOME}",
        ["notification"],
    )


def test_a_copy_of_a_clusters_snapshot_tells_nothing(world: World, rds: Any) -> None:
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="first", DBClusterIdentifier="events")
    world.control.settle()
    rds.copy_db_cluster_snapshot(SourceDBClusterSnapshotIdentifier="first", TargetDBClusterSnapshotIdentifier="second")
    world.control.settle()
    assert [e["detail"]["EventID"] for e in told(world, "first")] == ["RDS-EVENT-0074", "RDS-EVENT-0075"]
    assert told(world, "second") == []


def test_tags_of_aws_stop_a_copy_with_tags_and_snapshots_carry_tags_when_the_database_says_so(
    world: World, rds: Any
) -> None:
    arn = made(world)
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "aws:backup:source", "Value": "x"}])
    asked = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "copy"}
    assert code(rds.copy_db_snapshot, **asked, CopyTags=True) == "InvalidParameterValue"
    rds.copy_db_snapshot(**asked)
    for database, carried in (("accounts", []), ("scratch", [{"Key": "app", "Value": "lab"}])):
        found = rds.create_db_snapshot(DBSnapshotIdentifier=f"of-{database}", DBInstanceIdentifier=database)
        assert found["DBSnapshot"]["TagList"] == carried
