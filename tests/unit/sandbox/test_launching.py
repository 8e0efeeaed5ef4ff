"""RunInstances and what it needs: volumes in the same call, templates, images, capacity, addresses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.sandbox.conftest import World

Refused = Callable[..., str]
ROOT, DATA = "/dev/xvda", "/dev/sdf"


@pytest.fixture
def launch(world: World) -> Callable[..., Any]:
    """Launch one instance as somebody whose calls have weather, and return it."""

    def call(**asked: Any) -> Any:
        given = {"ImageId": image_of(world), "InstanceType": "m6i.large", "MinCount": 1, "MaxCount": 1, **asked}
        return world.ec2.run_instances(**given)["Instances"][0]

    return call


def image_of(world: World) -> str:
    return str(look(world, world.named("db-1"))["ImageId"])


def look(world: World, instance_id: str) -> Any:
    return world.truth.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def subnet_in(world: World, zone: str) -> str:
    asked = [{"Name": "availability-zone", "Values": [zone]}]
    return str(world.truth.describe_subnets(Filters=asked)["Subnets"][0]["SubnetId"])


def volumes_of(world: World, instance_id: str) -> dict[str, Any]:
    asked = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    found = world.truth.describe_volumes(Filters=asked)["Volumes"]
    return {v["Attachments"][0]["Device"]: v for v in found}


def test_volumes_come_with_the_instance_as_they_were_asked_for(world: World, launch: Any) -> None:
    snapshot, key = world.snapshot("db-1/sdf"), world.estate["keys"]["alias/shop"]
    ebs = {"SnapshotId": snapshot, "VolumeType": "io2", "Iops": 3000, "VolumeSize": 120, "Encrypted": True}
    more = {"KmsKeyId": key, "VolumeInitializationRate": 300, "DeleteOnTermination": False}
    tags = [{"ResourceType": kind, "Tags": [{"Key": "for", "Value": kind}]} for kind in ("instance", "volume")]
    made = launch(
        SubnetId=subnet_in(world, "us-east-1b"),
        BlockDeviceMappings=[{"DeviceName": DATA, "Ebs": {**ebs, **more}}],
        TagSpecifications=tags,
    )
    assert (made["State"]["Name"], made["Placement"]["AvailabilityZoneId"]) == ("pending", "use1-az1")
    world.control.settle()
    found = volumes_of(world, made["InstanceId"])
    assert set(found) == {ROOT, DATA}  # the image's own root volume too
    data = found[DATA]
    assert (data["VolumeType"], data["Iops"], data["Size"], data["KmsKeyId"]) == ("io2", 3000, 120, key)
    assert (data["SnapshotId"], data["VolumeInitializationRate"]) == (snapshot, 300)
    assert data["Attachments"][0]["DeleteOnTermination"] is False
    assert data["AvailabilityZone"] == "us-east-1b"
    assert all({"Key": "for", "Value": "volume"} in v["Tags"] for v in found.values())
    assert look(world, made["InstanceId"])["Tags"] == [{"Key": "for", "Value": "instance"}]


def test_an_instance_runs_when_its_volumes_are_attached(world: World, launch: Any) -> None:
    snapshot = world.snapshot()
    world.control.weather(volume_restore_s=200)
    made = launch(BlockDeviceMappings=[{"DeviceName": DATA, "Ebs": {"SnapshotId": snapshot}}])
    world.control.advance(100)
    assert look(world, made["InstanceId"])["State"]["Name"] == "pending"
    world.control.advance(110)
    assert look(world, made["InstanceId"])["State"]["Name"] == "running"


def test_what_was_launched_is_told_with_its_configuration(world: World, launch: Any) -> None:
    secret = base64.b64encode(b"#!/bin/sh").decode()
    group = look(world, world.named("db-1"))["SecurityGroups"][0]["GroupId"]
    made = launch(
        SecurityGroupIds=[group],
        IamInstanceProfile={"Name": "shop-db"},
        UserData="#!/bin/sh",
        KeyName="ops",
        DisableApiTermination=True,
        ClientToken="t-1",
    )
    world.control.settle()
    found = look(world, made["InstanceId"])
    assert found["IamInstanceProfile"]["Arn"].endswith(":instance-profile/shop-db")
    assert ([g["GroupId"] for g in found["SecurityGroups"]], found["KeyName"]) == ([group], "ops")
    assert (found["ClientToken"], len(found["NetworkInterfaces"])) == ("t-1", 1)
    told = world.ec2.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="userData")
    assert told["UserData"]["Value"] == secret
    told = world.ec2.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="disableApiTermination")
    assert told["DisableApiTermination"]["Value"] is True


def test_a_launch_template_lies_under_what_the_request_says(world: World) -> None:
    data = {"InstanceType": "r6i.xlarge", "KeyName": "ops", "ImageId": image_of(world)}
    template = world.truth.create_launch_template(LaunchTemplateName="shop-db", LaunchTemplateData=data)[
        "LaunchTemplate"
    ]
    [version] = world.ec2.describe_launch_template_versions(LaunchTemplateName="shop-db")["LaunchTemplateVersions"]
    assert version["LaunchTemplateData"]["InstanceType"] == "r6i.xlarge"
    asked = {"LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"]}, "MinCount": 1, "MaxCount": 1}
    [plain] = world.ec2.run_instances(**asked)["Instances"]
    [other] = world.ec2.run_instances(**asked, InstanceType="m6i.large")["Instances"]
    assert (plain["InstanceType"], plain["KeyName"], other["InstanceType"]) == ("r6i.xlarge", "ops", "m6i.large")
    assert {t["Key"] for t in plain["Tags"]} == {"aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"}


def test_the_root_of_a_registered_image_comes_from_its_snapshot(world: World, launch: Any) -> None:
    snapshot = world.snapshot("db-1/xvda")
    block = {"DeviceName": ROOT, "Ebs": {"SnapshotId": snapshot, "VolumeType": "gp3", "DeleteOnTermination": True}}
    asked = {"Name": "shop-db", "RootDeviceName": ROOT, "Architecture": "x86_64", "VirtualizationType": "hvm"}
    image = world.ec2.register_image(**asked, BlockDeviceMappings=[block])["ImageId"]
    world.control.settle()
    other = {"DeviceName": ROOT, "Ebs": {"Iops": 4000}}
    made = launch(ImageId=image, BlockDeviceMappings=[other])
    world.control.settle()
    [root] = volumes_of(world, made["InstanceId"]).values()
    assert (root["SnapshotId"], root["Iops"], root["Encrypted"]) == (snapshot, 4000, True)
    assert look(world, made["InstanceId"])["RootDeviceName"] == ROOT


def test_an_image_has_one_name_and_can_be_found_and_deregistered(world: World, refused: Refused) -> None:
    snapshot = world.snapshot()
    blocks = [{"DeviceName": ROOT, "Ebs": {"SnapshotId": snapshot}}]
    tags = [{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}]
    image = world.ec2.register_image(Name="one", BlockDeviceMappings=blocks, TagSpecifications=tags)["ImageId"]
    assert refused(world.ec2.register_image, Name="one", BlockDeviceMappings=blocks) == "InvalidAMIName.Duplicate"
    by_name = [{"Name": "name", "Values": ["one"]}]
    assert world.ec2.describe_images(Owners=["self"], Filters=by_name)["Images"] == []  # listed late
    world.control.settle()
    [found] = world.ec2.describe_images(Owners=["self"], Filters=by_name)["Images"]
    assert (found["ImageId"], found["Tags"]) == (image, [{"Key": "a", "Value": "b"}])
    assert found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == snapshot
    assert refused(world.ec2.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.InUse"
    world.ec2.deregister_image(ImageId=image)
    world.ec2.delete_snapshot(SnapshotId=snapshot)
    assert refused(world.ec2.deregister_image, ImageId=image) == "InvalidAMIID.NotFound"


def test_a_zone_without_room_refuses_the_type_and_nothing_is_made(world: World, refused: Refused, launch: Any) -> None:
    world.control.weather(no_capacity=["use1-az1/m6i.large", "us-east-1c/*"])
    full, other = subnet_in(world, "us-east-1b"), subnet_in(world, "us-east-1c")
    before = len(world.truth.describe_volumes()["Volumes"])
    assert refused(launch, SubnetId=full) == "InsufficientInstanceCapacity"
    assert refused(launch, SubnetId=other) == "InsufficientInstanceCapacity"
    assert len(world.truth.describe_volumes()["Volumes"]) == before
    assert launch(SubnetId=full, InstanceType="m6i.xlarge")["SubnetId"] == full


def test_the_free_addresses_of_a_subnet_are_counted_and_can_run_out(
    world: World, refused: Refused, launch: Any
) -> None:
    subnet = subnet_in(world, "us-east-1b")

    def free() -> int:
        [found] = world.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
        return int(found["AvailableIpAddressCount"])

    before = free()
    made = launch(SubnetId=subnet)["InstanceId"]
    assert free() == before - 1
    world.truth.terminate_instances(InstanceIds=[made])
    world.control.settle()
    assert free() == before
    world.control.weather(free_addresses={subnet: 0})
    assert free() == 0
    assert refused(launch, SubnetId=subnet) == "InsufficientFreeAddressesInSubnet"


def test_a_key_that_cannot_be_used_ends_the_instance_with_the_reason(world: World, launch: Any) -> None:
    snapshot = world.snapshot("db-1/sdf")
    ebs = {"SnapshotId": snapshot, "Encrypted": True, "KmsKeyId": "alias/none"}
    made = launch(BlockDeviceMappings=[{"DeviceName": DATA, "Ebs": ebs}])["InstanceId"]
    assert look(world, made)["State"]["Name"] == "pending"
    world.control.advance(120)
    found = look(world, made)
    assert found["State"]["Name"] == "terminated"
    assert found["StateReason"]["Code"] == "Client.InternalError"
    assert "not accessible" in found["StateReason"]["Message"]
    assert volumes_of(world, made) == {}


def test_what_does_not_exist_is_refused(refused: Refused, launch: Any) -> None:
    assert refused(launch, ImageId="ami-0123456789abcdef0") == "InvalidAMIID.NotFound"
    assert refused(launch, SubnetId="subnet-0123456789abcdef0") == "InvalidSubnetID.NotFound"
    assert refused(launch, SecurityGroupIds=["sg-0123456789abcdef0"]) == "InvalidGroup.NotFound"
    assert refused(launch, LaunchTemplate={"LaunchTemplateName": "none"}) == "InvalidLaunchTemplateId.NotFound"
    assert refused(launch, MinCount=2) == "InvalidParameterValue"
    gone = [{"DeviceName": DATA, "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}]
    assert refused(launch, BlockDeviceMappings=gone) == "InvalidSnapshot.NotFound"


def test_types_are_offered_by_zone(world: World) -> None:
    asked = [{"Name": "instance-type", "Values": ["m6i.large"]}]
    found = world.ec2.describe_instance_type_offerings(LocationType="availability-zone-id", Filters=asked)
    assert "use1-az1" in {offer["Location"] for offer in found["InstanceTypeOfferings"]}
    assert {offer["InstanceType"] for offer in found["InstanceTypeOfferings"]} == {"m6i.large"}


def test_reservations_and_the_quota_of_vcpus_can_be_read(world: World, refused: Callable[..., str]) -> None:
    assert world.ec2.describe_capacity_reservations()["CapacityReservations"] == []
    world.control.weather(reserved={"use1-az1/m6i.large": 3})
    [found] = world.ec2.describe_capacity_reservations()["CapacityReservations"]
    assert (found["AvailabilityZone"], found["AvailabilityZoneId"]) == ("us-east-1b", "use1-az1")
    assert (found["InstanceType"], found["AvailableInstanceCount"]) == ("m6i.large", 3)
    quotas = world.client("service-quotas")
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] == 1152
    assert refused(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0") == "NoSuchResourceException"
