"""What volumes are restored from: their points of a policy, judged, and the facts that the points carry.

Originals are found by their volume, copies by the tag that names it:
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_points import point_of
from chalicelib.actions.recovery_points import judged
from chalicelib.aws import listing, tags
from chalicelib.aws.fast_restores import ENABLED, fast_restores
from chalicelib.aws.keys import key_problem
from chalicelib.domain.manifest import VolumeFacts
from chalicelib.domain.recovery_point import Point, Standing
from chalicelib.domain.restoring import Points, chosen, not_after, rate_for
from chalicelib.domain.types import format_duration
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

GIB = 1 << 30
WITH_IOPS = frozenset({"gp3", "io1", "io2"})
ARN_REGION = 3


@dataclass(frozen=True)
class Source:
    """What one volume is restored from, and as what. `size_bytes` is what has to be read in."""

    point: Point
    facts: VolumeFacts
    instance_id: str
    size_bytes: int
    user_tags: Mapping[str, str]
    key: str | None

    def block(self, rate: int | None = None) -> dict[str, Any]:
        """Return type, size, IOPS, throughput and key as recorded, in the words of an EBS block device mapping."""
        facts = self.facts
        made: dict[str, Any] = {
            "SnapshotId": self.point.snapshot_id,
            "VolumeType": facts.type,
            "VolumeSize": facts.size_gib,
        }
        if facts.iops and facts.type in WITH_IOPS:
            made["Iops"] = facts.iops
        if facts.throughput_mib_s and facts.type == "gp3":
            made["Throughput"] = facts.throughput_mib_s
        if facts.encrypted:
            made |= {"Encrypted": True, **({"KmsKeyId": self.key} if self.key else {})}
        return made | ({"VolumeInitializationRate": rate} if rate else {})


@dataclass(frozen=True)
class Group:
    """What the volumes of one instance, or a single one, are restored from.

    Attributes:
        sources: By volume.
        missing: Why each of the others cannot be restored, by volume.
        mixed: True when they are not of one point in time.
        at: The point in time of the oldest of them.
    """

    sources: Mapping[str, Source]
    missing: Mapping[str, str]
    mixed: bool
    at: datetime | None


class Sources:
    """Reads points once for many volumes, and judges them group by group."""

    def __init__(self, ctx: StepContext, region: str, policy: str, volumes: Iterable[str]) -> None:
        """Read the points of volumes: DescribeSnapshots twice per 199 volumes.

        Raises:
            ActionError: AWS refused a read.
        """
        self._ctx, self._region = ctx, region
        wanted = sorted(set(volumes))
        self._snapshots: dict[str, SnapshotTypeDef] = {}
        for name in ("volume-id", f"tag:{tags.SOURCE_VOLUME}"):
            listed = listing.snapshots_by(ctx.aws, region, name, wanted, {f"tag:{tags.POLICY}": [policy]})
            self._snapshots |= {snapshot["SnapshotId"]: snapshot for snapshot in listed}
        self._points: dict[str, list[Point]] = {volume: [] for volume in wanted}
        for snapshot in self._snapshots.values():
            point = point_of(snapshot, region)
            if point.volume_id in self._points:
                self._points[point.volume_id].append(point)
        self._keys: dict[str, str | None] = {}

    def of(self, volumes: Iterable[str], at: datetime | None) -> Group:
        """Return what the volumes of one group are restored from, not later than `at`.

        Raises:
            ActionError: AWS refused a read of a set or a key.
        """
        found = chosen({volume: not_after(self._points[volume], at) for volume in volumes}, self._judge)
        sources, missing = {}, dict(found.missing)
        for volume, point in found.points.items():
            source = self._source(point)
            if isinstance(source, Source):
                sources[volume] = source
            else:
                missing[volume] = source
        return Group(sources, missing, found.mixed, min((s.point.at for s in sources.values()), default=None))

    @property
    def snapshot_ids(self) -> frozenset[str]:
        """The snapshots that were read, usable or not."""
        return frozenset(self._snapshots)

    def points(self, volume: str) -> Sequence[Point]:
        """Return all points of a volume, usable or not, in no particular order."""
        return self._points[volume]

    def tags_of(self, point: Point) -> Mapping[str, str]:
        """Return the tags of a point."""
        return tags.of(self._snapshots[point.snapshot_id])

    def _judge(self, points: Points) -> Mapping[str, Standing]:
        stands = judged({(volume, self._region): some for volume, some in points.items()}, self._ctx)
        return {volume: stand for (volume, _), stand in stands.items()}

    def _source(self, point: Point) -> Source | str:
        """Return what a point gives, or why it gives nothing."""
        snapshot = self._snapshots[point.snapshot_id]
        own = tags.of(snapshot)
        try:
            manifest = tags.manifest_of(own)
        except InputError as error:
            return f"cannot be restored as it was from {point.snapshot_id}: {error.message}"
        facts = next((one for one in manifest.volumes if one.volume_id == point.volume_id), None) if manifest else None
        if facts is None:
            return f"cannot be restored as it was: {point.snapshot_id} does not tell its type (no {tags.MANIFEST}0)"
        key = self._key(facts, snapshot)
        problem = self._problem(key) if key else None
        if problem:
            return f"cannot be restored: its key {key} {problem}"
        size = snapshot.get("FullSnapshotSizeInBytes") or facts.size_gib * GIB
        instance = manifest.instance_id if manifest else None
        return Source(point, facts, instance or "", size, tags.of_user(own), key)

    def _key(self, facts: VolumeFacts, snapshot: SnapshotTypeDef) -> str | None:
        """Return the recorded key; of a copy in another Region the copy's own, since keys are Regional."""
        recorded = facts.kms_key
        here = recorded and recorded.split(":")[ARN_REGION : ARN_REGION + 1] == [self._region]
        return recorded if here else snapshot.get("KmsKeyId")

    def _problem(self, key: str) -> str | None:
        if key not in self._keys:
            self._keys[key] = key_problem(self._ctx.aws, self._region, key)
        return self._keys[key]


def fast_in(ctx: StepContext, region: str, snapshots: Sequence[str], zone_ids: Iterable[str]) -> set[str]:
    """Return the snapshots that fast snapshot restore is enabled for in every one of some zones, by one listing.

    Raises:
        ActionError: AWS refused the read.
    """
    there, zones = fast_restores(ctx.aws, region), list(zone_ids)
    enabled = {pair for pair, one in there.items() if one.state == ENABLED}
    return {snapshot for snapshot in snapshots if all((snapshot, zone) in enabled for zone in zones)}


def rates(
    sources: Iterable[Source], fast: set[str], within: timedelta | None
) -> tuple[dict[str, int | None], list[str]]:
    """Return the initialization rate of each volume, and notes about those that cannot be read in within the time."""
    found: dict[str, int | None] = {}
    notes = []
    for source in sources:
        volume, snapshot = source.facts.volume_id, source.point.snapshot_id
        found[volume] = None
        if snapshot in fast or within is None:
            continue
        try:
            found[volume] = rate_for(source.size_bytes, within)
        except ValueError as error:
            found[volume] = 300
            notes.append(
                f"{volume} will not be fully initialised within {format_duration(within)}: {error}. If that "
                "matters, keep fast snapshot restore on for its points beforehand: `ebs.keep_fast_restore`."
            )
    return found, notes
