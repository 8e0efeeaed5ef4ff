"""Describe*: filters, pages, ids, late visibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

World = Any  # see conftest.py
Refused = Callable[..., str]


def ids(answer: Any) -> set[str]:
    return {volume["VolumeId"] for volume in answer["Volumes"]}


def by(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


def test_volumes_are_filtered_on_the_server(world: World) -> None:
    found = {
        "protected": ids(world.ec2.describe_volumes(Filters=by("tag:backup", "nightly"))),
        "zone": ids(world.ec2.describe_volumes(Filters=by("availability-zone", "us-east-1b"))),
        "type": ids(world.ec2.describe_volumes(Filters=by("volume-type", "io2", "st1"))),
        "instance": ids(world.ec2.describe_volumes(Filters=by("attachment.instance-id", world.named("db-2")))),
        "free": ids(world.ec2.describe_volumes(Filters=by("status", "available"))),
        "like": ids(world.ec2.describe_volumes(Filters=by("tag:Name", "web-?/x*"))),
        "key": ids(world.ec2.describe_volumes(Filters=by("tag-key", "backup"))),
        "both": ids(
            world.ec2.describe_volumes(Filters=by("tag:backup", "nightly") + by("availability-zone", "us-east-1c"))
        ),
    }
    named = world.named
    assert found["protected"] == set(world.estate["protected"]) == found["key"]
    assert found["zone"] == {named("web-2/xvda"), named("web-2/sdf"), named("archive")}
    assert found["type"] == {named("db-1/sdf"), named("shared"), named("batch-1/sdf")}
    assert found["instance"] == {named("db-2/xvda"), named("shared")}
    assert found["free"] == {named("archive")}
    assert found["like"] == {named("web-1/xvda"), named("web-2/xvda")}
    assert found["both"] == {named("batch-1/xvda"), named("batch-1/sdf")}


def test_an_unknown_filter_is_refused(world: World, refused: Refused) -> None:
    assert refused(world.ec2.describe_volumes, Filters=by("colour", "red")) == "InvalidParameterValue"


def test_a_filter_takes_at_most_two_hundred_values(world: World, refused: Refused) -> None:
    many = [f"snap-{n:08x}" for n in range(201)]
    assert world.ec2.describe_snapshots(Filters=by("snapshot-id", *many[:200]))["Snapshots"] == []
    assert refused(world.ec2.describe_snapshots, Filters=by("snapshot-id", *many)) == "FilterLimitExceeded"


def test_pages_hold_what_was_asked_for_and_follow_on(world: World) -> None:
    pages = list(world.ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Volumes"]) for page in pages] == [5, 5, 2]
    assert set().union(*map(ids, pages)) == set(world.estate["volumes"])


def test_a_last_page_that_is_full_has_no_token(world: World) -> None:
    assert "NextToken" not in world.ec2.describe_volumes(MaxResults=12)


def test_a_listing_without_a_page_size_is_cut_at_the_largest_page(world: World) -> None:
    world.control.weather(page_size=5)
    first = world.ec2.describe_volumes()
    assert len(first["Volumes"]) == 5
    assert first["NextToken"]


@pytest.mark.parametrize("size", [1, 4, 1001])
def test_a_page_size_out_of_range_is_refused(world: World, refused: Refused, size: int) -> None:
    assert refused(world.ec2.describe_snapshots, MaxResults=size) == "InvalidParameterValue"


def test_ids_and_a_page_size_do_not_go_together(world: World, refused: Refused) -> None:
    code = refused(world.ec2.describe_volumes, VolumeIds=[world.named("archive")], MaxResults=5)
    assert code == "InvalidParameterCombination"


def test_a_foreign_token_is_refused(world: World, refused: Refused) -> None:
    assert refused(world.ec2.describe_volumes, NextToken="bogus") == "InvalidNextToken"


def test_one_missing_id_fails_the_whole_listing_but_not_a_filter(world: World, refused: Refused) -> None:
    there = world.snapshot()
    both = [there, "snap-00000000"]
    assert refused(world.ec2.describe_snapshots, SnapshotIds=both) == "InvalidSnapshot.NotFound"
    found = world.ec2.describe_snapshots(Filters=by("snapshot-id", *both))["Snapshots"]
    assert [s["SnapshotId"] for s in found] == [there]


def test_an_id_that_is_none_is_malformed(world: World, refused: Refused) -> None:
    assert refused(world.ec2.describe_snapshots, SnapshotIds=["snap-xyz"]) == "InvalidSnapshotID.Malformed"


def test_snapshots_of_other_owners_do_not_exist(world: World) -> None:
    world.snapshot()
    assert len(world.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]) == 1
    assert len(world.ec2.describe_snapshots(OwnerIds=["123456789012"])["Snapshots"]) == 1
    assert world.ec2.describe_snapshots(OwnerIds=["999999999999"])["Snapshots"] == []


def test_a_new_snapshot_is_listed_late_and_its_id_is_unknown_until_then(world: World, refused: Refused) -> None:
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "effect", "Value": "e1"}]}]
    made = world.ec2.create_snapshot(VolumeId=world.named("web-1/sdf"), TagSpecifications=tags)["SnapshotId"]
    mine = by("tag:effect", "e1")
    assert world.ec2.describe_snapshots(Filters=mine)["Snapshots"] == []
    assert refused(world.ec2.describe_snapshots, SnapshotIds=[made]) == "InvalidSnapshot.NotFound"
    assert len(world.truth.describe_snapshots(Filters=mine)["Snapshots"]) == 1
    assert world.control.faults()["late_listing"] == 2
    world.clock.sleep(20)
    assert len(world.ec2.describe_snapshots(Filters=mine)["Snapshots"]) == 1


def test_a_tag_made_later_is_seen_late_and_so_is_its_removal(world: World) -> None:
    made = world.snapshot()

    def seen() -> int:
        return len(world.ec2.describe_snapshots(Filters=by("tag:policy", "nightly"))["Snapshots"])

    world.ec2.create_tags(Resources=[made], Tags=[{"Key": "policy", "Value": "nightly"}])
    assert seen() == 0
    world.clock.sleep(20)
    assert seen() == 1
    world.ec2.delete_tags(Resources=[made], Tags=[{"Key": "policy"}])
    assert seen() == 1
    world.clock.sleep(20)
    assert seen() == 0


def test_an_overwritten_tag_shows_its_old_value_first(world: World) -> None:
    volume = world.named("archive")
    world.ec2.create_tags(Resources=[volume], Tags=[{"Key": "app", "Value": "other"}])
    assert ids(world.ec2.describe_volumes(Filters=by("tag:app", "other"))) == set()
    assert volume in ids(world.ec2.describe_volumes(Filters=by("tag:app", "shop")))
    world.clock.sleep(20)
    assert ids(world.ec2.describe_volumes(Filters=by("tag:app", "other"))) == {volume}
    assert volume not in ids(world.ec2.describe_volumes(Filters=by("tag:app", "shop")))


def test_a_thing_that_does_not_exist_takes_no_tag_and_nor_does_its_neighbour(world: World, refused: Refused) -> None:
    both = [world.named("archive"), "vol-00000000"]
    tags = [{"Key": "new", "Value": "1"}]
    assert refused(world.ec2.create_tags, Resources=both, Tags=tags) == "InvalidVolume.NotFound"
    assert world.truth.describe_volumes(Filters=by("tag-key", "new"))["Volumes"] == []


def test_a_deleted_snapshot_is_in_no_index(world: World) -> None:
    made = world.snapshot()
    world.truth.create_tags(Resources=[made], Tags=[{"Key": "effect", "Value": "e1"}])
    world.truth.delete_snapshot(SnapshotId=made)
    for filters in (by("tag:effect", "e1"), by("volume-id", world.named("web-1/sdf")), by("snapshot-id", made)):
        assert world.truth.describe_snapshots(Filters=filters)["Snapshots"] == []


def test_the_snapshots_of_a_volume_are_found_and_copies_are_not_among_them(world: World) -> None:
    source = world.snapshot()
    world.truth.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=source)
    found = world.truth.describe_snapshots(Filters=by("volume-id", world.named("web-1/sdf")))["Snapshots"]
    assert [s["SnapshotId"] for s in found] == [source]
    copies = world.truth.describe_snapshots(Filters=by("volume-id", "vol-ffffffff"))["Snapshots"]
    assert len(copies) == 1


def test_instances_are_listed_with_their_disks_and_zones(world: World) -> None:
    filters = by("tag:tier", "db") + by("instance-state-name", "running")
    found = [i for r in world.ec2.describe_instances(Filters=filters)["Reservations"] for i in r["Instances"]]
    assert {i["InstanceId"] for i in found} == {world.named("db-1"), world.named("db-2")}
    one = next(i for i in found if i["InstanceId"] == world.named("db-1"))
    assert one["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert one["RootDeviceName"] == "/dev/xvda"
    disks = {m["DeviceName"]: m["Ebs"]["VolumeId"] for m in one["BlockDeviceMappings"]}
    assert disks == {"/dev/xvda": world.named("db-1/xvda"), "/dev/sdf": world.named("db-1/sdf"), "/dev/sdg": world.named("shared")}  # fmt: skip  # noqa: E501


def test_a_launched_instance_is_listed_late_and_takes_time_to_run(world: World) -> None:
    image = world.truth.describe_instances()["Reservations"][0]["Instances"][0]["ImageId"]
    made = world.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
    assert made["State"]["Name"] == "pending"
    mine = by("instance-id", made["InstanceId"])
    assert world.ec2.describe_instances(Filters=mine)["Reservations"] == []
    world.clock.sleep(60)
    [reservation] = world.ec2.describe_instances(Filters=mine)["Reservations"]
    assert reservation["Instances"][0]["State"]["Name"] == "running"
