"""The demo estates: what is in them, and that they can be large."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib.sandbox.client import Control

World = Any  # see conftest.py


def volumes(world: World) -> dict[str, Any]:
    return {v["VolumeId"]: v for v in world.truth.describe_volumes()["Volumes"]}


def test_the_small_estate_has_one_of_each_awkward_thing(world: World) -> None:
    found, named = volumes(world), world.estate["names"]
    assert len(found) == 12
    assert len(world.estate["instances"]) == 5
    assert len(found[named["shared"]]["Attachments"]) == 2
    assert found[named["shared"]]["MultiAttachEnabled"]
    assert found[named["archive"]]["Attachments"] == []
    untagged = [v for v in found.values() if "Tags" not in v]
    assert [v["VolumeId"] for v in untagged] == [named["batch-1/sdg"]]
    assert set(world.estate["protected"]) == set(found) - {named["batch-1/sdg"]}
    assert {v["AvailabilityZone"] for v in found.values()} == set(world.estate["zones"])
    assert {v["VolumeType"] for v in found.values()} == {"gp2", "gp3", "io2", "st1"}


def test_the_shop_has_thirty_volumes_on_twelve_machines_in_three_zones(world: World) -> None:
    before = set(volumes(world))
    shop = world.control.estate("shop")
    found = {k: v for k, v in volumes(world).items() if k not in before}
    assert (len(found), len(shop["instances"]), len(shop["zones"])) == (30, 12, 3)
    assert set(found) == set(shop["volumes"])
    assert {v["VolumeType"] for v in found.values()} == {"gp3", "io2", "st1", "sc1"}
    assert {v.get("KmsKeyId") for v in found.values()} == {None, shop["keys"]["alias/shop"]}
    assert len({v["Size"] for v in found.values()}) >= 8


def test_an_estate_is_ready_at_once(world: World) -> None:
    shop = world.control.estate("shop")
    found = world.ec2.describe_volumes(VolumeIds=shop["volumes"])["Volumes"]
    assert {v["State"] for v in found} == {"in-use", "available"}
    assert {a["State"] for v in found for a in v["Attachments"]} == {"attached"}
    instances = world.ec2.describe_instances(InstanceIds=shop["instances"])["Reservations"]
    assert {r["Instances"][0]["State"]["Name"] for r in instances} == {"running"}
    assert world.control.weather()["visibility_s"] == 20


def test_both_keys_and_the_topics_exist(world: World) -> None:
    for region, alias in (("us-east-1", "alias/shop"), ("us-west-2", "alias/recovery")):
        key = world.client("kms", region).describe_key(KeyId=alias)["KeyMetadata"]
        assert (key["Arn"], key["KeyState"]) == (world.estate["keys"][alias], "Enabled")
    topics = world.client("sns").list_topics()["Topics"]
    assert {t["TopicArn"].rsplit(":", 1)[1] for t in topics} == {"oncall", "backups"}
    assert world.estate["topic"].endswith(":oncall")


def test_an_estate_that_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no estate 'castle'"):
        world.control.estate("castle")
    with pytest.raises(ValueError, match="take none"):
        world.control.estate("shop", volumes=3)


def test_a_fleet_has_exactly_as_many_volumes_as_asked_for(world: World) -> None:
    fleet = world.control.estate("fleet", volumes=103, per_instance=10)
    assert (len(fleet["volumes"]), len(fleet["instances"])) == (103, 11)
    assert set(fleet["volumes"]) <= set(volumes(world))


@pytest.fixture(scope="module")
def large(aws: tuple[Control, dict[str, Any]]) -> Any:
    return aws[0].fork()


def test_two_hundred_of_four_thousand_snapshots_are_found_in_a_blink(large: Control) -> None:
    fleet = large.estate("fleet", volumes=4000, per_instance=8)
    truth = large.witness("ec2")
    made = []
    for instance in fleet["instances"]:
        spec = {"InstanceId": instance}
        made += [s["SnapshotId"] for s in truth.create_snapshots(InstanceSpecification=spec)["Snapshots"]]
    assert len(made) == 4000
    filters = [{"Name": "snapshot-id", "Values": made[1000:1200]}]
    began = time.perf_counter()
    found = truth.describe_snapshots(Filters=filters)["Snapshots"]
    took_s = time.perf_counter() - began
    large.quit()
    assert len(found) == 200
    assert took_s < 2  # about 0.05 s on an idle machine; moto reads all for each and takes longer than this


def test_nights_can_be_made_to_have_passed_with_a_set_and_copies_for_every_instance(world: World) -> None:
    made = world.control.estate("history", nights=2)["snapshots"]
    volumes = len(world.estate["volumes"])
    assert made == 2 * 2 * volumes
    home = world.truth.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    copies = world.western_truth.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert len(home) == len(copies) == 2 * volumes
    assert {snapshot["State"] for snapshot in [*home, *copies]} == {"completed"}
    tags = [{tag["Key"]: tag["Value"] for tag in snapshot["Tags"]} for snapshot in copies]
    assert {one["lifeboat:source-volume"] for one in tags} == set(world.estate["volumes"])
    assert {one["lifeboat:policy"] for one in tags} == {"nightly"}
