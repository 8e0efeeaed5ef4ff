"""What expiring the points of volumes and of databases share: what a runbook gives, and how a plan is decided.

What is deleted is decided by `domain.retention` alone; the actions read what there is, and make the deletions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import Field, field_validator

from chalicelib.actions.base import ActionModel
from chalicelib.domain.generations import Keep
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.retention import Decision, Retention
from chalicelib.domain.schedule import zone_of
from chalicelib.domain.types import Duration, Region
from chalicelib.errors import InputError

POLICY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class PolicySelector(ActionModel):
    """The points of one policy, and no others."""

    policy: str = Field(pattern=POLICY_PATTERN, description="Named when the points were made.")


class ExpireSnapshotsInput(ActionModel):
    """Whose points, where, and how much of the past is kept."""

    select: PolicySelector = Field(description="The points: those of one policy.")
    regions: list[Region] = Field(
        min_length=1, description="Where points are expired. Name all that hold some: copies elsewhere are not seen."
    )
    keep: Keep = Field(description="How much of the past is kept, per volume or database and Region.")
    orphans: Duration | None = Field(
        None,
        description="So long after its newest point, what is gone (its volume or database) keeps only its last good "
        "point; else its points are kept like all others.",
    )
    timezone: str | None = Field(
        None, description="In which hours, days, weeks and months begin; that of the runbook's schedule when left out."
    )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        try:
            return value and zone_of(value).key
        except InputError as error:
            raise ValueError(error.message) from None


def decided(
    rule: Retention, stored: Sequence[Stored], held: Callable[[Sequence[Stored]], Mapping[str, str]]
) -> list[Decision]:
    """Decide, look what stands on that which would be deleted, and decide again: a hold only ever keeps more.

    Args:
        rule: The policy's.
        stored: Every snapshot of the policy.
        held: Returns why some of those that would go must not, by id.
    """
    decisions = rule.decide(stored)
    holds = held([one.stored for one in decisions if one.delete])
    if not holds:
        return decisions
    return rule.decide([replace(one, hold=holds[one.id]) if one.id in holds else one for one in stored])


def nothing(given: ExpireSnapshotsInput) -> InputError:
    """Return the error of a policy that has no points."""
    where = ", ".join(given.regions)
    return InputError(
        "action.nothing_selected",
        f"No snapshot in {where} is of the policy {given.select.policy}. Correct the policy or the Regions.",
        policy=given.select.policy,
    )
