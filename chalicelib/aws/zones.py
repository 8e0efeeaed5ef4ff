"""Availability Zones: names at the edge, IDs inside.

A name such as `us-east-1a` is another building in another account; the ID `use1-az1` is the same one everywhere:
https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.errors import InputError


@dataclass(frozen=True)
class Zones:
    """The zones of one Region: ID by name."""

    region: str
    ids: Mapping[str, str]

    def id_of(self, name: str) -> str:
        """Return the ID of a zone's name; the name itself when AWS did not list it (a Local Zone, for example)."""
        return self.ids.get(name, name)

    def name_of(self, zone: str) -> str:
        """Return the name for a name or an ID.

        Raises:
            InputError: `action.unknown_zone`, the Region has no such zone for this account.
        """
        if zone in self.ids:
            return zone
        for name, zone_id in self.ids.items():
            if zone_id == zone:
                return name
        raise InputError(
            "action.unknown_zone",
            f"{self.region} has no zone '{zone}' for this account; it has "
            + ", ".join(f"{name} ({zone_id})" for name, zone_id in sorted(self.ids.items()))
            + ".",
        )


def read_zones(aws: Aws, region: str) -> Zones:
    """Read the zones of a Region in one call.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    with translated(f"the zones of {region}"):
        answer = aws.ec2(region).describe_availability_zones()
    return Zones(region, {zone["ZoneName"]: zone["ZoneId"] for zone in answer["AvailabilityZones"]})
