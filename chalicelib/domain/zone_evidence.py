"""Which Availability Zone is impaired, and which ones are fit to move to: from evidence, by a stated rule. Pure.

The rule. Evidence comes in kinds (alarms, targets, instances, volumes, the zone's own state, AWS Health, autoshift). A
kind speaks against a zone, for it, or is silent; however much of it there is, it counts once for each zone. A zone is
impaired when at least N kinds speak against it, more than speak for it, and no other zone is under suspicion. Silence
is no contradiction: AWS Health is often late, and a zone's state rarely changes. Anything else is for a person to
decide, never for a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.types import Strict

NEEDED = 2  # kinds of evidence, the N of the rule


class Says(StrEnum):
    """What a piece of evidence says of a zone."""

    AGAINST = "against"
    FOR = "for"


class Evidence(Strict):
    """One piece of evidence.

    Attributes:
        kind: What it is of, e.g. `targets`.
        zone: The zone's ID.
        says: Against or for the zone.
        what: What was seen, in words.
    """

    kind: str
    zone: str
    says: Says
    what: str


@dataclass(frozen=True)
class Verdict:
    """What evidence comes to: one impaired zone; or several that a person has to choose from; or none at all."""

    impaired: str = ""
    suspects: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class _Tally:
    against: frozenset[str]
    for_: frozenset[str]

    def convicted(self, needed: int) -> bool:
        return len(self.against) >= needed and len(self.against) > len(self.for_)

    def cleared(self, needed: int) -> bool:
        return len(self.against) < needed <= len(self.for_)


def judged(evidence: Iterable[Evidence], needed: int = NEEDED) -> Verdict:
    """Apply the rule."""
    tallies = _tallies(evidence)
    accused = {zone: tally for zone, tally in tallies.items() if tally.against}
    if not accused:
        return Verdict(reason="nothing speaks against any zone")
    suspects = {zone: tally for zone, tally in accused.items() if not tally.cleared(needed)}
    if len(suspects) == 1:
        [(zone, tally)] = suspects.items()
        if tally.convicted(needed):
            return Verdict(impaired=zone, reason=_counted(zone, tally))
    order = _worst_first(suspects or accused)
    said = "; ".join(_counted(zone, accused[zone]) for zone in order)
    return Verdict(suspects=order, reason=_why_not(suspects, needed) + said)


def accused(evidence: Iterable[Evidence], needed: int = NEEDED) -> dict[str, str]:
    """Return the zones that something speaks against and that are not cleared, with what it is."""
    tallies = _tallies(evidence)
    return {z: _counted(z, t) for z, t in sorted(tallies.items()) if t.against and not t.cleared(needed)}


def _tallies(evidence: Iterable[Evidence]) -> dict[str, _Tally]:
    pieces = list(evidence)
    return {
        zone: _Tally(
            frozenset(p.kind for p in pieces if p.zone == zone and p.says is Says.AGAINST),
            frozenset(p.kind for p in pieces if p.zone == zone and p.says is Says.FOR),
        )
        for zone in {piece.zone for piece in pieces}
    }


def _worst_first(tallies: Mapping[str, _Tally]) -> tuple[str, ...]:
    return tuple(sorted(tallies, key=lambda zone: (-len(tallies[zone].against), len(tallies[zone].for_), zone)))


def _counted(zone: str, tally: _Tally) -> str:
    against, for_ = ", ".join(sorted(tally.against)), ", ".join(sorted(tally.for_)) or "nothing"
    return f"against {zone}: {against}; for it: {for_}"


def _why_not(suspects: Mapping[str, _Tally], needed: int) -> str:
    if len(suspects) > 1:
        return "The evidence speaks against more than one zone. "
    if not suspects:
        return "The evidence points both ways. "
    [tally] = suspects.values()
    if len(tally.against) < needed:
        return f"The evidence is thin: {needed} kinds must speak against a zone. "
    return "The evidence points both ways. "


@dataclass(frozen=True)
class Fitness:
    """What is known of a zone that things may move to.

    Attributes:
        zone: Its ID.
        state: As AWS states it, e.g. `available`.
        missing_types: Instance types that are needed and not offered there.
        subnets: How many subnets of the needed VPCs it has; None = not needed.
        free_addresses: Free private addresses in the roomiest of these; None = not needed.
        reserved: Instances of open capacity reservations there, of the types needed.
        inhabited: Whether the application already runs there: its load balancers and subnets are set up for it.
    """

    zone: str
    state: str = "available"
    missing_types: tuple[str, ...] = ()
    subnets: int | None = None
    free_addresses: int | None = None
    reserved: int = 0
    inhabited: bool = False


@dataclass(frozen=True)
class Ranking:
    """Zones to move to, best first, and why the others are not."""

    healthy: tuple[str, ...]
    unfit: Mapping[str, str] = field(default_factory=dict)


def ranked(zones: Sequence[Fitness], impaired: str, suspected: Mapping[str, str], addresses: int) -> Ranking:
    """Return the zones that are fit, best first: with reserved capacity, inhabited, then the roomiest, then by ID.

    Args:
        zones: All zones of the Region.
        impaired: The one to leave.
        suspected: Zones that something speaks against, with what it is.
        addresses: How many private addresses are needed.
    """
    unfit: dict[str, str] = {}
    fit: list[Fitness] = []
    for each in zones:
        why = _unfit(each, suspected, addresses)
        if each.zone == impaired:
            continue
        if why:
            unfit[each.zone] = why
        else:
            fit.append(each)
    best = sorted(fit, key=lambda z: (-min(z.reserved, addresses), not z.inhabited, -(z.free_addresses or 0), z.zone))
    return Ranking(tuple(each.zone for each in best), unfit)


def _unfit(zone: Fitness, suspected: Mapping[str, str], addresses: int) -> str:
    if zone.state != "available":
        return f"AWS says that it is {zone.state}"
    if zone.zone in suspected:
        return suspected[zone.zone]
    if zone.missing_types:
        return f"does not offer {', '.join(zone.missing_types)}"
    if zone.subnets == 0:
        return "has no subnet of the VPC"
    if zone.free_addresses is not None and zone.free_addresses < addresses:
        return f"has {zone.free_addresses} free addresses in its roomiest subnet, and {addresses} are needed"
    return ""
