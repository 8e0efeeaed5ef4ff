"""Availability Zones that are dark: what acts on something in them hangs or fails.

Which calls fail when a zone is impaired is not documented call by call; that the control plane of what is in the zone
may fail with it is: https://docs.aws.amazon.com/whitepapers/latest/advanced-multi-az-resilience-patterns/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.sandbox.ec2.wire import AwsError

if TYPE_CHECKING:
    from chalicelib.sandbox.weather.sky import Sky


class Hung(Exception):  # noqa: N818 - no error of the sandbox: it plays one
    """A call that is never answered: the door lets time pass as the client waits, and drops the connection."""


@dataclass
class Dark:
    """One zone that is dark. `since_s` is in seconds since 1970."""

    region: str
    zone_name: str
    zone_id: str
    since_s: float


class Darkness:
    """Which zones are dark now."""

    def __init__(self, sky: Sky) -> None:
        self._sky = sky
        self.zones: dict[tuple[str, str], Dark] = {}
        self.reached: list[dict[str, Any]] = []
        self.lifted: dict[tuple[str, str], float] = {}  # when the last darkness over a zone ended, by zone name

    def fall(self, region: str, zone: str) -> Dark:
        """Make a zone dark, by its name or ID. Twice is once.

        Raises:
            ValueError: the Region has no such zone.
        """
        name, zone_id = self.known(region, zone)
        fallen = self.zones.setdefault((region, name), Dark(region, name, zone_id, self._sky.now_s))
        self._tell_databases(region)
        return fallen

    def lift(self, region: str, zone: str) -> None:
        """End the darkness of a zone.

        Raises:
            ValueError: the Region has no such zone.
        """
        key = (region, self.known(region, zone)[0])
        self._tell_databases(region)
        if self.zones.pop(key, None):
            self.lifted[key] = self._sky.now_s

    def _tell_databases(self, region: str) -> None:
        """Let what RDS does by itself about the darkness begin, though nobody asks RDS meanwhile."""
        from chalicelib.sandbox.rds.lifecycle import catch_up

        if region in self._sky.databases:
            catch_up(self._sky, self._sky.databases[region])

    def over(self, region: str, zone: str) -> Dark | None:
        """Return the darkness over a zone, given by its name or ID; None when it is well."""
        return next((d for d in self.zones.values() if d.region == region and zone in {d.zone_name, d.zone_id}), None)

    def reach(self, region: str, zone: str, *what: object) -> None:
        """Let a call act on something in a zone.

        Args:
            region: The Region.
            zone: Name or ID of the zone.
            what: The operation and the resource: what is drawn for.

        Raises:
            Hung: the zone is dark and the call is never answered.
            AwsError: the zone is dark and the call fails.
        """
        if self.over(region, zone) is None:
            return
        self._sky.books.fault("zone_dark")
        self.reached.append({"at": self._sky.clock.iso(), "region": region, "zone": zone, "what": [*map(str, what)]})
        if self._sky.draw("dark", region, zone, *what, self._sky.next_serial()) < self._sky.settings.dark.hang_share:
            raise Hung(str(what))
        raise AwsError("InternalError", "An internal error has occurred", 500)

    def known(self, region: str, zone: str) -> tuple[str, str]:
        """Return name and ID of a zone.

        Raises:
            ValueError: the Region has no such zone.
        """
        for each in self._sky.land(region).backend.describe_availability_zones():
            if zone in {each.name, each.zone_id}:
                return str(each.name), str(each.zone_id)
        raise ValueError(f"{region} has no zone '{zone}'")
