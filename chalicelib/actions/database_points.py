"""check.database_points: could the databases be restored, and how much would be lost? By what AWS shows now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.rds_points import point_of, source_id
from chalicelib.actions.rds_selection import DatabaseSelector, selected
from chalicelib.actions.recovery_points import (
    Place,
    RecoveryPointsOutput,
    Since,
    demand_of,
    finding_of,
    missing_findings,
    verdict_of,
)
from chalicelib.aws.databases import kind_and_name, snapshots
from chalicelib.aws.keys import key_problem
from chalicelib.domain.recovery_point import Known, Point, Standing, standing
from chalicelib.domain.types import Region


class DatabasePointsInput(ActionModel):
    """Which databases, where their points must be, and how new."""

    select: DatabaseSelector = Field(description="The databases: by tags, names or engine.")
    regions: list[Region] = Field(
        default_factory=list, description="Where a usable point must be; the databases' own Region when left out."
    )
    since: Since = Field(
        "objective", description="`run.start`: made by or since this run; `objective`: within the RPO; or an age."
    )
    region: Region | None = Field(None, description="The databases' Region; the run's own when left out.")


class DatabasePoints(Check[DatabasePointsInput]):
    """Find the newest usable point of each database in each Region, and judge its age.

    Ages are seconds, times UTC. Usable is what could be restored now: available, its key enabled and not pending
    deletion. Only points that carry `lifeboat:policy` count, since only they carry what a restore needs. The age counts
    from the newest transaction in the point (`SnapshotDatabaseTime`), not from when it or its copy was made.
    """

    name: ClassVar[str] = "check.database_points"
    given: ClassVar[type[ActionModel]] = DatabasePointsInput
    returns: ClassVar[type[ActionModel]] = RecoveryPointsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:DescribeDBSnapshots",
        "rds:DescribeDBClusterSnapshots",
        "kms:DescribeKey",
    )
    calls: ClassVar[str] = (
        "DescribeDBInstances and DescribeDBClusters per 100; per Region DescribeDBSnapshots and "
        "DescribeDBClusterSnapshots per 100 manual snapshots; DescribeKey per key."
    )

    def check(self, given: DatabasePointsInput, ctx: StepContext) -> Verdict:
        demand, home = demand_of(given.since, ctx), given.region or ctx.region
        selection = selected(ctx.aws, home, given.select)
        wanted = [one.identity for one in selection.databases]
        places = {(one, region): list[Point]() for region in sorted(set(given.regions) or {home}) for one in wanted}
        identities = {source_id(one): one for one in wanted}
        for point in _points(wanted, {region for _, region in places}, ctx):
            places[identities[source_id(point.volume_id)], point.region].append(point)
        findings = [finding_of(place, stand, demand) for place, stand in sorted(judged(places, ctx).items())]
        return verdict_of([*findings, *missing_findings(selection.failures, home)])


def _points(wanted: Sequence[str], regions: Iterable[str], ctx: StepContext) -> list[Point]:
    kinds = sorted({kind_and_name(one)[0] for one in wanted})
    listed = (one for region in sorted(regions) for kind in kinds for one in snapshots(ctx.aws, region, kind))
    points = (point_of(snapshot) for snapshot in listed)
    ids = {source_id(one) for one in wanted}  # names change
    return [point for point in points if point and point.policy and source_id(point.volume_id) in ids]


def judged(places: Mapping[Place, Sequence[Point]], ctx: StepContext) -> dict[Place, Standing]:
    """Judge points of databases; the keys that a judgement needs are looked up once each."""
    known = Known()
    for points in places.values():
        known.learn(points)
    while True:
        stands = {place: standing(points, known) for place, points in places.items()}
        keys = {stand.question.ask_key for stand in stands.values() if stand.question and stand.question.ask_key}
        if not keys:
            return stands
        for region, key in sorted(keys):
            known.keys[region, key] = key_problem(ctx.aws, region, key)
