"""What EC2 refuses for good, in EC2's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

World = Any  # see conftest.py
Refused = Callable[..., str]
ZONE = "us-east-1a"


@pytest.mark.parametrize(
    ("operation", "asked", "code"),
    [
        ("create_volume", {"AvailabilityZone": ZONE}, "MissingParameter"),
        ("create_volume", {"AvailabilityZone": ZONE, "Size": 8, "KmsKeyId": "k"}, "InvalidParameterDependency"),
        ("create_volume", {"AvailabilityZone": ZONE, "SnapshotId": "snap-00000000"}, "InvalidSnapshot.NotFound"),
        ("attach_volume", {"VolumeId": "archive", "InstanceId": "i-00000000"}, "InvalidInstanceID.NotFound"),
        ("detach_volume", {"VolumeId": "archive"}, "IncorrectState"),
        ("detach_volume", {"VolumeId": "web-1/sdf", "Device": "/dev/sdz"}, "InvalidAttachment.NotFound"),
        ("delete_snapshot", {"SnapshotId": "snap-00000000"}, "InvalidSnapshot.NotFound"),
        ("copy_snapshot", {"SourceRegion": "us-nowhere-1", "SourceSnapshotId": "snap-0"}, "InvalidParameterValue"),
    ],
)
def test_ec2_refuses(world: World, refused: Refused, operation: str, asked: dict[str, Any], code: str) -> None:
    given = {"Device": "/dev/sdx"} if operation == "attach_volume" else {}
    given |= {key: world.estate["names"].get(value, value) for key, value in asked.items()}
    assert refused(getattr(world.ec2, operation), **given) == code


@pytest.mark.parametrize(
    "spec",
    [
        {"ExcludeDataVolumeIds": ["archive"]},
        {"ExcludeBootVolume": True, "ExcludeDataVolumeIds": ["web-1/sdf"]},
    ],
)
def test_a_set_has_members_and_excludes_only_what_is_attached(
    world: World, refused: Refused, spec: dict[str, Any]
) -> None:
    named = {**spec, "ExcludeDataVolumeIds": [world.named(name) for name in spec["ExcludeDataVolumeIds"]]}
    asked = {"InstanceId": world.named("web-1"), **named}
    assert refused(world.ec2.create_snapshots, InstanceSpecification=asked) == "InvalidParameterValue"


def test_a_terminated_instance_has_no_set(world: World, refused: Refused) -> None:
    world.ec2.terminate_instances(InstanceIds=[world.named("web-1")])
    asked = {"InstanceId": world.named("web-1")}
    assert refused(world.ec2.create_snapshots, InstanceSpecification=asked) == "IncorrectState"


def test_a_volume_being_created_has_no_snapshot(world: World, refused: Refused) -> None:
    made = world.ec2.create_volume(AvailabilityZone=ZONE, Size=8)["VolumeId"]
    assert refused(world.ec2.create_snapshot, VolumeId=made) == "IncorrectState"


def test_a_snapshot_takes_no_tags_for_a_volume(world: World, refused: Refused) -> None:
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}]
    code = refused(world.ec2.create_snapshot, VolumeId=world.named("archive"), TagSpecifications=tags)
    assert code == "InvalidParameterValue"
    assert world.truth.describe_snapshots()["Snapshots"] == []
