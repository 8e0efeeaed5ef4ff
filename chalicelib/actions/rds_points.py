"""What the RDS actions share about one recovery point: the item they hand on, its name, its tags, what AWS shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from chalicelib.actions.base import ActionModel, StepContext
from chalicelib.aws import tags
from chalicelib.aws.databases import DatabaseSnapshot
from chalicelib.domain.database_manifest import DatabaseManifest
from chalicelib.domain.recovery_point import Point
from chalicelib.domain.types import Region

NAME_PREFIX = "lifeboat-"  # names start with a letter, and clusters' have 63 characters: this and an effect id are 37
RDS_SNAPSHOT = r"^(cluster-)?snapshot:(rds:)?[A-Za-z][A-Za-z0-9-]{0,254}$"
FAILED = frozenset({"failed", "error"})
INCOMPATIBLE = "incompatible-"  # as in incompatible-restore: words that begin so are failures too


class DatabaseSnapshotItem(ActionModel):
    """One database's recovery point on its way: what a step streams to the next. Sizes are GiB, times UTC (ISO)."""

    item: str = Field(description="Names the item within its step: the database, or the snapshot that was asked for.")
    database: str = Field(description="`db:name` or `cluster:name`, also on copies.")
    identity: str = Field(description="The database with AWS's own id of it, which a later one of that name has not.")
    engine: str = Field("", description="RDS's name of the engine.")
    size_gib: int = Field(0, description="Allocated storage, an upper bound of what is moved.")
    region: Region = Field(description="The Region that holds, or will hold, the snapshot.")
    policy: str | None = Field(None, description="Which retention owns the point.")
    set_id: str | None = Field(None, description="The point's own name; a point of a database is a set of one.")
    snapshot: str | None = Field(None, description="`snapshot:name` or `cluster-snapshot:name`; None until asked for.")
    arn: str | None = Field(None, description="Its ARN; None until asked for.")
    point: str | None = Field(None, description="The point in time: of the newest transaction, if AWS says so.")
    completed_at: str | None = Field(None, description="When AWS had completed it.")
    expires: str | None = Field(None, description="Until when a person wants it kept; such a point is no generation.")
    encrypted: bool = Field(default=False, description="Whether the snapshot is encrypted.")
    option_group: str = Field("", description="Its option group; empty for clusters.")
    tags: dict[str, str] = Field(default_factory=dict, description="The database's own tags, carried to the copies.")
    manifest: DatabaseManifest | None = Field(None, description="What a restore of this database needs.")
    made_by: str | None = Field(None, description="`step/change` that makes it; set by the engine.")


def snapshot_name(effect_id: str) -> str:
    """Return the name of the snapshot that is this effect."""
    return f"{NAME_PREFIX}{effect_id}"


def own_tags(item: DatabaseSnapshotItem, effect_id: str, point: str, ctx: StepContext) -> dict[str, str]:
    """Return Lifeboat's own tags of a point."""
    own = {
        tags.EFFECT: effect_id,
        tags.RUN: ctx.run_id,
        tags.SET: item.set_id or effect_id,
        tags.SET_SIZE: "1",
        tags.POINT: point,
        tags.SOURCE_DATABASE: item.identity,
    }
    own |= {tags.POLICY: item.policy} if item.policy else {}
    own |= {tags.EXPIRES: item.expires} if item.expires else {}
    return own | (tags.manifest_tags(item.manifest) if item.manifest else {})


def no_room(item: DatabaseSnapshotItem, own: Mapping[str, str], what: str) -> list[str]:
    """Say which of the database's tags do not fit on a point or copy beside Lifeboat's own; nothing when all do."""
    _, dropped = tags.merged(own, item.tags)
    return [f"{item.item}: no room for the tags {', '.join(dropped)} on its {what}."] if dropped else []


def state_of(status: str) -> str:
    """Return RDS's word for a snapshot's state in EC2's words.

    RDS also works on snapshots that are long complete (it upgrades their engines), and tells no closed list of words:
    only what says that it failed has failed, and any other word means that it is not available now.
    """
    if status == "available":
        return "completed"
    return "error" if status in FAILED or status.startswith(INCOMPATIBLE) else "pending"


def identity_of(snapshot: DatabaseSnapshot) -> str:
    """Return the database that a snapshot is of: by our tag, else by what AWS says."""
    return snapshot.tags.get(tags.SOURCE_DATABASE) or f"{snapshot.kind}:{snapshot.source}/{snapshot.source_id}"


def source_id(identity: str) -> str:
    """Return AWS's own id of the database, which stays when it is renamed; without one, all that is known of it."""
    return identity.rsplit("/", 1)[-1] or identity


def point_of(snapshot: DatabaseSnapshot) -> Point | None:
    """Return a snapshot as a recovery point; None while it is being created and AWS and its tags say no time.

    Its time is that of the newest transaction in it. Where AWS does not say it (clusters, above all their copies, whose
    own time is that of the copy) the tag does.
    """
    said = tags.point_time(snapshot.tags.get(tags.POINT, ""))
    taken = said or snapshot.taken if snapshot.kind == "cluster" or snapshot.taken is None else snapshot.taken
    if taken is None:
        return None
    state = state_of(snapshot.status)
    return Point(
        snapshot_id=snapshot.resource,
        volume_id=identity_of(snapshot),
        region=snapshot.region,
        at=snapshot.newest or taken,
        taken=taken,
        state=state,
        set_id=snapshot.tags.get(tags.SET) or snapshot.resource,
        reason=snapshot.status if state == "error" else "",
        kms_key=snapshot.kms_key,
        policy=snapshot.tags.get(tags.POLICY, ""),
    )


def facts_of(snapshot: DatabaseSnapshot) -> Mapping[str, Any]:
    """Return what later steps need to know of a snapshot that AWS shows."""
    point = point_of(snapshot)
    return {
        "snapshot": snapshot.resource,
        "arn": snapshot.arn,
        "encrypted": snapshot.encrypted,
        **({"point": tags.iso(point.at)} if point else {}),
    }
