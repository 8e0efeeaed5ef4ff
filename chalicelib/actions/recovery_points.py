"""check.recovery_points: could we restore, and how much would be lost? Per volume and Region, by what AWS shows now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.ebs_points import point_of
from chalicelib.actions.ebs_selection import VolumeSelector, selected
from chalicelib.aws import listing, tags
from chalicelib.aws.keys import key_problem
from chalicelib.domain.change import Failure, Finding
from chalicelib.domain.recovery_point import Demand, Known, Point, Standing, described, standing, worst_age
from chalicelib.domain.types import Duration, Region
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

Place = tuple[str, str]  # (volume or database, Region)
Since = Literal["run.start", "objective"] | Duration


class RecoveryPointsInput(ActionModel):
    """Which volumes, where their points must be, and how new."""

    select: VolumeSelector = Field(description="The volumes: by tags, ids, instances or zone.")
    regions: list[Region] = Field(
        default_factory=list, description="Where a usable point must be; the volumes' own Region when left out."
    )
    since: Since = Field(
        "objective", description="`run.start`: made by or since this run; `objective`: within the RPO; or an age."
    )
    region: Region | None = Field(None, description="The volumes' Region; the run's own when left out.")


class RecoveryPointsOutput(ActionModel):
    """What was measured. Ages are seconds from the point in time until now."""

    ok: bool = Field(description="Whether every volume has a usable point, new enough, in every Region.")
    worst_age_s: int | None = Field(description="Age of the oldest of the newest usable points; None without any.")
    points: int = Field(description="How many of the wanted points are there, one per volume and Region.")
    rpo_s: int | None = Field(description="The RPO reached: the worst age, or None when anything has no point.")


class RecoveryPoints(Check[RecoveryPointsInput]):
    """Find the newest usable point of each volume in each Region, and judge its age.

    Ages are seconds, times UTC. Usable is what could be restored now: completed, its set complete, not archived, its
    key enabled and not pending deletion. Only points that carry `lifeboat:policy` count, since only they carry what a
    restore needs. The age counts from the point in time, not from when a copy was made.
    """

    name: ClassVar[str] = "check.recovery_points"
    given: ClassVar[type[ActionModel]] = RecoveryPointsInput
    returns: ClassVar[type[ActionModel]] = RecoveryPointsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeVolumes",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSnapshots",
        "kms:DescribeKey",
    )
    calls: ClassVar[str] = (
        "DescribeAvailabilityZones once, DescribeVolumes per 500 volumes; per Region DescribeSnapshots per 199 volumes "
        "(and page of 1,000), again per 200 sets whose other members are not selected; DescribeKey per key."
    )

    def check(self, given: RecoveryPointsInput, ctx: StepContext) -> Verdict:
        demand = demand_of(given.since, ctx)
        home = given.region or ctx.region
        selection = selected(ctx.aws, home, given.select)
        volumes = [volume["VolumeId"] for volume in selection.volumes]
        points: dict[Place, list[Point]] = {}
        for region in sorted(set(given.regions) or {home}):
            points |= {(volume, region): [] for volume in volumes}
            for point in _points(volumes, region, ctx, home=region == home):
                points[point.volume_id, region].append(point)
        stands = judged(points, ctx)
        findings = [finding_of(place, stand, demand) for place, stand in sorted(stands.items())]
        return verdict_of([*findings, *missing_findings(selection.failures, home)])


def demand_of(since: Since, ctx: StepContext) -> Demand:
    """Return how new points must be.

    Raises:
        InputError: `check.no_objective`, the runbook states none.
    """
    if since == "run.start":
        return Demand(ctx.now, not_before=ctx.started_at)
    if isinstance(since, timedelta):
        return Demand(ctx.now, max_age=since)
    if ctx.rpo is None:
        raise InputError(
            "check.no_objective",
            "`since: objective` needs `objectives: {rpo: ...}` in the runbook; write it, "
            "or `since: run.start`, or an age.",
        )
    return Demand(ctx.now, max_age=ctx.rpo)


def _points(volumes: Sequence[str], region: str, ctx: StepContext, *, home: bool) -> list[Point]:
    """Return the points of volumes in a Region: originals by their volume, copies by the tag that names it."""
    name = "volume-id" if home else f"tag:{tags.SOURCE_VOLUME}"
    listed = listing.snapshots_by(ctx.aws, region, name, volumes, {"tag-key": [tags.POLICY]})
    wanted = set(volumes)
    return [point for point in _read(listed, region) if point.volume_id in wanted]


def _read(listed: Iterable[SnapshotTypeDef], region: str) -> list[Point]:
    return [point_of(snapshot, region) for snapshot in listed]


def judged(points: Mapping[Place, Sequence[Point]], ctx: StepContext) -> dict[Place, Standing]:
    """Judge all places; what a judgement still needs (a set's other members, a key) is read for all at once."""
    known = Known()
    for some in points.values():
        known.learn(some)
    while True:
        stands = {place: standing(some, known) for place, some in points.items()}
        asked = [stand.question for stand in stands.values() if stand.question]
        if not asked:
            return stands
        sets = {question.ask_set for question in asked if question.ask_set}
        for region in sorted({region for region, _ in sets}):
            names = sorted(name for where, name in sets if where == region)
            known.learn(_read(listing.snapshots_by(ctx.aws, region, f"tag:{tags.SET}", names, {}), region))
        known.read_sets |= sets
        for region, key in sorted({question.ask_key for question in asked if question.ask_key}):
            known.keys[region, key] = key_problem(ctx.aws, region, key)


def finding_of(place: Place, stand: Standing, demand: Demand) -> Finding:
    """Return what is found of one volume or database in one Region."""
    source, region = place
    code, message = described(stand, demand, source, region)
    point = stand.newest
    facts = (
        {
            "snapshot_id": point.snapshot_id,
            "point": tags.iso(point.at),
            "age_s": int((demand.now - point.at).total_seconds()),
            "policy": point.policy,
            "set_id": point.set_id,
        }
        if point
        else {}
    )
    return Finding(resource=source, region=region, ok=not code, code=code, message=message, facts=facts)


def missing_findings(failures: Iterable[Failure], region: str) -> list[Finding]:
    """Return what was asked for by name and is not there, as findings."""
    return [
        Finding(resource=lost.resource, region=region, ok=False, code=lost.code, message=lost.message)
        for lost in failures
    ]


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Return findings with what was measured of all of them."""
    ages = {f"{f.resource} {f.region}": _age(f) for f in findings}
    worst, rpo = worst_age(ages)
    outputs = {
        "ok": all(finding.ok for finding in findings),
        "worst_age_s": worst,
        "points": sum(age is not None for age in ages.values()),
        "rpo_s": rpo,
    }
    return Verdict(findings, outputs)


def _age(finding: Finding) -> int | None:
    age = finding.facts.get("age_s")
    return age if isinstance(age, int) else None
