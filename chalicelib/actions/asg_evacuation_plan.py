"""What asg.evacuate_zone would do to each group, and why it leaves some as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.actions.asg_selection import Selection, some
from chalicelib.actions.asg_zones import earlier, whole, zone_change
from chalicelib.actions.base import StepContext
from chalicelib.aws.groups import ScalingGroup
from chalicelib.aws.shifts import managed_resources
from chalicelib.domain.change import Change, Failure


class Wanted(Protocol):
    """The part of what the step is given that decides about a group."""

    @property
    def healthy(self) -> list[str] | None:
        """The zones that count as remaining; None = all others."""
        ...

    @property
    def keep_zones(self) -> int:
        """So many must remain."""
        ...


def planned(
    group: ScalingGroup, zone: str, where: Mapping[str, str], given: Wanted, selection: Selection
) -> Change | None:
    """Return the change of one group; None with a note or a failure when there is none."""
    kept, mine = earlier(group, zone), [one for one in group.subnets if where.get(one) == zone]
    if group.shifts:
        return None  # see `note_enrolled`
    if not mine and not kept:
        selection.notes.append(f"{group.resource} is not in {zone}.")
        return None
    if mine and kept:
        selection.notes.append(f"{group.resource}: drift: {zone} was taken out of it before, and somebody put it back.")
    taken = mine or [one for one in kept if where.get(one) == zone]
    left = [one for one in group.subnets if one not in taken]
    why = _too_few(left, where, given) or _stuck(group)
    if why:
        message = f"{group.resource} stays in {zone}: {why}"
        selection.failures.append(Failure(resource=group.resource, code="action.cannot_evacuate", message=message))
        return None
    if "AZRebalance" in group.suspended:
        selection.notes.append(
            f"{group.resource}: somebody has suspended AZRebalance, so only unhealthy instances leave {zone}."
        )
    there = [member.instance_id for member in group.members if member.zone_id == zone]
    reason = f"{group.resource} leaves {zone} with {len(there)} of {group.desired} instances ({some(there)})."
    change = zone_change(group, reason, whole(group) if mine else kept, taken, zone)
    return change.model_copy(update={"params": {**change.params, "remaining": list(left)}})


def note_enrolled(selection: Selection, zone: str, ctx: StepContext) -> None:
    """Say what becomes of groups that are left to their zonal shift, and of which there is none."""
    enrolled = [group for group in selection.groups if group.shifts]
    managed = managed_resources(ctx.aws, selection.region) if enrolled else {}
    for group in enrolled:
        behavior = "leaves instances there alone" if group.ignores else "replaces unhealthy instances there"
        said = f"{group.resource} is left to its zonal shift, and {behavior}."
        if group.arn not in managed or zone not in managed[group.arn].away:
            said += f" It is not shifted away from {zone} now, so it stays there: use zonal_shift.start."
        selection.notes.append(said)


def _too_few(left: Sequence[str], where: Mapping[str, str], given: Wanted) -> str:
    zones = {where[one] for one in left if one in where}
    zones &= zones if given.healthy is None else set(given.healthy)
    if len(zones) >= given.keep_zones:
        return ""
    said = ", ".join(sorted(zones)) or "none"
    return f"of its other zones {said} would remain, and {given.keep_zones} must. Give it subnets in more zones."


def _stuck(group: ScalingGroup) -> str:
    """Say why a group could not bring its instances over; "" when it can."""
    if "Launch" in group.suspended:
        return "its process Launch is suspended, so it would launch nothing elsewhere. Resume it first."
    if group.desired > group.maximum:
        return f"it wants {group.desired} instances and its maximum is {group.maximum}."
    still = {"AZRebalance", "ReplaceUnhealthy"} <= group.suspended or "Terminate" in group.suspended
    return (
        "processes that would bring its instances over are suspended. Resume AZRebalance and Terminate."
        if still
        else ""
    )
