"""Past nights of databases on the embedded AWS, made quickly: tagged as Lifeboat tags, by a witness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.actions.rds_points import snapshot_name
from chalicelib.aws import tags
from chalicelib.sandbox.client import Control

HOME, AWAY = "us-east-1", "us-west-2"
DAY_S, COPY_AFTER_S = 86_400, 6 * 3600


@dataclass
class DatabasePast:
    """Nights of databases as Lifeboat would have made them, made by a witness."""

    control: Control
    estate: dict[str, Any]

    def night(self, *databases: str) -> None:
        at = self.control.now()
        made = {database: self.snapshot(database, at) for database in databases}
        self.control.advance(COPY_AFTER_S)
        for database, arn in made.items():
            self.copy(database, arn, at)
        self.control.advance(DAY_S - COPY_AFTER_S)

    def snapshot(self, database: str, at: datetime) -> str:
        kind, name = database.split(":")
        rds = self.control.witness("rds", HOME)
        effect = f"{name}-{at:%Y%m%d}"
        called, given = snapshot_name(effect), {"Tags": self.own(database, at, effect)}
        if kind == "cluster":
            told = rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=called, DBClusterIdentifier=name, **given)
            return str(told["DBClusterSnapshot"]["DBClusterSnapshotArn"])
        told = rds.create_db_snapshot(DBSnapshotIdentifier=called, DBInstanceIdentifier=name, **given)
        return str(told["DBSnapshot"]["DBSnapshotArn"])

    def copy(self, database: str, arn: str, at: datetime) -> None:
        kind, name = database.split(":")
        rds, effect = self.control.witness("rds", AWAY), f"{name}-{at:%Y%m%d}-c"
        called, source = snapshot_name(effect), {tags.SOURCE_SNAPSHOT: arn.split(":", 5)[-1], tags.SOURCE_REGION: HOME}
        own = self.own(database, at, effect, **source)
        given = {"KmsKeyId": "alias/recovery", "Tags": own, "SourceRegion": HOME}
        if kind == "cluster":
            rds.copy_db_cluster_snapshot(
                SourceDBClusterSnapshotIdentifier=arn, TargetDBClusterSnapshotIdentifier=called, **given
            )
        else:
            rds.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=called, **given)

    def own(self, database: str, at: datetime, effect: str, **more: str) -> list[dict[str, str]]:
        """Return the tags of the snapshot that is an effect: as in Lifeboat's own, it is in its name too."""
        resource_id = self.estate["databases"][database.split(":")[1]]
        own = {
            tags.POLICY: "nightly",
            tags.EFFECT: effect,
            tags.RUN: f"run-{at:%m%d}",
            tags.SET: effect.removesuffix("-c"),
            tags.SET_SIZE: "1",
            tags.POINT: tags.iso(at),
            tags.SOURCE_DATABASE: f"{database}/{resource_id}",
            **more,
        }
        return [{"Key": key, "Value": value} for key, value in own.items()]

    def there(self, region: str) -> dict[str, dict[str, str]]:
        """Return the tags of all manual snapshots, by name."""
        rds = self.control.witness("rds", region)
        found: dict[str, dict[str, str]] = {}
        for operation, field, name in (
            ("describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
            ("describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"),
        ):
            for page in rds.get_paginator(operation).paginate(SnapshotType="manual"):
                found |= {one[name]: {t["Key"]: t["Value"] for t in one["TagList"]} for one in page[field]}
        return found

    def days(self, region: str, database: str) -> set[str]:
        mine = [own for own in self.there(region).values() if own.get(tags.SOURCE_DATABASE, "").startswith(database)]
        return {own[tags.POINT][:10] for own in mine}
