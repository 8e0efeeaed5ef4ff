"""What restores of databases are given, and what they return."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.actions.expiry import POLICY_PATTERN
from chalicelib.actions.rds_points import RDS_SNAPSHOT
from chalicelib.actions.rds_selection import DatabaseSelector
from chalicelib.domain.types import Region

DATABASE = r"^(db|cluster):[A-Za-z][A-Za-z0-9-]{0,62}$"


class PointSelector(ActionModel):
    """Points that fit everything that is said here; of each database the newest good one is taken."""

    tags: dict[str, str | list[str]] = Field(
        default_factory=dict, description="Tags that the point has from its database, all of them."
    )
    databases: list[Annotated[str, Field(pattern=DATABASE)]] = Field(
        default_factory=list, description="`db:name` or `cluster:name`, also of databases that are gone."
    )
    policy: str | None = Field(None, pattern=POLICY_PATTERN, description="The retention that owns the points.")

    @model_validator(mode="after")
    def _something(self) -> PointSelector:
        if not (self.tags or self.databases):
            raise ValueError("select nothing means nothing: write tags or databases")
        if any(sign in key for key in self.tags for sign in "*?"):
            raise ValueError("tags: write keys and their values; wildcards are not allowed")
        return self

    def __str__(self) -> str:
        words = [f"tag {k}={'|'.join(v) if isinstance(v, list) else v}" for k, v in sorted(self.tags.items())]
        words += [f"databases {', '.join(self.databases)}"] if self.databases else []
        return " and ".join([*words, *([f"policy {self.policy}"] if self.policy else [])])


class Placement(ActionModel):
    """Where the restored databases go, and what is to be otherwise than it was."""

    only_lost: bool = Field(
        default=False,
        description="Only databases that are gone, that AWS says it cannot bring back, or that run Single-AZ "
        "(clusters: without a reader elsewhere) in `away_from`.",
    )
    away_from: str = Field("", description="The zone to stay out of, e.g. `use1-az1`; empty: none.")
    zones: list[str] = Field(
        default_factory=list, description="IDs of the zones to use, best first; left out: any other."
    )
    replace: Literal["none", "rename"] = Field(
        "none",
        description="`rename`: the old database is renamed away, and the restored one takes its name and so its "
        "endpoint; nothing is deleted. `none`: it gets a name of its own, and applications must be pointed at it.",
    )
    name: str | None = Field(
        None, pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Its name, for one database; else name and effect id."
    )
    carry_tags: bool | None = Field(
        None, description="Whether it gets the database's own tags; left out: if it takes the place of the old one."
    )
    instance_class: str | None = Field(
        None, pattern=r"^db\.[a-z0-9.-]+$", description="DB instance class; needed where the point does not say it."
    )
    multi_az: bool | None = Field(None, description="Whether it gets a standby; left out: as it was.")
    subnet_group: str | None = Field(None, min_length=1, description="DB subnet group; left out: the recorded one.")
    security_groups: list[str] = Field(
        default_factory=list, description="Security groups; left out: the recorded ones."
    )
    parameter_group: str | None = Field(None, min_length=1, description="DB or cluster parameter group, likewise.")
    option_group: str | None = Field(None, min_length=1, description="Option group, likewise.")
    region: Region | None = Field(None, description="Where it is restored; the run's own Region when left out.")

    @model_validator(mode="after")
    def _one_name(self) -> Placement:
        if self.name and ("--" in self.name or self.name.endswith("-")):
            raise ValueError("name: RDS takes no name with `--` in it, or `-` at its end")
        if self.name and self.replace == "rename":
            raise ValueError(
                "name: with `replace: rename` the restored database takes the old one's name; leave it out"
            )
        return self


class RestoreInput(Placement):
    """From which points, and where to."""

    snapshots: list[Annotated[str, Field(pattern=RDS_SNAPSHOT)]] = Field(
        default_factory=list, description="Snapshots of the Region: `snapshot:name`, `cluster-snapshot:name`."
    )
    select: PointSelector | None = Field(None, description="Or points by tags, databases or policy.")
    before: AwareDatetime | None = Field(None, description="Points of this time or older, UTC; left out: the newest.")

    @model_validator(mode="after")
    def _one_of_two(self) -> RestoreInput:
        if bool(self.snapshots) == (self.select is not None):
            raise ValueError("write either snapshots or select")
        return self


class RestoreToTimeInput(Placement):
    """Which databases, to which time, and where to."""

    select: DatabaseSelector = Field(description="The databases as they are now: by tags, names or engine.")
    to: AwareDatetime | Literal["latest"] = Field(
        "latest", description="The time, UTC, or `latest`: the latest restorable time, usually minutes ago."
    )


class RestoredOutput(ActionModel):
    """What was restored."""

    restored: list[dict[str, Any]] = Field(
        description="Of each database: `resource`, `replacement`, `endpoint`, `zone`, `point`."
    )
    instances: list[str] = Field(description="The DB instances that were restored, by name.")
    clusters: list[str] = Field(description="The clusters that were restored, by name.")
    kept: list[str] = Field(description="Old databases under the names that they were given; nothing deletes them.")
    recovered: list[dict[str, Any]] = Field(description="The same for the report: from which point, and from when on.")
