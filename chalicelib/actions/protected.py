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
    """Return a finding for each resource that a protection selects; none when it selects nothing at all.

    Where the runbook states no RPO, only having no usable point at all is bad.

    Raises:
        ActionError: AWS refused a read.
    """
    given = {"select": one.select, "region": one.region, "since": one.rpo or NEVER_TOO_OLD}
    try:
        if one.service == "rds":
            return DatabasePoints().check(DatabasePointsInput.model_validate(given), ctx).findings
        return RecoveryPoints().check(RecoveryPointsInput.model_validate(given), ctx).findings
    except (InputError, ValidationError):  # nothing fits it, or its defaults select nothing
        return []
