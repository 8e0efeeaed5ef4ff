"""CreateVolume, AttachVolume, DetachVolume, DeleteVolume: what AWS checks and moto does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

World = Any  # see conftest.py
Refused = Callable[..., str]
ZONE = "us-east-1a"


def volume(world: World, **more: Any) -> Any:
    return world.ec2.create_volume(**{"AvailabilityZone": ZONE, "Size": 8, **more})


def state(world: World, volume_id: str) -> str:
    return str(world.truth.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["State"])


def test_a_volume_is_creating_before_it_is_available(world: World) -> None:
    made = volume(world)
    assert (made["State"], made["VolumeType"]) == ("creating", "gp2")
    assert state(world, made["VolumeId"]) == "creating"
    world.control.advance(30)
    assert state(world, made["VolumeId"]) == "available"
    detail = world.control.events()[-1]["event"]["detail"]
    assert (detail["event"], detail["result"], detail["cause"]) == ("createVolume", "available", "")


def test_the_event_of_a_volume_with_a_disabled_key_says_so(world: World) -> None:
    key = world.estate["keys"]["alias/shop"]
    world.client("kms").disable_key(KeyId=key)
    volume(world, Encrypted=True, KmsKeyId="alias/shop")
    world.control.advance(60)
    assert world.control.events()[-1]["event"]["detail"]["cause"] == f"{key} is disabled."


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"AvailabilityZone": ZONE, "AvailabilityZoneId": "use1-az1"}, "InvalidParameterCombination"),
        ({}, "MissingParameter"),
        ({"AvailabilityZone": "us-east-1z"}, "InvalidZone.NotFound"),
        ({"AvailabilityZone": "us-west-2a"}, "InvalidZone.NotFound"),
        ({"AvailabilityZoneId": "use1-az99"}, "InvalidZone.NotFound"),
    ],
)
def test_exactly_one_zone_that_exists_is_needed(
    world: World, refused: Refused, given: dict[str, str], code: str
) -> None:
    assert refused(world.ec2.create_volume, Size=8, **given) == code


def test_a_zone_may_be_given_by_its_id(world: World) -> None:
    zones = world.ec2.describe_availability_zones()["AvailabilityZones"]
    made = world.ec2.create_volume(Size=8, AvailabilityZoneId=zones[1]["ZoneId"])
    assert made["AvailabilityZone"] == zones[1]["ZoneName"]


def test_the_same_token_makes_no_second_volume(world: World) -> None:
    before = len(world.truth.describe_volumes()["Volumes"])
    first = volume(world, ClientToken="t")
    second = volume(world, ClientToken="t")
    assert second["VolumeId"] == first["VolumeId"]
    assert len(world.truth.describe_volumes()["Volumes"]) == before + 1


def test_the_same_token_with_other_parameters_is_refused(world: World, refused: Refused) -> None:
    volume(world, ClientToken="t")
    assert refused(volume, world=world, ClientToken="t", Size=9) == "IdempotentParameterMismatch"


def test_a_volume_is_not_smaller_than_its_snapshot(world: World, refused: Refused) -> None:
    source = world.snapshot()
    assert refused(volume, world=world, SnapshotId=source, Size=19) == "InvalidParameterValue"
    assert world.ec2.create_volume(SnapshotId=source, AvailabilityZone=ZONE)["Size"] == 20


def test_a_pending_snapshot_restores_nothing(world: World, refused: Refused) -> None:
    source = world.ec2.create_snapshot(VolumeId=world.named("web-1/sdf"))["SnapshotId"]
    assert refused(volume, world=world, SnapshotId=source, Size=20) == "IncorrectState"


def test_a_restored_volume_keeps_the_key_of_its_snapshot(world: World) -> None:
    made = volume(world, SnapshotId=world.snapshot("db-1/sdf"), Size=100)
    assert (made["Encrypted"], made["KmsKeyId"]) == (True, world.estate["keys"]["alias/shop"])


def test_a_bad_key_is_accepted_and_fails_the_volume_afterwards(world: World) -> None:
    made = volume(world, Encrypted=True, KmsKeyId="alias/nowhere")
    world.control.advance(60)
    assert state(world, made["VolumeId"]) == "error"
    assert world.control.events()[-1]["event"]["detail"]["result"] == "failed"


def test_a_throughput_volume_has_a_smallest_size(world: World, refused: Refused) -> None:
    assert refused(volume, world=world, VolumeType="st1", Size=100) == "InvalidParameterValue"


def made_in(world: World, zone: str) -> str:
    made = world.truth.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
    world.control.settle()
    return str(made)


def attach(world: World, volume_id: str, instance: str = "web-1", device: str = "/dev/sdx") -> Any:
    return world.ec2.attach_volume(VolumeId=volume_id, InstanceId=world.named(instance), Device=device)


def test_a_volume_of_another_zone_cannot_be_attached(world: World, refused: Refused) -> None:
    code = refused(attach, world=world, volume_id=made_in(world, "us-east-1b"))
    assert code == "InvalidVolume.ZoneMismatch"


def test_an_attached_volume_cannot_be_attached_again(world: World, refused: Refused) -> None:
    code = refused(attach, world=world, volume_id=world.named("web-1/sdf"), instance="db-1")
    assert code == "VolumeInUse"


def test_a_device_in_use_cannot_be_used_again(world: World, refused: Refused) -> None:
    code = refused(attach, world=world, volume_id=made_in(world, ZONE), device="/dev/sdf")
    assert code == "InvalidParameterValue"


def test_a_volume_being_created_cannot_be_attached(world: World, refused: Refused) -> None:
    assert refused(attach, world=world, volume_id=volume(world)["VolumeId"]) == "IncorrectState"


def test_a_terminated_instance_takes_no_volume(world: World, refused: Refused) -> None:
    free = made_in(world, ZONE)
    world.ec2.terminate_instances(InstanceIds=[world.named("web-1")])
    assert refused(attach, world=world, volume_id=free) == "IncorrectState"


def test_attaching_and_detaching_take_time_and_need_only_the_volume_id(world: World) -> None:
    free = made_in(world, ZONE)
    assert attach(world, free)["State"] == "attaching"

    def attachments() -> list[Any]:
        return list(world.truth.describe_volumes(VolumeIds=[free])["Volumes"][0]["Attachments"])

    world.control.advance(10)
    assert [a["State"] for a in attachments()] == ["attached"]
    assert world.ec2.detach_volume(VolumeId=free)["State"] == "detaching"
    assert [a["State"] for a in attachments()] == ["detaching"]
    assert state(world, free) == "in-use"
    world.control.advance(10)
    assert attachments() == []
    assert state(world, free) == "available"
    [reservation] = world.truth.describe_instances(InstanceIds=[world.named("web-1")])["Reservations"]
    devices = [m["DeviceName"] for m in reservation["Instances"][0]["BlockDeviceMappings"]]
    assert devices == ["/dev/xvda", "/dev/sdf"]


def test_a_shared_volume_is_attached_to_both_instances_and_detached_by_name(world: World, refused: Refused) -> None:
    shared = world.named("shared")
    [found] = world.truth.describe_volumes(VolumeIds=[shared])["Volumes"]
    assert {a["InstanceId"] for a in found["Attachments"]} == {world.named("db-1"), world.named("db-2")}
    assert refused(world.ec2.detach_volume, VolumeId=shared) == "InvalidParameterValue"
    world.ec2.detach_volume(VolumeId=shared, InstanceId=world.named("db-2"))
    world.control.advance(60)
    [found] = world.truth.describe_volumes(VolumeIds=[shared])["Volumes"]
    assert [a["InstanceId"] for a in found["Attachments"]] == [world.named("db-1")]


def test_a_volume_in_use_cannot_be_deleted_and_a_free_one_can(world: World, refused: Refused) -> None:
    assert refused(world.ec2.delete_volume, VolumeId=world.named("web-1/sdf")) == "VolumeInUse"
    free = made_in(world, ZONE)
    world.ec2.delete_volume(VolumeId=free)
    assert refused(world.truth.describe_volumes, VolumeIds=[free]) == "InvalidVolume.NotFound"


def test_terminating_an_instance_deletes_its_root_and_frees_its_data(world: World, refused: Refused) -> None:
    world.ec2.terminate_instances(InstanceIds=[world.named("web-1")])
    assert refused(world.truth.describe_volumes, VolumeIds=[world.named("web-1/xvda")]) == "InvalidVolume.NotFound"
    assert state(world, world.named("web-1/sdf")) == "available"


def test_an_instance_takes_time_to_stop_and_to_start(world: World) -> None:
    one = world.named("web-1")

    def now() -> str:
        [reservation] = world.truth.describe_instances(InstanceIds=[one])["Reservations"]
        return str(reservation["Instances"][0]["State"]["Name"])

    seen = [now()]
    for change in (world.ec2.stop_instances, world.ec2.start_instances):
        change(InstanceIds=[one])
        seen.append(now())
        world.control.advance(120)
        seen.append(now())
    assert seen == ["running", "stopping", "stopped", "pending", "running"]


def test_a_restored_volume_is_read_in_after_it_is_available(world: World) -> None:
    made = volume(world, SnapshotId=world.snapshot(), Size=20, VolumeInitializationRate=100)["VolumeId"]

    def progress() -> int:
        [status] = world.truth.describe_volume_status(VolumeIds=[made])["VolumeStatuses"]
        return int(status["InitializationStatusDetails"]["Progress"])

    world.control.advance(20)
    early = progress()
    world.control.advance(100)
    middle = progress()
    world.control.advance(200)
    assert early < 10 < middle < 90
    assert progress() == 100


def test_the_same_token_launches_no_second_instance(world: World, refused: Refused) -> None:
    image = world.truth.describe_instances()["Reservations"][0]["Instances"][0]["ImageId"]
    asked = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "ClientToken": "t"}
    first, second = (world.ec2.run_instances(InstanceType="m6i.large", **asked) for _ in range(2))
    assert second["Instances"][0]["InstanceId"] == first["Instances"][0]["InstanceId"]
    assert refused(world.ec2.run_instances, InstanceType="m6i.xlarge", **asked) == "IdempotentParameterMismatch"
