"""What a zone has room for: instance types that it offers, and capacity that it has run out of.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html (InsufficientInstanceCapacity).
"""

from __future__ import annotations

from functools import cache

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.weather.sky import Sky

LOCATIONS = {"availability-zone", "availability-zone-id", "region"}


def check(sky: Sky, region: str, zone: str, kind: str) -> None:
    """Refuse an instance type that a zone has no room for, by the setting `no_capacity`.

    Args:
        sky: Whose settings.
        region: The Region.
        zone: Name or ID of the zone.
        kind: The instance type.

    Raises:
        AwsError: InsufficientInstanceCapacity.
    """
    if not sky.settings.no_capacity:
        return
    names = sky.darkness.known(region, zone)
    if {f"{name}/{what}" for name in names for what in (kind, "*")} & set(sky.settings.no_capacity):
        sky.books.fault("no_capacity")
        raise AwsError(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({names[0]}). "
            "Our system will be working on provisioning additional capacity.",
            500,
        )


def describe_instance_type_offerings(call: Ec2Call) -> Tree:
    """List which types are offered where, on one page; filters `instance-type` and `location`."""
    by = call.text("LocationType") or "region"
    if by not in LOCATIONS:
        raise AwsError("InvalidParameterValue", f"Value ({by}) for parameter locationType is invalid.")
    wanted = {str(f["Name"]): {str(v) for v in several(f.get("Value"))} for f in several(call.form.get("Filter"))}
    unknown = sorted(wanted.keys() - {"instance-type", "location"})
    if unknown:
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    types, places = wanted.get("instance-type"), wanted.get("location")
    shown = [
        {"instanceType": kind, "locationType": by, "location": place}
        for kind, place in _offered(by, call.land.region)
        if (types is None or kind in types) and (places is None or place in places)
    ]
    return {"instanceTypeOfferingSet": shown}


@cache
def _offered(by: str, region: str) -> tuple[tuple[str, str], ...]:
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    offers = INSTANCE_TYPE_OFFERINGS[by].get(region, [])
    return tuple(sorted((str(offer["InstanceType"]), str(offer["Location"])) for offer in offers))


def describe_capacity_reservations(call: Ec2Call) -> Tree:
    """List the open reservations that the setting `reserved` makes, on one page; all of them are active."""
    shown = []
    for place, count in sorted(call.sky.settings.reserved.items()):
        zone, _, kind = place.partition("/")
        name, zone_id = call.sky.darkness.known(call.land.region, zone)
        shown.append(
            {
                "capacityReservationId": f"cr-{int(call.sky.draw('reserved', place) * 2**60):016x}",
                "instanceType": kind,
                "availabilityZone": name,
                "availabilityZoneId": zone_id,
                "totalInstanceCount": count,
                "availableInstanceCount": count,
                "instanceMatchCriteria": "open",
                "state": "active",
            }
        )
    return {"capacityReservationSet": shown}
