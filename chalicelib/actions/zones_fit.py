"""Whether the other zones can take what has to move: types, subnets, addresses, reservations, quotas.

Free capacity of a zone nobody can know before it is asked for:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html. What is best effort is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.actions.zones_seen import Seen
from chalicelib.aws import listing
from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.domain.zone_evidence import Fitness
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

UNKNOWN = "Whether there is free capacity in a healthy zone is unknown until instances are launched there."
STANDARD = "L-1216C47A"  # quota of vCPUs of running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances
STANDARD_FAMILIES = frozenset("acdhimrtz")


def fitness(aws: Aws, region: str, found: Seen, moving: Iterable[InstanceTypeDef]) -> tuple[list[Fitness], list[str]]:
    """Return what is known of each zone, and notes on what is not.

    Args:
        aws: A reading way to AWS.
        region: Where.
        found: What was seen of the zones.
        moving: The instances that have to move.

    Raises:
        ActionError: subnets or offerings cannot be read.
    """
    leaving, notes = list(moving), [UNKNOWN]
    types = Counter(each["InstanceType"] for each in leaving)
    vpcs = sorted({each["VpcId"] for each in leaving if "VpcId" in each})
    offered, rooms = _offered(aws, region, types), _rooms(aws, region, vpcs)
    reserved = _best_effort(notes, "capacity reservations", lambda: _reserved(aws, region, types)) or Counter()
    if leaving:
        notes += [_best_effort(notes, "the quota of vCPUs", lambda: _quota(aws, region, leaving)) or ""]
    inhabited = {found.zone_of(each) for each in found.instances}
    zones = [
        Fitness(
            zone=zone,
            state=state,
            missing_types=tuple(sorted(name for name in types if name not in offered.get(zone, ()))),
            subnets=len(rooms.get(zone, ())) if vpcs else None,
            free_addresses=max(rooms.get(zone, [0])) if vpcs else None,
            reserved=reserved[zone],
            inhabited=zone in inhabited,
        )
        for zone, state in sorted(found.zones.items())
    ]
    return zones, [note for note in notes if note]


def _best_effort(notes: list[str], what: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ActionError as error:
        notes.append(f"{what} could not be read: {error.code}")
        return None


def _offered(aws: Aws, region: str, types: Iterable[str]) -> dict[str, set[str]]:
    """Return the types that each zone (ID) offers."""
    found: dict[str, set[str]] = {}
    for some in listing.batches(sorted(types)):
        with translated(f"instance types in {region}"):
            pages = (
                aws.ec2(region)
                .get_paginator("describe_instance_type_offerings")
                .paginate(LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": some}])
            )
            for offering in (each for page in pages for each in page["InstanceTypeOfferings"]):
                found.setdefault(offering["Location"], set()).add(offering["InstanceType"])
    return found


def _rooms(aws: Aws, region: str, vpcs: list[str]) -> dict[str, list[int]]:
    """Return the free addresses of each subnet of these VPCs, by zone ID."""
    found: dict[str, list[int]] = {}
    for some in listing.batches(vpcs):
        with translated(f"subnets in {region}"):
            pages = (
                aws.ec2(region).get_paginator("describe_subnets").paginate(Filters=[{"Name": "vpc-id", "Values": some}])
            )
            for subnet in (each for page in pages for each in page["Subnets"]):
                found.setdefault(subnet["AvailabilityZoneId"], []).append(subnet["AvailableIpAddressCount"])
    return found


def _reserved(aws: Aws, region: str, types: Iterable[str]) -> Counter[str]:
    """Return how many instances of these types open reservations have room for, by zone ID."""
    found: Counter[str] = Counter()
    with translated(f"capacity reservations in {region}"):
        pages = (
            aws.ec2(region)
            .get_paginator("describe_capacity_reservations")
            .paginate(Filters=[{"Name": "state", "Values": ["active"]}])
        )
        for each in (one for page in pages for one in page["CapacityReservations"]):
            if each["InstanceType"] in types and each.get("InstanceMatchCriteria") == "open":
                found[each["AvailabilityZoneId"]] += each["AvailableInstanceCount"]
    return found


def _quota(aws: Aws, region: str, leaving: list[InstanceTypeDef]) -> str:
    """Say how the quota of vCPUs stands if what leaves runs elsewhere beside what it replaces."""
    client = aws.client("service-quotas", region)
    with translated(f"quotas in {region}", service="servicequotas"):
        quota = client.get_service_quota(ServiceCode="ec2", QuotaCode=STANDARD)["Quota"]["Value"]
    said = f"The quota of running On-Demand Standard instances is {quota:g} vCPUs"
    running = listing.instances(aws, region, {"instance-state-name": ["pending", "running"]})
    used, more = vcpus(running), vcpus(leaving)
    if used is None or more is None:
        return f"{said}; how many run now is not known."
    over = "" if used + more <= quota else ": NOT ENOUGH until old instances are stopped; ask AWS for more now"
    return f"{said}; {used} run now, and {more} leave the zone{over}."


def vcpus(instances: Iterable[InstanceTypeDef]) -> int | None:
    """Return the vCPUs of instances of Standard families; None when AWS does not say."""
    total = 0
    for each in instances:
        options = each.get("CpuOptions", {})
        if each["InstanceType"][0] not in STANDARD_FAMILIES or each.get("InstanceLifecycle") == "spot":
            continue
        if "CoreCount" not in options:
            return None
        total += options["CoreCount"] * options.get("ThreadsPerCore", 1)
    return total
