"""What the EBS actions share about one recovery point: the item they hand on, its tags, and when it will be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field

from chalicelib.actions.base import ActionModel, StepContext
from chalicelib.aws import tags
from chalicelib.domain.change import Effect
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.recovery_point import Point
from chalicelib.domain.types import Region, SnapshotId, VolumeId

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

BASE_S = 60  # seconds that even an empty snapshot or copy is assumed to take; for forecasts only
MIB_PER_GIB = 1024
PERCENT = 100


class SnapshotItem(ActionModel):
    """One volume's recovery point on its way: what a step streams to the next. Sizes are GiB, times UTC (ISO 8601)."""

    item: str = Field(description="Names the item within its step: the volume, or the snapshot that was asked for.")
    volume_id: VolumeId = Field(description="The volume that the point is of, also on copies.")
    size_gib: int = Field(0, description="Size of the volume, an upper bound of what is moved.")
    region: Region = Field(description="The Region that holds, or will hold, the snapshot.")
    policy: str | None = Field(None, description="Which retention owns the point.")
    set_id: str | None = Field(None, description="The set it belongs to; a point of its own is a set of one.")
    set_size: int = Field(1, description="How many volumes the set has.")
    snapshot_id: SnapshotId | None = Field(None, description="None until the snapshot was asked for.")
    point: str | None = Field(None, description="The point in time.")
    completed_at: str | None = Field(None, description="When AWS had completed it.")
    expires: str | None = Field(None, description="Until when a person wants it kept; such a point is no generation.")
    encrypted: bool = Field(default=False, description="Whether the snapshot is encrypted.")
    tags: dict[str, str] = Field(default_factory=dict, description="The volume's own tags, carried to the copies.")
    manifest: Manifest | None = Field(None, description="What a restore of this volume needs.")
    made_by: str | None = Field(None, description="`step/change` that makes it; set by the engine.")


def expected_at(now: datetime, size_gib: int, mib_s: int) -> datetime:
    """Return when moving `size_gib` at an assumed rate is done; for forecasts and the time of the first look."""
    return now + duration_of(size_gib, mib_s)


def duration_of(size_gib: int, mib_s: int) -> timedelta:
    """Return how long moving `size_gib` is assumed to take; an upper bound, since snapshots are incremental."""
    return timedelta(seconds=BASE_S + size_gib * MIB_PER_GIB / mib_s)


def own_tags(ctx: StepContext, effect_id: str, point: Mapping[str, Any], manifest: Manifest | None) -> dict[str, str]:
    """Return Lifeboat's own tags of a point.

    Args:
        ctx: Whose effect it is.
        effect_id: The effect's name.
        point: `policy`, `set_id`, `set_size`, `point` and `expires` (ISO times); what is None is not tagged.
        manifest: What a restore needs, if it is known.
    """
    named = {
        tags.POLICY: point["policy"],
        tags.SET: point["set_id"],
        tags.SET_SIZE: point["set_size"],
        tags.POINT: point["point"],
        tags.EXPIRES: point.get("expires"),
    }
    own = {tags.EFFECT: effect_id, tags.RUN: ctx.run_id}
    own |= {key: str(value) for key, value in named.items() if value is not None}
    return own | (tags.manifest_tags(manifest) if manifest else {})


def items_of(effect: Effect) -> dict[str, dict[str, Any]]:
    """Return what an effect's facts know of its items, by item name."""
    items = effect.facts.get("items")
    return (
        {key: dict(value) for key, value in items.items() if isinstance(value, dict)} if isinstance(items, dict) else {}
    )


def point_of(snapshot: SnapshotTypeDef, region: str) -> Point:
    """Return a snapshot as the recovery point that its tags say it is; what they do not say, AWS's own fields do."""
    own = tags.of(snapshot)
    return Point(
        snapshot_id=snapshot["SnapshotId"],
        volume_id=own.get(tags.SOURCE_VOLUME) or snapshot.get("VolumeId", ""),
        region=region,
        at=tags.point_time(own.get(tags.POINT, "")) or snapshot["StartTime"],
        state=snapshot["State"],
        set_id=own.get(tags.SET) or snapshot["SnapshotId"],
        set_size=tags.set_size(own),
        archived=snapshot.get("StorageTier", "standard") == "archive",
        reason=snapshot.get("StateMessage", ""),
        kms_key=snapshot.get("KmsKeyId"),
        policy=own.get(tags.POLICY, ""),
    )
