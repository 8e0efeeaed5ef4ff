"""What a replacement is made from: the newest whole set, an older one, the instance's own image, a launch template."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step
from tests.scenarios.recovery import BACKUP, backed_up, book, go_dark, instances, launch, made_for, on_a_copy, volumes


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as prepared:
        yield prepared


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def only(stage: Stage, name: str, **given: Any) -> dict[str, Any]:
    return launch(select={"ids": [stage.estate["names"][name]]}, **given)


def made_from(stage: Stage, name: str) -> dict[str, Any]:
    """Return the volumes that stand in for those of an instance, by the old one."""
    found = volumes(stage).values()
    olds = {v for n, v in stage.estate["names"].items() if n.startswith(f"{name}/")}
    return {v["tags"]["lifeboat:restored"]: v for v in found if v["tags"].get("lifeboat:restored") in olds}


def test_a_set_that_is_torn_is_passed_over_for_the_whole_one_before_it(stage: Stage) -> None:
    names, first = stage.estate["names"], stage.services.clock.now()
    stage.control.advance(24 * 3600)
    stage.run(book(BACKUP), "second night")
    stage.control.settle()
    newest = list(stage.control.witness("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"])
    torn = max((s for s in newest if s["VolumeId"] == names["db-1/sdf"]), key=lambda s: s["StartTime"])
    stage.control.witness("ec2").delete_snapshot(SnapshotId=torn["SnapshotId"])
    go_dark(stage)
    found = stage.run(book(only(stage, "db-1")))
    assert found.state == "succeeded"
    assert {v["SnapshotId"] for v in made_from(stage, "db-1").values()} == {
        s["SnapshotId"]
        for s in newest
        if s["VolumeId"] in {names["db-1/sdf"], names["db-1/xvda"]} and s["StartTime"] < first
    }
    assert found.recovered[0].point is not None
    assert found.recovered[0].point < first
    other = stage.run(book(only(stage, "web-1", at=first.isoformat())), "at")
    assert other.recovered[0].point is not None
    assert other.recovered[0].point < first


def test_an_instance_whose_key_cannot_be_used_is_not_replaced_and_the_others_are(stage: Stage) -> None:
    key = stage.estate["keys"]["alias/shop"]
    stage.control.witness("kms").disable_key(KeyId=key)
    go_dark(stage)
    found = stage.run(book(launch()))
    told = {f.resource: f for f in step(found, "instances").failures}
    names = stage.estate["names"]
    assert set(told) == {names["db-1"], names["db-2"]}
    assert key in told[names["db-1"]].message
    assert len(made_for(stage, names["web-1"])) == 1


def test_the_root_can_come_from_the_instances_own_image(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    image = instances(stage)[web]["ImageId"]
    go_dark(stage)
    found = stage.run(book(only(stage, "web-1", root="image")))
    assert found.state == "succeeded", step(found, "instances")
    [new] = made_for(stage, web)
    assert new["ImageId"] == image
    assert set(made_from(stage, "web-1")) == {stage.estate["names"]["web-1/sdf"]}
    assert f"image.{web}" not in stage.services.ledger.owed(found.run_id)


def test_without_a_point_of_the_root_it_says_what_to_do(stage: Stage) -> None:
    names, truth = stage.estate["names"], stage.control.witness("ec2")
    for snapshot in truth.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
        if snapshot["VolumeId"] in {names["batch-1/xvda"], names["web-1/xvda"]}:
            truth.delete_tags(Resources=[snapshot["SnapshotId"]], Tags=[{"Key": "lifeboat:policy"}])
    go_dark(stage)
    found = stage.run(book(only(stage, "web-1")))
    [failure] = step(found, "instances").failures
    assert failure.code == "action.not_replaceable"


def test_user_data_and_a_launch_template_are_used(stage: Stage) -> None:
    names, truth = stage.estate["names"], stage.control.witness("ec2")
    old = instances(stage)[names["web-1"]]
    made = truth.run_instances(
        ImageId=old["ImageId"],
        InstanceType="m6i.large",
        SubnetId=old["SubnetId"],
        UserData="#!/bin/sh",
        DisableApiTermination=True,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "new"}]}],
    )["Instances"][0]["InstanceId"]
    stage.control.settle()
    stage.control.advance(120)
    go_dark(stage)
    found = stage.run(book(launch(select={"tags": {"app": "new"}}, root="image")))
    assert found.state == "succeeded", step(found, "instances")
    [new] = made_for(stage, made)
    told = truth.describe_instance_attribute(InstanceId=new["InstanceId"], Attribute="userData")
    assert told["UserData"]["Value"] == base64.b64encode(b"#!/bin/sh").decode()
    told = truth.describe_instance_attribute(InstanceId=new["InstanceId"], Attribute="disableApiTermination")
    assert told["DisableApiTermination"]["Value"] is True
    assert found.recovered[0].point is None
    data = {"InstanceType": "m6i.large", "KeyName": "ops", "ImageId": old["ImageId"]}
    template = truth.create_launch_template(LaunchTemplateName="shop-web", LaunchTemplateData=data)["LaunchTemplate"]
    asked = only(stage, "web-1", launch_template=f"{template['LaunchTemplateId']}:1")
    assert stage.run(book(asked), "template").state == "succeeded"
    assert made_for(stage, names["web-1"])[0]["KeyName"] == "ops"


def test_it_can_wait_until_all_data_is_there(stage: Stage) -> None:
    go_dark(stage)
    asked = only(stage, "db-1", initialised_within="1s", wait_for="initialised")
    found = stage.run(book(asked))
    [told] = found.recovered
    assert told.initialised_at is not None
    assert told.initialised_at > told.ready_at
    assert any("will not be fully initialised within" in note for note in step(found, "instances").notes)
    assert {v["VolumeInitializationRate"] for v in made_from(stage, "db-1").values()} == {300}


def test_a_subnet_without_addresses_is_passed_over_and_subnets_can_be_named(stage: Stage) -> None:
    truth, names = stage.control.witness("ec2"), stage.estate["names"]
    subnets = {s["AvailabilityZoneId"]: s["SubnetId"] for s in truth.describe_subnets()["Subnets"]}
    stage.control.weather(free_addresses={subnets["use1-az1"]: 0})
    go_dark(stage)
    stage.run(book(only(stage, "web-1")), "one")
    assert made_for(stage, names["web-1"])[0]["SubnetId"] == subnets["use1-az2"]
    found = stage.run(book(only(stage, "db-2", subnets=[subnets["use1-az1"]])), "two")
    assert "no free address" in step(found, "instances").failures[0].message


def test_a_key_that_fails_later_ends_the_launch_with_awss_reason(stage: Stage) -> None:
    go_dark(stage)
    run = stage.start(book(only(stage, "db-1")), "k")
    broken = False

    def between() -> None:
        nonlocal broken
        images = stage.control.witness("ec2").describe_images(Owners=["self"])["Images"]
        if images and not broken:
            stage.control.witness("kms").disable_key(KeyId=stage.estate["keys"]["alias/shop"])
            broken = True

    found = stage.drive(run, between)
    assert broken
    said = " ".join(f.message for f in step(found, "instances").failures)
    assert "is disabled" in said or "Client.InternalError" in said
    assert found.state == "failed"
