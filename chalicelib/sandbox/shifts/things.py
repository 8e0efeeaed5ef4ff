"""Managed resources and the zonal shifts of them.

A load balancer or an Auto Scaling group that is enabled for zonal shift is a managed resource; shifts expire:
https://docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-shift.how-it-works.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.sandbox.weather.sky import Sky

MAX_HOURS = 72


@dataclass
class Shift:
    """One zonal shift. Instants are seconds since 1970; `away_from` is a zone's ID."""

    id: str
    resource: str
    away_from: str
    began_s: float
    expires_s: float
    comment: str
    cancelled_s: float | None = None

    def status(self, now_s: float) -> str:
        """ACTIVE, EXPIRED or CANCELED."""
        if self.cancelled_s is not None:
            return "CANCELED"
        return "ACTIVE" if now_s < self.expires_s else "EXPIRED"


@dataclass
class Managed:
    """A resource that traffic can be shifted for; `zones` are zone IDs."""

    arn: str
    name: str
    zones: tuple[str, ...]
    autoshift: bool = False


@dataclass
class Arc:
    """What ARC keeps in one Region. `autoshifts` maps a zone's ID to when AWS itself began to shift away from it."""

    region: str
    managed: dict[str, Managed] = field(default_factory=dict)
    shifts: dict[str, Shift] = field(default_factory=dict)
    autoshifts: dict[str, float] = field(default_factory=dict)

    def active(self, resource: str, now_s: float) -> Shift | None:
        """Return the active shift of a resource."""
        mine = (s for s in self.shifts.values() if s.resource == resource and s.status(now_s) == "ACTIVE")
        return next(mine, None)

    def away_from(self, resource: str, now_s: float) -> set[str]:
        """Return the IDs of zones that a resource is shifted away from, by people or by AWS."""
        shift, managed = self.active(resource, now_s), self.managed.get(resource)
        by_aws = set(self.autoshifts) if managed and managed.autoshift else set()
        return by_aws | ({shift.away_from} if shift else set())


def arc(sky: Sky, region: str) -> Arc:
    """Return what ARC keeps in a Region."""
    found: Arc = sky.shifts.setdefault(region, Arc(region))
    return found


def manage(sky: Sky, region: str, resource: str, name: str, zones: tuple[str, ...]) -> None:
    """Enable a resource for zonal shift. Twice is once."""
    arc(sky, region).managed.setdefault(resource, Managed(resource, name, zones))
