"""What all restores of volumes share: how old a point may be, and where a drill makes things."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.actions.base import StepContext
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Question
from chalicelib.domain.types import format_duration
from chalicelib.errors import InputError


def too_old(points: Iterable[datetime | None], max_age: timedelta | None, now: datetime) -> Question | None:
    """Return what a person has to be asked when a point is older than it may be; None when nobody has to be."""
    known = [at for at in points if at is not None]
    if max_age is None or not known or now - min(known) <= max_age:
        return None
    oldest = min(known)
    return Question(
        reason=f"The oldest point that would be restored is of {oldest:%Y-%m-%d %H:%M} UTC, "
        f"{format_duration(now - oldest)} old, and {format_duration(max_age)} is allowed. What was written since then "
        "is on the old volumes only.",
        may_lose_data=True,
    )


def drill_zone(ctx: StepContext, region: str) -> str:
    """Return the zone's ID of a drill's subnet.

    Raises:
        InputError: `drill.unknown_subnet`, there is no such subnet.
        ActionError: AWS refused the read.
    """
    subnet_id = ctx.drill.subnet_id if ctx.drill else ""
    with translated(f"subnet {subnet_id} in {region}"):
        answer = ctx.aws.ec2(region).describe_subnets(Filters=[{"Name": "subnet-id", "Values": [subnet_id]}])
    if not answer["Subnets"]:
        raise InputError("drill.unknown_subnet", f"{region} has no subnet {subnet_id}; name the drill's subnet.")
    return answer["Subnets"][0]["AvailabilityZoneId"]
