"""Reading RDS: DB instances, clusters and their snapshots, as one shape each, in pages of 100.

RDS filters by names, not by tags; tags come with every description (`TagList`):
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html and its siblings. A name that
does not exist fails the request, a filter on it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches
from chalicelib.domain.database_manifest import DatabaseManifest, MemberFacts

PAGE = 100
NAMES = 100  # filter values of one request
Raw = Mapping[str, Any]
Kind = Literal["db", "cluster"]
KINDS: tuple[Kind, ...] = ("db", "cluster")


@dataclass(frozen=True)
class Database:
    """A DB instance or a cluster, as AWS shows it now.

    Attributes:
        resource_id: AWS's own id of it, which a database made later under the same name does not have.
        cluster: Of an instance: the cluster that it is a member of, if any.
    """

    kind: Kind
    name: str
    resource_id: str
    region: str
    engine: str
    status: str
    size_gib: int
    encrypted: bool
    option_group: str
    tags: Mapping[str, str]
    cluster: str
    manifest: DatabaseManifest

    @property
    def resource(self) -> str:
        """The resource part of its ARN, such as `db:orders`."""
        return f"{self.kind}:{self.name}"

    @property
    def identity(self) -> str:
        """What its recovery points are known by: name and AWS's own id."""
        return f"{self.resource}/{self.resource_id}"


@dataclass(frozen=True)
class DatabaseSnapshot:
    """A snapshot of a DB instance or cluster. Times are aware.

    Attributes:
        type: manual, automated, awsbackup ...
        status: RDS's word: creating, copying, available, failed ...
        taken: When the original was taken; None while being created. Of a copy of a cluster's, AWS says only when the
            copy was made.
        newest: The newest transaction in it, if AWS says so.
        began: When it, or the copy, was made; None while being created.
        copy_of: ARN of the snapshot that it is a copy of; empty for an original.
    """

    kind: Kind
    name: str
    arn: str
    region: str
    source: str
    source_id: str
    engine: str
    type: str
    status: str
    progress: int
    taken: datetime | None
    newest: datetime | None
    began: datetime | None
    size_gib: int
    encrypted: bool
    kms_key: str | None
    option_group: str
    copy_of: str
    tags: Mapping[str, str]

    @property
    def resource(self) -> str:
        """The resource part of its ARN, such as `snapshot:lifeboat-lb4x...`."""
        return snapshot_resource(self.kind, self.name)


def snapshot_resource(kind: Kind, name: str) -> str:
    """Return the resource part of a snapshot's ARN."""
    return f"{'cluster-' if kind == 'cluster' else ''}snapshot:{name}"


def kind_and_name(resource: str) -> tuple[Kind, str]:
    """Read the resource part of an ARN; the name of an automated snapshot has a colon itself."""
    head, name = resource.split(":", 1)
    return ("cluster" if head.startswith("cluster") else "db"), name


def databases(aws: Aws, region: str, kind: Kind, filters: Mapping[str, Sequence[str]] | None = None) -> list[Database]:
    """List DB instances, or clusters, that match all filters.

    Raises:
        ActionError: AWS refused the read.
    """
    operation, field = ("describe_db_clusters", "DBClusters") if kind == "cluster" else _INSTANCES
    read = _cluster if kind == "cluster" else _instance
    return [read(raw, region) for raw in _pages(aws, region, operation, field, filters or {}, {})]


_INSTANCES = ("describe_db_instances", "DBInstances")


def databases_by_id(aws: Aws, region: str, kind: Kind, resource_ids: Iterable[str]) -> dict[str, Database]:
    """List databases by AWS's own ids, 100 a call; those that AWS does not show are left out."""
    name = "db-cluster-resource-id" if kind == "cluster" else "dbi-resource-id"
    found = (one for some in batches(resource_ids, NAMES) for one in databases(aws, region, kind, {name: some}))
    return {one.resource_id: one for one in found}


def snapshots(
    aws: Aws, region: str, kind: Kind, *, names: Sequence[str] | None = None, manual: bool = True
) -> list[DatabaseSnapshot]:
    """List snapshots of DB instances, or of clusters.

    Args:
        aws: The way to AWS.
        region: Where.
        kind: Of what.
        names: Only these, 100 a call; those that AWS does not show are left out. None = every one.
        manual: Only manual ones; else automated ones too.

    Raises:
        ActionError: AWS refused a read.
    """
    cluster = kind == "cluster"
    operation = "describe_db_cluster_snapshots" if cluster else "describe_db_snapshots"
    field = "DBClusterSnapshots" if cluster else "DBSnapshots"
    by_name = "db-cluster-snapshot-id" if cluster else "db-snapshot-id"
    chosen: list[dict[str, Sequence[str]]] = (
        [{}] if names is None else [{by_name: some} for some in batches(names, NAMES)]
    )
    more = {"SnapshotType": "manual"} if manual else {}
    raws = (raw for filters in chosen for raw in _pages(aws, region, operation, field, filters, more))
    return [_snapshot(raw, kind, region) for raw in raws]


