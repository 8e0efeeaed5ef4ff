"""Reading EC2 in pages: filtered on the server, never by id list, which fails whole for one missing id.

A request takes up to 200 filter values, of all its filters together, and a page holds up to 1,000 snapshots or
instances and 500 volumes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
(FilterLimitExceeded) and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, SnapshotTypeDef, VolumeTypeDef

FILTER_VALUES = 200
VOLUMES_PER_PAGE = 500
SNAPSHOTS_PER_PAGE = 1000
INSTANCES_PER_PAGE = 1000

Filters = Mapping[str, Sequence[str]]
T = TypeVar("T")


def batches(items: Iterable[T], size: int = FILTER_VALUES) -> Iterator[list[T]]:
    """Cut items into lists of at most `size`."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def volumes(aws: Aws, region: str, filters: Filters) -> list[VolumeTypeDef]:
    """List the volumes that match all filters."""
    with translated(f"volumes in {region}"):
        pages = (
            aws.ec2(region)
            .get_paginator("describe_volumes")
            .paginate(Filters=_filters(filters), PaginationConfig={"PageSize": VOLUMES_PER_PAGE})
        )
        return [volume for page in pages for volume in page["Volumes"]]


def snapshots(aws: Aws, region: str, filters: Filters) -> list[SnapshotTypeDef]:
    """List this account's own snapshots that match all filters."""
    with translated(f"snapshots in {region}"):
        pages = (
            aws.ec2(region)
            .get_paginator("describe_snapshots")
            .paginate(OwnerIds=["self"], Filters=_filters(filters), PaginationConfig={"PageSize": SNAPSHOTS_PER_PAGE})
        )
        return [snapshot for page in pages for snapshot in page["Snapshots"]]


def snapshots_page(aws: Aws, region: str, filters: Filters, size: int, after: str) -> tuple[list[SnapshotTypeDef], str]:
    """List one page of own snapshots that match all filters; returns it with the token of the next ("" = the last)."""
    with translated(f"snapshots in {region}"):
        more: dict[str, str] = {"NextToken": after} if after else {}
        page = aws.ec2(region).describe_snapshots(
            OwnerIds=["self"],
            Filters=_filters(filters),
            MaxResults=size,
            **more,  # type: ignore[arg-type]
        )
    return page["Snapshots"], page.get("NextToken") or ""


def instances(aws: Aws, region: str, filters: Filters) -> list[InstanceTypeDef]:
    """List the instances that match all filters."""
    with translated(f"instances in {region}"):
        pages = (
            aws.ec2(region)
            .get_paginator("describe_instances")
            .paginate(Filters=_filters(filters), PaginationConfig={"PageSize": INSTANCES_PER_PAGE})
        )
        return [each for page in pages for group in page["Reservations"] for each in group["Instances"]]


def volumes_by(aws: Aws, region: str, name: str, values: Iterable[str], filters: Filters) -> list[VolumeTypeDef]:
    """List volumes by one filter with any number of values, as many per call as fit; each volume once."""
    found = (v for some in batches(values, _room(filters)) for v in volumes(aws, region, {**filters, name: some}))
    return list({volume["VolumeId"]: volume for volume in found}.values())


def snapshots_by(aws: Aws, region: str, name: str, values: Iterable[str], filters: Filters) -> list[SnapshotTypeDef]:
    """List own snapshots by one filter with any number of values, as many per call as fit."""
    return [s for some in batches(values, _room(filters)) for s in snapshots(aws, region, {**filters, name: some})]


def instances_by_id(aws: Aws, region: str, ids: Iterable[str]) -> dict[str, InstanceTypeDef]:
    """List instances by id, 200 per call; those that AWS does not show are left out."""
    found = (i for some in batches(ids) for i in instances(aws, region, {"instance-id": some}))
    return {instance["InstanceId"]: instance for instance in found}


def _room(filters: Filters) -> int:
    return FILTER_VALUES - sum(len(values) for values in filters.values())


def _filters(filters: Filters) -> list[FilterTypeDef]:
    return [{"Name": name, "Values": list(values)} for name, values in filters.items()]
