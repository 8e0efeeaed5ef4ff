"""Subnets, and how many addresses are free in them.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html (five addresses of each subnet
are AWS's own: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.sandbox.ec2 import tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.listing import Kind, listed
from chalicelib.sandbox.ec2.wire import AwsError, Tree, tag_set
from chalicelib.sandbox.weather.sky import ACCOUNT, Land, overhead

AWS_OWN = 5


def of(land: Land) -> dict[str, Any]:
    """Return the subnets of a Region by id."""
    found = {key: subnet for zone in land.backend.subnets.values() for key, subnet in zone.items()}
    for subnet in found.values():
        if not hasattr(subnet, "serial"):
            subnet.serial, subnet.visible_at_s = overhead().next_serial(), 0.0
    return found


def free(land: Land, subnet: Any) -> int:
    """Return how many addresses of a subnet are free: by the setting `free_addresses`, else by who lives there."""
    told: int | None = overhead().settings.free_addresses.get(subnet.id)
    if told is not None:
        return told
    living: int = sum(i.subnet_id == subnet.id and i.state_now[1] != "terminated" for i in land.instances.values())
    return int(subnet.cidr.num_addresses) - AWS_OWN - living


def check_free(land: Land, subnet: Any) -> None:
    """Refuse an instance for which there is no address.

    Raises:
        AwsError: InsufficientFreeAddressesInSubnet.
    """
    if free(land, subnet) < 1:
        raise AwsError(
            "InsufficientFreeAddressesInSubnet", f"There are not enough free addresses in subnet '{subnet.id}'."
        )


def _ids(land: Land, values: list[str]) -> Iterable[Any]:
    store = of(land)
    return [store[value] for value in values if value in store]


SUBNETS = Kind(
    "subnet",
    "SubnetId",
    of,
    lambda one: AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{one}' does not exist"),
    "InvalidSubnetID.Malformed",
    {
        "availability-zone": lambda s: [s.availability_zone],
        "availability-zone-id": lambda s: [s.availability_zone_id],
        "cidr-block": lambda s: [s.cidr_block],
        "default-for-az": lambda s: [_flag(s.default_for_az)],
        "map-public-ip-on-launch": lambda s: [_flag(s.map_public_ip_on_launch)],
        "state": lambda s: [s.state],
        "subnet-id": lambda s: [s.id],
        "vpc-id": lambda s: [s.vpc_id],
    },
    {"subnet-id": _ids},
)


def describe_subnets(call: Ec2Call) -> Tree:
    """List subnets."""
    page = listed(call, SUBNETS)
    return {"subnetSet": [_shape(call, subnet) for subnet in page.things], "nextToken": page.token}


def _shape(call: Ec2Call, subnet: Any) -> Tree:
    return {
        "subnetId": subnet.id,
        "subnetArn": subnet.arn,
        "state": subnet.state,
        "vpcId": subnet.vpc_id,
        "cidrBlock": subnet.cidr_block,
        "availableIpAddressCount": free(call.land, subnet),
        "availabilityZone": subnet.availability_zone,
        "availabilityZoneId": subnet.availability_zone_id,
        "defaultForAz": _flag(subnet.default_for_az) == "true",
        "mapPublicIpOnLaunch": _flag(subnet.map_public_ip_on_launch) == "true",
        "assignIpv6AddressOnCreation": False,
        "ownerId": ACCOUNT,
        "tagSet": tag_set(tags.visible(call.land, subnet.id, witness=call.witness)),
    }


def _flag(value: object) -> str:
    return str(value in {True, "true", "True"}).lower()
