"""The life of instances: stopped, started, terminated, sick; their groups and their Elastic IP addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.sandbox.conftest import World

Refused = Callable[..., str]


def look(world: World, name: str) -> Any:
    found = world.truth.describe_instances(InstanceIds=[world.named(name)])["Reservations"]
    return found[0]["Instances"][0]


def test_an_instance_takes_time_to_stop_and_to_start(world: World, refused: Refused) -> None:
    web = world.named("web-1")
    [change] = world.ec2.stop_instances(InstanceIds=[web])["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    assert refused(world.ec2.start_instances, InstanceIds=[web]) == "IncorrectInstanceState"
    world.clock.sleep(60)
    assert world.ec2.stop_instances(InstanceIds=[web])["StoppingInstances"][0]["CurrentState"]["Name"] == "stopped"
    [change] = world.ec2.start_instances(InstanceIds=[web])["StartingInstances"]
    assert change["CurrentState"]["Name"] == "pending"


def test_what_is_terminated_twice_is_terminated(world: World, refused: Refused) -> None:
    web = world.named("web-1")
    world.ec2.terminate_instances(InstanceIds=[web])
    world.clock.sleep(60)
    [again] = world.ec2.terminate_instances(InstanceIds=[web])["TerminatingInstances"]
    assert again["CurrentState"]["Name"] == "terminated"
    assert refused(world.ec2.stop_instances, InstanceIds=[web]) == "IncorrectInstanceState"
    left = {v["VolumeId"] for v in world.truth.describe_volumes()["Volumes"]}
    assert world.named("web-1/sdf") in left
    assert world.named("web-1/xvda") not in left


def test_a_protected_instance_is_not_terminated(world: World, refused: Refused) -> None:
    web = world.named("web-1")
    world.ec2.modify_instance_attribute(InstanceId=web, DisableApiTermination={"Value": True})
    assert refused(world.ec2.terminate_instances, InstanceIds=[web]) == "OperationNotPermitted"


def test_groups_can_be_changed(world: World, refused: Refused) -> None:
    web = world.named("web-1")
    vpc = look(world, "web-1")["VpcId"]
    group = world.truth.create_security_group(GroupName="dark", Description="nothing", VpcId=vpc)["GroupId"]
    world.ec2.modify_instance_attribute(InstanceId=web, Groups=[group])
    assert [g["GroupId"] for g in look(world, "web-1")["SecurityGroups"]] == [group]
    gone = ["sg-0123456789abcdef0"]
    assert refused(world.ec2.modify_instance_attribute, InstanceId=web, Groups=gone) == "InvalidGroup.NotFound"


def test_a_sick_instance_fails_its_own_check_and_not_the_systems(world: World) -> None:
    web = world.named("web-1")
    world.control.weather(sick=[web])
    sick = [{"Name": "instance-status.status", "Values": ["impaired"]}]
    [found] = world.ec2.describe_instance_status(Filters=sick)["InstanceStatuses"]
    assert (found["InstanceId"], found["SystemStatus"]["Status"]) == (web, "ok")
    assert (found["AvailabilityZone"], found["AvailabilityZoneId"]) == ("us-east-1a", "use1-az6")


def test_only_running_instances_have_a_status_unless_all_are_asked_for(world: World) -> None:
    web = world.named("web-1")
    world.ec2.stop_instances(InstanceIds=[web])
    world.clock.sleep(60)
    assert world.ec2.describe_instance_status(InstanceIds=[web])["InstanceStatuses"] == []
    [found] = world.ec2.describe_instance_status(InstanceIds=[web], IncludeAllInstances=True)["InstanceStatuses"]
    assert found["InstanceStatus"]["Status"] == "not-applicable"
    world.ec2.start_instances(InstanceIds=[web])
    world.clock.sleep(45)
    [found] = world.ec2.describe_instance_status(InstanceIds=[web])["InstanceStatuses"]
    assert found["InstanceStatus"]["Status"] == "initializing"


def test_an_address_moves_and_knows_who_has_it(world: World, refused: Refused) -> None:
    one, other = world.named("web-1"), world.named("web-2")
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "app", "Value": "shop"}]}]
    made = world.ec2.allocate_address(Domain="vpc", TagSpecifications=tags)
    address = made["AllocationId"]
    world.ec2.associate_address(AllocationId=address, InstanceId=one)
    assert look(world, "web-1")["PublicIpAddress"] == made["PublicIp"]
    code = refused(world.ec2.associate_address, AllocationId=address, InstanceId=other, AllowReassociation=False)
    assert code == "Resource.AlreadyAssociated"
    world.ec2.associate_address(AllocationId=address, InstanceId=other)
    world.control.settle()
    [found] = world.ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    assert (found["InstanceId"], found["Tags"]) == (other, tags[0]["Tags"])
    assert "PublicIpAddress" not in look(world, "web-1")
    assert refused(world.ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    world.ec2.disassociate_address(AssociationId=found["AssociationId"])
    world.ec2.release_address(AllocationId=address)
    assert refused(world.ec2.describe_addresses, AllocationIds=[address]) == "InvalidAllocationID.NotFound"


def test_the_address_of_a_terminated_instance_is_free(world: World) -> None:
    web = world.named("web-1")
    address = world.truth.allocate_address(Domain="vpc")["AllocationId"]
    world.truth.associate_address(AllocationId=address, InstanceId=web)
    world.truth.terminate_instances(InstanceIds=[web])
    [found] = world.truth.describe_addresses(AllocationIds=[address])["Addresses"]
    assert "InstanceId" not in found


def test_a_provisioned_rate_reads_a_volume_in_sooner_and_has_its_bounds(world: World, refused: Refused) -> None:
    snapshot = world.snapshot("db-1/sdf")
    asked = {"SnapshotId": snapshot, "AvailabilityZone": "us-east-1b", "VolumeType": "gp3"}
    slow = world.ec2.create_volume(**asked)["VolumeId"]
    fast = world.ec2.create_volume(**asked, VolumeInitializationRate=300)["VolumeId"]
    world.control.advance(120)
    found = {v["VolumeId"]: v for v in world.truth.describe_volume_status(VolumeIds=[slow, fast])["VolumeStatuses"]}
    told = found[fast]["InitializationStatusDetails"]
    assert told["Progress"] > found[slow]["InitializationStatusDetails"]["Progress"] > 0
    assert (told["InitializationType"], told["EstimatedTimeToCompleteInSeconds"] > 0) == ("provisioned-rate", True)
    assert refused(world.ec2.create_volume, **asked, VolumeInitializationRate=99) == "InvalidParameterValue"
