"""Where a replacement can be launched: subnets of the same VPC with free addresses, in zones that offer its type.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html. Whether a zone
has capacity is not known before a launch is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import StepContext
from chalicelib.aws import tags
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, SubnetTypeDef

Site = dict[str, Any]  # zone_id, subnet, type: JSON-safe


@dataclass
class Sites:
    """Subnets and offerings of some zones, read once; counts the addresses that are planned for.

    Attributes:
        zones: IDs of the zones, the best first.
        subnets: By id.
        offered: (type, zone's ID) that are offered.
    """

    zones: Sequence[str]
    subnets: Mapping[str, SubnetTypeDef]
    offered: set[tuple[str, str]]
    only: Sequence[str] = ()
    taken: dict[str, int] = field(default_factory=dict)

    def of(self, instance: InstanceTypeDef, types: Sequence[str]) -> tuple[list[Site], list[str]]:
        """Return where an instance can be launched and as what, in the order in which it is tried; and remarks.

        Its own type comes first in every zone, then the next of `types` in every zone.
        """
        own = instance["InstanceType"]
        notes: list[str] = []
        chosen = [(zone, self._subnet(instance, zone, notes)) for zone in self.zones]
        there = [(zone, subnet) for zone, subnet in chosen if subnet]
        sites = [
            {"zone_id": zone, "subnet": subnet, "type": kind}
            for kind in dict.fromkeys([own, *types])
            for zone, subnet in there
            if (kind, zone) in self.offered
        ]
        lacking = sorted({zone for zone, _ in there if (own, zone) not in self.offered})
        if lacking:
            notes.append(f"{instance['InstanceId']}: {', '.join(lacking)} does not offer {own}.")
        if sites:
            self.taken[str(sites[0]["subnet"])] = self.taken.get(str(sites[0]["subnet"]), 0) + 1
        return sites, notes

    def _subnet(self, instance: InstanceTypeDef, zone: str, notes: list[str]) -> str:
        """Return the subnet of a zone that is most like the instance's own and has room; "" when there is none."""
        home = self.subnets.get(instance.get("SubnetId", ""))
        allowed = [
            subnet
            for subnet in self.subnets.values()
            if subnet["AvailabilityZoneId"] == zone
            and subnet["VpcId"] == instance.get("VpcId")
            and (not self.only or subnet["SubnetId"] in self.only)
        ]
        alike = [one for one in allowed if self.only or home is None or _kind(one) == _kind(home)]
        roomy = [one for one in alike if self._free(one) > 0]
        if not roomy:
            why = "no subnet like its own" if not alike else "no free address"
            notes.append(f"{instance['InstanceId']}: {zone} has {why} in {instance.get('VpcId')}.")
            return ""
        best = max(roomy, key=lambda one: (_likeness(one, home), self._free(one), one["SubnetId"]))
        equal = [one for one in roomy if _likeness(one, home) == _likeness(best, home)]
        if len(equal) > 1:
            notes.append(
                f"{instance['InstanceId']}: {len(equal)} subnets of {zone} are as like its own; {best['SubnetId']} has "
                "most free addresses. Name `subnets` to choose."
            )
        return best["SubnetId"]

    def _free(self, subnet: SubnetTypeDef) -> int:
        return subnet["AvailableIpAddressCount"] - self.taken.get(subnet["SubnetId"], 0)


def _kind(subnet: SubnetTypeDef) -> bool:
    """Return whether a subnet gives public addresses: a private instance must not become a public one."""
    return bool(subnet.get("MapPublicIpOnLaunch"))


def _likeness(subnet: SubnetTypeDef, home: SubnetTypeDef | None) -> int:
    """Return how many tags a subnet shares with the instance's own, names aside."""
    if home is None:
        return 0
    own, other = tags.of(home), tags.of(subnet)
    return sum(other.get(key) == value for key, value in own.items() if key != "Name")


def read_sites(
    ctx: StepContext, region: str, instances: Sequence[InstanceTypeDef], zones: Sequence[str], types: Sequence[str]
) -> Sites:
    """Read the subnets of the instances' VPCs and which types the zones offer: one call each per 200 values.

    Raises:
        ActionError: AWS refused a read.
    """
    vpcs = sorted({str(one.get("VpcId")) for one in instances if one.get("VpcId")})
    kinds = sorted({one["InstanceType"] for one in instances} | set(types))
    ec2 = ctx.aws.ec2(region)
    subnets: dict[str, SubnetTypeDef] = {}
    offered: set[tuple[str, str]] = set()
    with translated(f"subnets and instance types in {region}"):
        for some in batches(vpcs):
            pages = ec2.get_paginator("describe_subnets").paginate(Filters=[{"Name": "vpc-id", "Values": some}])
            subnets |= {subnet["SubnetId"]: subnet for page in pages for subnet in page["Subnets"]}
        for some in batches(kinds):
            offers = ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": some}]
            )
            offered |= {(o["InstanceType"], o["Location"]) for page in offers for o in page["InstanceTypeOfferings"]}
    return Sites(zones, subnets, offered)
