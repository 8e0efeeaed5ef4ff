"""Reading databases as a recovery looks at them: where they run, what stands by, until when they can be restored.

Zones are IDs. A standby's zone is told by `SecondaryAvailabilityZone`, and not while AWS builds it anew:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html and API_DBCluster.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.databases import NAMES, PAGE, tags_of
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches
from chalicelib.aws.zones import Zones

Raw = Mapping[str, Any]
AVAILABLE = "available"
# A database in one of these goes on working; what changes it has to wait.
READY = frozenset({AVAILABLE, "storage-optimization", "backing-up"})
LOST = frozenset(
    {"failed", "restore-error", "inaccessible-encryption-credentials", "insufficient-capacity", "storage-full"}
)


@dataclass(frozen=True)
class LiveInstance:
    """A DB instance as it runs now.

    Attributes:
        zone: ID of the zone of its primary; empty while AWS does not tell.
        standby: ID of the zone of its standby; empty when there is none, or none yet.
        cluster: The cluster that it is a member of, if any.
        source: What it replicates from; empty when it is no replica.
        latest: Until when it can be restored; None without automated backups.
    """

    name: str
    resource_id: str
    region: str
    status: str
    zone: str
    standby: str
    multi_az: bool
    cluster: str
    address: str
    port: int
    source: str
    latest: datetime | None
    protected: bool
    tags: Mapping[str, str]

    @property
    def resource(self) -> str:
        """The resource part of its ARN."""
        return f"db:{self.name}"


@dataclass(frozen=True)
class LiveMember:
    """A DB instance of a cluster, with its part in it."""

    writer: bool
    tier: int
    instance: LiveInstance


@dataclass(frozen=True)
class LiveCluster:
    """A cluster as it runs now; the attributes as of `LiveInstance`. `earliest`: from when it can be restored."""

    name: str
    resource_id: str
    region: str
    status: str
    members: tuple[LiveMember, ...]
    address: str
    port: int
    source: str
    earliest: datetime | None
    latest: datetime | None
    protected: bool
    tags: Mapping[str, str]

    @property
    def resource(self) -> str:
        """The resource part of its ARN."""
        return f"cluster:{self.name}"

    @property
    def writer(self) -> LiveMember | None:
        """The member that writes; None when there is none."""
        return next((one for one in self.members if one.writer), None)

    @property
    def zone(self) -> str:
        """ID of the zone that is written in."""
        return self.writer.instance.zone if self.writer else ""


Live = LiveInstance | LiveCluster


def lost(status: str) -> bool:
    """Return True for a state that nothing but a restore, or a person, brings a database out of."""
    return status in LOST or status.startswith("incompatible-")


def live_instances(aws: Aws, zones: Zones, by: str, values: Iterable[str]) -> list[LiveInstance]:
    """List instances by one filter, 100 values a call; what AWS does not show is left out.

    Args:
        aws: The way to AWS.
        zones: The zones of the Region.
        by: `db-instance-id`, `dbi-resource-id` or `db-cluster-id`.
        values: What they may be.

    Raises:
        ActionError: AWS refused the read.
    """
    found = (raw for some in batches(values, NAMES) for raw in _pages(aws, zones.region, _INSTANCES, by, some))
    return [_instance(raw, zones) for raw in found]


def live_clusters(aws: Aws, zones: Zones, by: str, values: Iterable[str]) -> list[LiveCluster]:
    """List clusters with their instances by one filter (`db-cluster-id`, `db-cluster-resource-id`).

    Raises:
        ActionError: AWS refused a read.
    """
    raws = [raw for some in batches(values, NAMES) for raw in _pages(aws, zones.region, _CLUSTERS, by, some)]
    names = sorted(raw["DBClusterIdentifier"] for raw in raws if raw.get("DBClusterMembers"))
    members = {one.name: one for one in live_instances(aws, zones, "db-cluster-id", names)}
    return [_cluster(raw, zones, members) for raw in raws]


def live(aws: Aws, zones: Zones, resources: Iterable[str]) -> dict[str, Live]:
    """Return instances and clusters by `db:name` and `cluster:name`; those that AWS does not show are left out.

    Raises:
        ActionError: AWS refused a read.
    """
    names: dict[str, list[str]] = {"db": [], "cluster": []}
    for resource in sorted(set(resources)):
        kind, _, name = resource.partition(":")
        names[kind].append(name)
    found: list[Live] = [*live_instances(aws, zones, "db-instance-id", names["db"])]
    found += live_clusters(aws, zones, "db-cluster-id", names["cluster"])
    return {one.resource: one for one in found}


def live_by_id(aws: Aws, zones: Zones, kind: str, resource_ids: Iterable[str]) -> dict[str, Live]:
    """Return instances (`db`) or clusters by AWS's own ids, which they keep when they are renamed.

    Raises:
        ActionError: AWS refused a read.
    """
    ids = sorted(set(resource_ids))
    found: Sequence[Live] = (
        live_clusters(aws, zones, "db-cluster-resource-id", ids)
        if kind == "cluster"
        else live_instances(aws, zones, "dbi-resource-id", ids)
    )
    return {one.resource_id: one for one in found}


_INSTANCES = ("describe_db_instances", "DBInstances")
_CLUSTERS = ("describe_db_clusters", "DBClusters")


def _pages(aws: Aws, region: str, what: tuple[str, str], by: str, values: Sequence[str]) -> Iterator[Raw]:
    operation, field = what
    with translated(f"{field} in {region}", service="rds"):
        paginator = aws.client("rds", region).get_paginator(operation)
        given = [{"Name": by, "Values": list(values)}]
        for page in paginator.paginate(Filters=given, PaginationConfig={"PageSize": PAGE}):
            yield from page[field]


def _instance(raw: Raw, zones: Zones) -> LiveInstance:
    endpoint = raw.get("Endpoint") or {}
    return LiveInstance(
        name=raw["DBInstanceIdentifier"],
        resource_id=raw["DbiResourceId"],
        region=zones.region,
        status=raw.get("DBInstanceStatus", ""),
        zone=_id(zones, raw.get("AvailabilityZone")),
        standby=_id(zones, raw.get("SecondaryAvailabilityZone")),
        multi_az=raw.get("MultiAZ", False),
        cluster=raw.get("DBClusterIdentifier", ""),
        address=endpoint.get("Address", ""),
        port=endpoint.get("Port", 0),
        source=raw.get("ReadReplicaSourceDBInstanceIdentifier", "")
        or raw.get("ReadReplicaSourceDBClusterIdentifier", ""),
        latest=raw.get("LatestRestorableTime"),
        protected=raw.get("DeletionProtection", False),
        tags=tags_of(raw),
    )


def _cluster(raw: Raw, zones: Zones, members: Mapping[str, LiveInstance]) -> LiveCluster:
    listed = raw.get("DBClusterMembers") or ()
    return LiveCluster(
        name=raw["DBClusterIdentifier"],
        resource_id=raw["DbClusterResourceId"],
        region=zones.region,
        status=raw.get("Status", ""),
        members=tuple(
            LiveMember(
                one.get("IsClusterWriter", False), one.get("PromotionTier") or 0, members[one["DBInstanceIdentifier"]]
            )
            for one in listed
            if one["DBInstanceIdentifier"] in members
        ),
        address=raw.get("Endpoint", ""),
        port=raw.get("Port", 0),
        source=raw.get("ReplicationSourceIdentifier", ""),
        earliest=raw.get("EarliestRestorableTime"),
        latest=raw.get("LatestRestorableTime"),
        protected=raw.get("DeletionProtection", False),
        tags=tags_of(raw),
    )


def _id(zones: Zones, name: str | None) -> str:
    return zones.id_of(name) if name else ""
