"""Whether what runs keep out of a zone stays out: groups without a zone's subnets, traffic that is shifted away."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.actions.asg_drift import WATCHED, drifted
from chalicelib.actions.asg_evacuation import EvacuateZone
from chalicelib.actions.base import StepContext
from chalicelib.actions.zonal_shift import OWED_FOR, StartShift, stand_in
from chalicelib.aws.shifts import Shift, active_shifts
from chalicelib.domain.change import Change
from chalicelib.domain.owing import Owed

GROUPS, SHIFTS = EvacuateZone.name, StartShift.name


def kept_out_by(owed: Owed) -> tuple[str, str] | None:
    """Return by which action, and in which Region, something is kept out of a zone while this is owed, or None."""
    if owed.change is None:
        return None
    if owed.uses == WATCHED:
        return GROUPS, owed.change.region
    return (SHIFTS, owed.change.region) if owed.name.startswith(OWED_FOR) else None


def differences(action: str, region: str, owing: Sequence[Owed], ctx: StepContext) -> list[str]:
    """Say for each obligation how what it is about differs from what the run left; "" when it does not.

    One DescribeAutoScalingGroups per 100 groups, or one ListZonalShifts.

    Raises:
        ActionError: AWS refused a read.
    """
    changes = [owed.change for owed in owing if owed.change is not None]
    if action == GROUPS:
        return drifted(changes, ctx)
    there = active_shifts(ctx.aws, region)
    return [_of_shift(change, there) for change in changes]


def _of_shift(change: Change, there: Sequence[Shift]) -> str:
    shift = change.params["shift"]
    if any(one.id == shift for one in there) or stand_in(change, there):
        return ""
    return (
        f"Traffic of {change.resource} may go to {change.params['away_from']} again: the zonal shift {shift} is gone, "
        f"cancelled by somebody or expired; it was to last until {change.params['known']} at least. If the zone is "
        "unwell still, run the evacuation again, or start a shift by hand."
    )
