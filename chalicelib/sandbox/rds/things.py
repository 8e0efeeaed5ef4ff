"""Databases and their snapshots, whose states are a function of virtual time. Instants are seconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chalicelib.sandbox.weather.sky import ACCOUNT, overhead

AVAILABLE = "available"
UPGRADING = "upgrading"  # RDS can bring the engine of a snapshot that is long complete up to date


@dataclass
class Coming:
    """Something that will have happened to a database from `at_s` on: `what` names it, `given` says how."""

    at_s: float
    what: str
    given: dict[str, Any]


@dataclass
class Database:
    """A DB instance (`db`) or an Aurora cluster (`cluster`). `facts` are fields of its description in AWS's names.

    Attributes:
        window_s: When its backup window begins, in seconds of the UTC day; None: it has none.
        writer: Of a cluster: the name of the member that writes; empty: the first one.
        replica_of: What it replicates from; None: it is no replica.
        lost_s: Since when AWS cannot recover it; None: it is well.
        deleting: Whether it is being deleted.
        told_s: Of a replica: until when CloudWatch has its lag.
        coming: What is under way, see `chalicelib.sandbox.rds.lifecycle`.
    """

    kind: str
    name: str
    region: str
    resource_id: str
    engine: str
    gib: int
    facts: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    cluster: str = ""
    encrypted_with: str = ""
    option_group: str = ""
    born_s: float = 0.0
    serial: int = 0
    visible_at_s: float = 0.0
    window_s: int | None = None
    windows_until_s: float = 0.0
    busy: list[tuple[float, float, str]] = field(default_factory=list)
    writer: str = ""
    replica_of: Database | None = None
    lost_s: float | None = None
    deleting: bool = False
    told_s: float = 0.0
    coming: list[Coming] = field(default_factory=list)

    @property
    def zone(self) -> str:
        """The zone's name of an instance, that of the primary if there is a standby; empty for clusters."""
        return str(self.facts.get("AvailabilityZone") or "")

    @property
    def status(self) -> str:
        """The state by the clock: `available`, or what keeps it busy now."""
        now_s = overhead().now_s
        if self.deleting:
            return "deleting"
        if self.lost_s is not None and self.lost_s <= now_s:
            return "failed"
        return next((why for since, until, why in self.busy if since <= now_s < until), AVAILABLE)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:rds:{self.region}:{ACCOUNT}:{self.kind}:{self.name}"


@dataclass
class DatabaseSnapshot:
    """A snapshot of a database, or a copy of one.

    Attributes:
        kind: `snapshot` or `cluster-snapshot`.
        taken_s: When the original was taken; stays the same in copies.
        database_s: Time of the newest transaction in it; instances only.
        began_s: When it, or the copy, began.
        starts_s: When data begins to move: of a queued copy later than `began_s`.
    """

    kind: str
    name: str
    region: str
    source: Database
    taken_s: float
    database_s: float
    began_s: float
    starts_s: float
    ready_at_s: float
    type: str = "manual"
    tags: dict[str, str] = field(default_factory=dict)
    encrypted_with: str = ""
    option_group: str = ""
    copy_of: str = ""
    copied_from: str = ""
    fails: str = ""
    deleted: bool = False
    serial: int = 0
    visible_at_s: float = 0.0

    @property
    def is_copy(self) -> bool:
        """Whether it was copied from another one."""
        return bool(self.copy_of)

    @property
    def status(self) -> str:
        """The state by the clock."""
        if overhead().now_s < self.ready_at_s:
            return "copying" if self.is_copy else "creating"
        if self.fails:
            return "failed"
        return UPGRADING if self.source.name in overhead().settings.rds.upgrading else AVAILABLE

    @property
    def progress(self) -> int:
        """Percent moved; a queued copy shows none."""
        now_s, span_s = overhead().now_s, self.ready_at_s - self.starts_s
        if now_s >= self.ready_at_s:
            return 100
        return 0 if now_s <= self.starts_s or span_s <= 0 else int(99 * (now_s - self.starts_s) / span_s)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:rds:{self.region}:{ACCOUNT}:{self.kind}:{self.name}"


@dataclass
class RdsLand:
    """What RDS keeps in one Region, by lower-case name.

    `subnet_groups` names the zones of each; `parameter_groups` are of instances, of clusters with `cluster:` before.
    """

    region: str
    databases: dict[tuple[str, str], Database] = field(default_factory=dict)
    snapshots: dict[tuple[str, str], DatabaseSnapshot] = field(default_factory=dict)
    option_groups: set[str] = field(default_factory=set)
    subnet_groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parameter_groups: set[str] = field(default_factory=set)
    told: list[dict[str, Any]] = field(default_factory=list)  # what DescribeEvents tells, in the order of posting

    def tagged(self, arn: str) -> Database | DatabaseSnapshot | None:
        """Return the thing with this ARN."""
        every: list[Database | DatabaseSnapshot] = [*self.databases.values(), *self.snapshots.values()]
        return next((thing for thing in every if thing.arn == arn), None)


def land(region: str) -> RdsLand:
    """Return what RDS keeps in a Region."""
    found: RdsLand = overhead().databases.setdefault(region, RdsLand(region))
    return found
