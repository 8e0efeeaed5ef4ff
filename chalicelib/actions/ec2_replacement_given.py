"""What a runbook says when instances are to be replaced, and what it gets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.actions.ec2_selection import InstanceSelector
from chalicelib.domain.recovery import Recovery
from chalicelib.domain.types import Duration, InstanceId, VolumeId

SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]
GroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")]
TemplateId = Annotated[str, Field(pattern=r"^lt-[0-9a-f]{8,17}(:(\d+|\$Latest|\$Default))?$")]


class LaunchReplacementsInput(ActionModel):
    """Which instances, where to, from which points, and what becomes of the old ones."""

    away_from: str | None = Field(
        None, description="ID (or name) of the zone whose instances are replaced; only a drill may leave it out."
    )
    to_zones: list[str] = Field(
        default_factory=list, description="IDs (or names) of the zones for the new ones, the best first."
    )
    select: InstanceSelector = Field(description="The instances: by tags or ids.")
    policy: str = Field(min_length=1, description="Whose recovery points are used.")
    at: AwareDatetime | None = Field(None, description="Not later than this time; else the newest complete sets.")
    max_age: Duration | None = Field(
        None, description="Ask a person when a set is older; the runbook's RPO when left out."
    )
    types: list[str] = Field(
        default_factory=list, description="Other instance types, tried in order only after AWS refused for capacity."
    )
    subnets: list[SubnetId] = Field(
        default_factory=list, description="The only subnets to use; else those of the VPC most like the old one's."
    )
    old: Literal["isolate", "stop", "leave"] = Field(
        "stop", description="What becomes of the old instance: other security group, stopped, or left as it is."
    )
    isolation_group: GroupId | None = Field(None, description="For `isolate`: the only group it has then.")
    move: tuple[Literal["addresses", "targets"], ...] = Field(
        ("addresses", "targets"),
        description="What moves to the new instance, once the old one is fenced or out of reach.",
    )
    root: Literal["point", "image"] = Field(
        "point", description="Where the root volume comes from: the recovery point, or the instance's own image."
    )
    launch_template: TemplateId | None = Field(
        None, description="Launch template (`lt-...` or `lt-...:version`) instead of the recorded configuration."
    )
    initialised_within: Duration | None = Field(
        None, description="How soon all data must be on the volumes: sets the rate (100 to 300 MiB/s); AWS charges it."
    )
    wait_for: Literal["running", "initialised"] = Field(
        "running", description="When an instance is done: it runs with its volumes, or all data is on them too."
    )

    @model_validator(mode="after")
    def _isolation(self) -> LaunchReplacementsInput:
        if self.old == "isolate" and not self.isolation_group:
            raise ValueError("old: isolate needs an isolation_group, a security group that lets nothing through")
        return self


class LaunchReplacementsOutput(ActionModel):
    """What stands in for what. An instance is in `replacements` when it runs with its volumes."""

    replacements: dict[InstanceId, InstanceId] = Field(description="The new instance of each old one.")
    launched: list[InstanceId] = Field(description="Ids of the new instances.")
    volumes: list[VolumeId] = Field(description="Ids of their volumes.")
    recovered: list[Recovery] = Field(description="What was recovered, for the report.")
