"""How what runbooks protect stands: each volume and database with its newest usable point, beside the objective.

The same judgement as that of check.recovery_points and check.database_points.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import ValidationError

from chalicelib.actions.base import StepContext
from chalicelib.actions.database_points import DatabasePoints, DatabasePointsInput
from chalicelib.actions.recovery_points import RecoveryPoints, RecoveryPointsInput
from chalicelib.domain.change import Finding
from chalicelib.domain.protection import Protection
from chalicelib.errors import InputError

NEVER_TOO_OLD = timedelta(days=36_500)


def standing_of(one: Protection, ctx: StepContext) -> Sequence[Finding]:
    """Return a finding for each resource that a protection selects, in each Region where it is to have a point.

    Where the runbook states no RPO, only having no usable point at all is bad. A protection that selects nothing is a
    finding too: what it protected may be there still, without its tags.

    Raises:
        ActionError: AWS refused a read.
    """
    regions = [one.region, *one.away]
    given = {"select": one.select, "region": one.region, "regions": regions, "since": one.rpo or NEVER_TOO_OLD}
    try:
        if one.service == "rds":
            return DatabasePoints().check(DatabasePointsInput.model_validate(given), ctx).findings
        return RecoveryPoints().check(RecoveryPointsInput.model_validate(given), ctx).findings
    except InputError as error:
        return [_nothing(one, error.message)]
    except ValidationError:
        return [_nothing(one, "the inputs' defaults make no selection")]


def _nothing(one: Protection, why: str) -> Finding:
    return Finding(
        resource=f"{one.runbook}.{one.step}",
        region=one.region,
        ok=False,
        code="check.nothing_selected",
        message=f"step {one.step} of {one.runbook} selects nothing in {one.region} ({why.rstrip('.')}). If its tags "
        "were removed by mistake, put them back; if there is nothing left to protect, take the runbook out of service",
    )
