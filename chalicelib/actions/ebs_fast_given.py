"""What keeping fast snapshot restore on is given, and what it returns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.actions.ebs_selection import VolumeSelector
from chalicelib.domain.types import Duration, SnapshotId


class KeepFastInput(ActionModel):
    """Whose newest points are fast, and where."""

    select: VolumeSelector = Field(description="The volumes that would be restored: by tags, ids, instances or zone.")
    policy: str = Field(min_length=1, description="Whose recovery points.")
    zones: list[str] = Field(
        min_length=1, description="IDs (or names) of the Availability Zones that volumes would be restored to."
    )
    which: Literal["needed", "selected"] = Field(
        "needed", description="`needed`: only volumes that a rate cannot read in within `initialised_within`; or all."
    )
    initialised_within: Duration | None = Field(
        None, description="How soon all data must be on restored volumes; that of the recovery. For `needed` only."
    )

    @model_validator(mode="after")
    def _said(self) -> KeepFastInput:
        if (self.which == "needed") != (self.initialised_within is not None):
            raise ValueError(
                "say `initialised_within`, so that only volumes get it that need it, or `which: selected` for all of "
                "them; it is charged for each snapshot, zone and hour"
            )
        return self


class KeepFastOutput(ActionModel):
    """What was turned on and off by this step; what was on already is in neither."""

    enabled: list[SnapshotId] = Field(description="Points that are fast now in a zone in which they were not.")
    disabled: list[SnapshotId] = Field(description="Older points that no longer are.")
