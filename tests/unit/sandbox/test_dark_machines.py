"""What a dark zone does to the machines and volumes in it, and what goes on all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.unit.sandbox.conftest import World

DARK = "us-east-1a"


@pytest.fixture
def dark(world: World) -> World:
    """A world whose first zone is dark, and where such calls fail instead of hanging."""
    world.control.weather(dark={"hang_share": 0.0})
    world.control.disaster("az_dark", zone=DARK)
    return world


def failed(function: Callable[..., Any], **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**asked)
    return str(caught.value.response["Error"]["Code"])


def test_what_acts_on_something_in_the_zone_fails_and_changes_nothing(dark: World) -> None:
    web, data = dark.named("web-1"), dark.named("web-1/sdf")
    vpc = dark.truth.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = dark.truth.create_security_group(GroupName="x-y-z", Description="x", VpcId=vpc)["GroupId"]
    address = dark.truth.allocate_address(Domain="vpc")["AllocationId"]
    ec2 = dark.ec2
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (ec2.stop_instances, {"InstanceIds": [web]}),
        (ec2.terminate_instances, {"InstanceIds": [web]}),
        (ec2.modify_instance_attribute, {"InstanceId": web, "Groups": [group]}),
        (ec2.associate_address, {"AllocationId": address, "InstanceId": web}),
        (ec2.detach_volume, {"VolumeId": data}),
        (ec2.delete_volume, {"VolumeId": data}),
        (ec2.create_snapshot, {"VolumeId": data}),
        (ec2.create_snapshots, {"InstanceSpecification": {"InstanceId": web}}),
        (ec2.create_volume, {"AvailabilityZone": DARK, "Size": 8}),
        (ec2.attach_volume, {"VolumeId": data, "InstanceId": web, "Device": "/dev/sdz"}),
    ]
    for function, asked in calls:
        assert failed(function, **asked) == "InternalError", function
    [found] = dark.truth.describe_instances(InstanceIds=[web])["Reservations"]
    assert found["Instances"][0]["State"]["Name"] == "running"
    [volume] = dark.truth.describe_volumes(VolumeIds=[data])["Volumes"]
    assert volume["State"] == "in-use"


def test_nothing_is_launched_into_the_zone_and_a_share_of_the_calls_hangs(dark: World) -> None:
    web = dark.truth.describe_instances(InstanceIds=[dark.named("web-1")])["Reservations"][0]["Instances"][0]
    asked = {"ImageId": web["ImageId"], "SubnetId": web["SubnetId"], "MinCount": 1, "MaxCount": 1}
    assert failed(dark.ec2.run_instances, **asked) == "InternalError"
    dark.control.weather(dark={"hang_share": 1.0, "hang_s": 20.0})
    began = dark.control.now()
    with pytest.raises(BotoCoreError):
        dark.ec2.run_instances(**asked)
    assert (dark.control.now() - began).total_seconds() >= 20


def test_listings_tags_and_images_are_regional_and_go_on(dark: World) -> None:
    snapshot = dark.snapshot("web-2/sdf")
    dark.ec2.create_tags(Resources=[dark.named("web-1")], Tags=[{"Key": "a", "Value": "b"}])
    blocks = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    assert dark.ec2.register_image(Name="an-image", BlockDeviceMappings=blocks)["ImageId"]
    assert dark.ec2.describe_instances(InstanceIds=[dark.named("web-1")])["Reservations"]


def test_status_checks_show_the_darkness_after_a_while_and_its_end_at_once(dark: World) -> None:
    web, data = dark.named("web-1"), dark.named("web-1/sdf")

    def told() -> tuple[str, str, str]:
        [one] = dark.ec2.describe_instance_status(InstanceIds=[web])["InstanceStatuses"]
        [volume] = dark.ec2.describe_volume_status(VolumeIds=[data])["VolumeStatuses"]
        return one["InstanceStatus"]["Status"], one["SystemStatus"]["Status"], volume["VolumeStatus"]["Status"]

    assert told() == ("ok", "ok", "ok")
    dark.clock.sleep(90)
    assert told() == ("impaired", "impaired", "impaired")
    impaired = [{"Name": "instance-status.status", "Values": ["impaired"]}]
    assert len(dark.ec2.describe_instance_status(Filters=impaired)["InstanceStatuses"]) == 3
    bad = [{"Name": "volume-status.status", "Values": ["impaired"]}]
    found = dark.ec2.describe_volume_status(Filters=bad)["VolumeStatuses"]
    assert {one["AvailabilityZone"] for one in found} == {DARK}
    dark.control.disaster("heal", zone=DARK)
    assert told()[1] == "ok"
