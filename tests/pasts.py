"""Past nights on the embedded AWS, made quickly: tagged as Lifeboat tags, by a witness, with time moved on between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws import tags
from chalicelib.sandbox.client import Control

HOME, AWAY = "us-east-1", "us-west-2"
DAY_S = 86_400
COPY_AFTER_S = 4 * 3600  # every snapshot of the small estates is completed by then


@dataclass
class Past:
    """Makes points in one sandbox."""

    control: Control
    truth: Callable[[str], Any]  # a witness of EC2 in a Region
    policy: str = "nightly"

    def night(self, *sets: Sequence[str], copied: bool = True, **extra: str) -> list[list[str]]:
        """Let a night pass in which volumes were snapshotted, each sequence as a set, and copied; returns their ids."""
        at = self.control.now()
        made = [self.point(volumes, at, **extra) for volumes in sets]
        self.control.advance(COPY_AFTER_S)
        for ids in made if copied else ():
            for one in ids:
                self.copy(one)
        self.control.advance(DAY_S - COPY_AFTER_S)
        return made

    def point(self, volumes: Sequence[str], at: datetime, **extra: str) -> list[str]:
        """Snapshot volumes as one set at this moment."""
        name = f"lb{at:%Y%m%d%H%M}{volumes[0][4:]}"
        own = {
            tags.POLICY: self.policy,
            tags.SET: name,
            tags.SET_SIZE: str(len(volumes)),
            tags.POINT: tags.iso(at),
            tags.EFFECT: name,
            tags.RUN: f"run-{at:%m%d}",
            **{key.replace("_", "-").replace("lifeboat-", "lifeboat:"): value for key, value in extra.items()},
        }
        return [self._snapshot(volume, {**own, tags.SOURCE_VOLUME: volume}) for volume in volumes]

    def _snapshot(self, volume: str, own: dict[str, str]) -> str:
        made = self.truth(HOME).create_snapshot(VolumeId=volume, TagSpecifications=tags.for_snapshot(own))
        return str(made["SnapshotId"])

    def copy(self, snapshot_id: str) -> str:
        """Begin a copy of a snapshot, tagged as Lifeboat tags it."""
        [source] = self.truth(HOME).describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        own = {**tags.of(source), tags.SOURCE_SNAPSHOT: snapshot_id, tags.SOURCE_REGION: HOME}
        made = self.truth(AWAY).copy_snapshot(
            SourceRegion=HOME, SourceSnapshotId=snapshot_id, TagSpecifications=tags.for_snapshot(own)
        )
        return str(made["SnapshotId"])

    def there(self, region: str = HOME, policy: str | None = None) -> dict[str, dict[str, str]]:
        """Return the tags of all snapshots of the policy (or another) that there are, by id."""
        pages = self.truth(region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        found = {s["SnapshotId"]: tags.of(s) for page in pages for s in page["Snapshots"]}
        return {one: own for one, own in found.items() if own.get(tags.POLICY) == (policy or self.policy)}

    def days(self, region: str = HOME) -> set[str]:
        """Return the days (UTC) of which there are points."""
        return {own[tags.POINT][:10] for own in self.there(region).values()}
