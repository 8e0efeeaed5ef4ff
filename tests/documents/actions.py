"""Actions that exist only here, to check documents against. Their shapes are close to those of the real ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.domain.signature import Signature
from chalicelib.domain.types import Duration, InstanceId, Region, SnapshotId, VolumeId


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Select(Model):
    tags: dict[str, str | list[str]] = Field(default_factory=dict)
    volumes: list[VolumeId] = Field(default_factory=list)
    instances: list[InstanceId] = Field(default_factory=list)
    zone: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Select:
        if not (self.tags or self.volumes or self.instances or self.zone):
            raise ValueError("nothing is selected; write tags, volumes, instances or zone")
        return self


class Item(Model):
    item: str
    volume_id: VolumeId
    region: Region
    snapshot_id: SnapshotId | None = None


class SnapshotsGiven(Model):
    select: Select
    consistency: Literal["instance", "volume"] = "instance"
    policy: str
    region: Region | None = None


class SnapshotsMade(Model):
    snapshots: list[Item]
    sets: int
    volumes: int
    points: int


class CopiesGiven(Model):
    snapshots: list[Item | SnapshotId]
    to_region: Region
    kms_key: str | None = None
    deadline: Duration | None = None


class CopiesMade(Model):
    snapshots: list[Item]
    copies: int


class PointsGiven(Model):
    select: Select
    since: Literal["run.start", "objective"] | Duration
    regions: list[Region] = Field(default_factory=list)


class PointsFound(Model):
    findings: list[dict[str, Any]]
    worst_age_s: int | None
    ok: bool


class NoticeGiven(Model):
    topic: str
    subject: str | None = None
    message: str | None = None
    urgent: bool = False
    repeat: int = Field(0, ge=0, le=5)


class NoticeSent(Model):
    message_id: str


SIGNATURES: dict[str, Signature] = {
    signature.name: signature
    for signature in (
        Signature("ebs.create_snapshots", SnapshotsGiven, SnapshotsMade, frozenset({"snapshots"})),
        Signature("ebs.copy_snapshots", CopiesGiven, CopiesMade, frozenset({"snapshots"})),
        Signature("check.recovery_points", PointsGiven, PointsFound, judges=True, within=timedelta(minutes=15)),
        Signature("notify.send", NoticeGiven, NoticeSent),
    )
}
