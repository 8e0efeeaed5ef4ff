"""What a zonal shift is started for, and what it cannot be started for."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.actions.tag_selection import Selector
from chalicelib.aws.clients import Aws
from chalicelib.aws.shifts import Managed, active_shifts, managed_resources, shiftable
from chalicelib.aws.tags import HANDS_OFF
from chalicelib.aws.targets import Balanced
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Failure
from chalicelib.errors import InputError


@dataclass(frozen=True)
class Decided:
    """What is to be shifted away from a zone (an ID), and why the rest is not."""

    zone: str
    resources: tuple[Managed, ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    resources: list[Managed] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decided(aws: Aws, region: str, away_from: str, select: Selector) -> Decided:
    """Read and decide.

    Raises:
        ActionError: AWS refused or did not answer.
        InputError: there is no such zone, or nothing that is selected (`action.nothing_selected`).
    """
    zones = read_zones(aws, region)
    zone = zones.id_of(zones.name_of(away_from))
    managed = managed_resources(aws, region)
    meant = select.of(shiftable(aws, region, managed))
    if not meant:
        raise InputError("action.nothing_selected", f"No load balancer or enrolled group in {region} fits {select}.")
    shifts = {shift.resource: shift for shift in active_shifts(aws, region)}
    found = _Found()
    for each in meant:
        why = _left_alone(each, managed.get(each.arn), zone)
        shift = shifts.get(each.arn)
        if why:
            found.notes.append(f"{each.name} is left alone: {why}")
        elif shift and shift.away_from == zone:
            found.notes.append(f"{each.name} is shifted away from {zone} already, by {shift.id}.")
        elif shift:
            said = f"{each.name} is shifted away from {shift.away_from}, one shift at a time: end {shift.id} first."
            found.failures.append(Failure(resource=each.arn, code="shift.elsewhere", message=said))
        else:
            found.resources.append(managed[each.arn])
    return Decided(zone, tuple(found.resources), tuple(found.failures), tuple(found.notes))


def _left_alone(each: Balanced, managed: Managed | None, zone: str) -> str:
    if HANDS_OFF in each.tags:
        return f"it is tagged {HANDS_OFF}."
    if managed is None:
        return "it is not enabled for zonal shift; enable it while all is well."
    if zone not in managed.zones:
        return f"it is not in {zone}."
    return ""