def _pages(
    aws: Aws, region: str, operation: str, field: str, filters: Mapping[str, Sequence[str]], more: Mapping[str, str]
) -> Iterator[Raw]:
    given = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
    with translated(f"{field} in {region}", service="rds"):
        paginator = aws.client("rds", region).get_paginator(operation)
        for page in paginator.paginate(Filters=given, PaginationConfig={"PageSize": PAGE}, **more):
            yield from page[field]


def tags_of(raw: Raw) -> dict[str, str]:
    """Return the tags that RDS describes."""
    return {tag["Key"]: tag.get("Value", "") for tag in raw.get("TagList") or ()}


def _groups(raw: Raw) -> tuple[str, ...]:
    return tuple(sorted(group["VpcSecurityGroupId"] for group in raw.get("VpcSecurityGroups") or ()))


def _instance(raw: Raw, region: str) -> Database:
    options = [one["OptionGroupName"] for one in raw.get("OptionGroupMemberships") or ()]
    parameters = [one["DBParameterGroupName"] for one in raw.get("DBParameterGroups") or ()]
    manifest = DatabaseManifest(
        engine=raw["Engine"],
        version=raw.get("EngineVersion", ""),
        instance_class=raw.get("DBInstanceClass", ""),
        storage_type=raw.get("StorageType", ""),
        size_gib=raw.get("AllocatedStorage", 0),
        iops=raw.get("Iops"),
        throughput_mib_s=raw.get("StorageThroughput"),
        multi_az=raw.get("MultiAZ", False),
        port=raw.get("Endpoint", {}).get("Port") or raw.get("DbInstancePort"),
        subnet_group=raw.get("DBSubnetGroup", {}).get("DBSubnetGroupName", ""),
        security_groups=_groups(raw),
        parameter_group=next(iter(parameters), ""),
        option_group=next(iter(options), ""),
        kms_key=raw.get("KmsKeyId"),
        public=raw.get("PubliclyAccessible", False),
    )
    return Database(
        "db",
        raw["DBInstanceIdentifier"],
        raw["DbiResourceId"],
        region,
        raw["Engine"],
        raw.get("DBInstanceStatus", ""),
        raw.get("AllocatedStorage", 0),
        raw.get("StorageEncrypted", False),
        manifest.option_group,
        tags_of(raw),
        raw.get("DBClusterIdentifier", ""),
        manifest,
    )


def _cluster(raw: Raw, region: str) -> Database:
    members = tuple(
        MemberFacts(
            name=one["DBInstanceIdentifier"], writer=one.get("IsClusterWriter", False), tier=one.get("PromotionTier")
        )
        for one in raw.get("DBClusterMembers") or ()
    )
    capacity = raw.get("ServerlessV2ScalingConfiguration") or {}
    manifest = DatabaseManifest(
        engine=raw["Engine"],
        version=raw.get("EngineVersion", ""),
        instance_class=raw.get("DBClusterInstanceClass", ""),
        storage_type=raw.get("StorageType", ""),
        size_gib=raw.get("AllocatedStorage", 0),
        iops=raw.get("Iops"),
        throughput_mib_s=raw.get("StorageThroughput"),
        multi_az=raw.get("MultiAZ", False),
        port=raw.get("Port"),
        subnet_group=raw.get("DBSubnetGroup", ""),
        security_groups=_groups(raw),
        parameter_group=raw.get("DBClusterParameterGroup", ""),
        kms_key=raw.get("KmsKeyId"),
        members=members,
        min_acu=capacity.get("MinCapacity"),
        max_acu=capacity.get("MaxCapacity"),
    )
    return Database(
        "cluster",
        raw["DBClusterIdentifier"],
        raw["DbClusterResourceId"],
        region,
        raw["Engine"],
        raw.get("Status", ""),
        raw.get("AllocatedStorage", 0),
        raw.get("StorageEncrypted", False),
        "",
        tags_of(raw),
        "",
        manifest,
    )


def _snapshot(raw: Raw, kind: Kind, region: str) -> DatabaseSnapshot:
    prefix = "DBCluster" if kind == "cluster" else "DB"
    return DatabaseSnapshot(
        kind,
        raw[f"{prefix}SnapshotIdentifier"],
        raw.get(f"{prefix}SnapshotArn", ""),
        region,
        raw.get("DBClusterIdentifier" if kind == "cluster" else "DBInstanceIdentifier", ""),
        raw.get("DbClusterResourceId" if kind == "cluster" else "DbiResourceId", ""),
        raw.get("Engine", ""),
        raw.get("SnapshotType", ""),
        raw.get("Status", ""),
        raw.get("PercentProgress", 0),
        raw.get("OriginalSnapshotCreateTime") or raw.get("SnapshotCreateTime"),
        raw.get("SnapshotDatabaseTime"),
        raw.get("SnapshotCreateTime"),
        raw.get("AllocatedStorage", 0),
        raw.get("StorageEncrypted" if kind == "cluster" else "Encrypted", False),
        raw.get("KmsKeyId"),
        raw.get("OptionGroupName", ""),
        raw.get("SourceDBClusterSnapshotArn" if kind == "cluster" else "SourceDBSnapshotIdentifier", ""),
        tags_of(raw),
    )
