"""check.database: do the databases answer? By what AWS shows now, and by a connection if asked.

Statuses: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html. They say what RDS knows, not
what a client finds: only `connect` does that, and it needs a way into the databases' network.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.rds_selection import DatabaseSelector, selected
from chalicelib.aws.live_databases import READY, Live, LiveCluster, live_by_id
from chalicelib.aws.probes import refusal
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Failure, Finding
from chalicelib.domain.types import Duration, Region


class DatabaseHealthInput(ActionModel):
    """Which databases, and what they must be like."""

    select: DatabaseSelector = Field(description="The databases: by tags, names or engine.")
    outside: str | None = Field(None, description="A zone, e.g. `use1-az1`, that no primary and no writer may run in.")
    multi_az: bool | None = Field(
        None,
        description="true: each must have a standby in sync, or an available reader, in another zone. false: none may "
        "be Multi-AZ. Left out: either is well.",
    )
    connect: bool = Field(default=False, description="Whether a TCP connection to each endpoint must be opened.")
    timeout: Duration = Field(timedelta(seconds=5), description="How long a connection may take.")
    region: Region | None = Field(None, description="The databases' Region; the run's own when left out.")


class DatabaseHealthOutput(ActionModel):
    """How many are well."""

    ok: bool = Field(description="Whether all are well.")
    databases: int = Field(description="Databases looked at.")
    bad: list[str] = Field(description="Those that are not well.")


class DatabaseHealth(Check[DatabaseHealthInput]):
    """Look whether each DB instance and cluster is available, has its endpoint, and stands as it is meant to.

    No quantities. A database that is backing up, or whose storage is being optimised, counts as available. Of a cluster
    the writer counts; readers that are not available are told. AWS describes a database in a zone that has gone dark as
    available for a while: state `outside`, or `connect` from a function in the databases' network.
    """

    name: ClassVar[str] = "check.database"
    given: ClassVar[type[ActionModel]] = DatabaseHealthInput
    returns: ClassVar[type[ActionModel]] = DatabaseHealthOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAvailabilityZones",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
    )
    calls: ClassVar[str] = (
        "DescribeAvailabilityZones; DescribeDBInstances and DescribeDBClusters per 100, and again by id; with "
        "`connect` a TCP connection to each endpoint."
    )

    def check(self, given: DatabaseHealthInput, ctx: StepContext) -> Verdict:
        region = given.region or ctx.region
        zones = read_zones(ctx.aws, region)
        outside = zones.ids[zones.name_of(given.outside)] if given.outside else ""
        selection = selected(ctx.aws, region, given.select)
        findings = [_missing(one, region) for one in selection.failures]
        for kind in ("db", "cluster"):
            wanted = {one.resource_id: one.resource for one in selection.databases if one.kind == kind}
            there = live_by_id(ctx.aws, zones, kind, wanted) if wanted else {}
            findings += [_finding(given, outside, one) for one in there.values()]
            findings += [_gone(wanted[gone], region) for gone in wanted.keys() - there.keys()]
        findings.sort(key=lambda one: one.resource)
        bad = [one.resource for one in findings if not one.ok]
        return Verdict(findings, {"ok": not bad, "databases": len(findings), "bad": bad})


def _finding(given: DatabaseHealthInput, outside: str, one: Live) -> Finding:
    wrong = list(_wrong(given, outside, one))
    facts = {"status": one.status, "zone": one.zone, "endpoint": f"{one.address}:{one.port}" if one.address else ""}
    if wrong:
        return Finding(
            resource=one.resource,
            region=one.region,
            ok=False,
            code="check.database_unwell",
            message=f"{one.resource} in {one.region} {'; '.join(wrong)}.",
            facts=dict(facts),
        )
    message = f"{one.resource} is {one.status} in {one.zone}, at {facts['endpoint']}{_readers(one)}."
    return Finding(resource=one.resource, region=one.region, ok=True, message=message, facts=dict(facts))


def _wrong(given: DatabaseHealthInput, outside: str, one: Live) -> Sequence[str]:
    """Return everything that is wrong with a database, most telling first."""
    wrong = [] if one.status in READY else [f"is {one.status}"]
    if isinstance(one, LiveCluster) and (one.writer is None or one.writer.instance.status not in READY):
        wrong.append(f"has no writer that is available ({one.writer.instance.status if one.writer else 'no instance'})")
    if not one.address or not one.port:
        wrong.append("has no endpoint")
    if outside and one.zone == outside:
        wrong.append(f"runs in {outside}, which it must not")
    if given.multi_az is not None and _stands_by(one) != given.multi_az:
        wrong.append("has no standby in sync in another zone" if given.multi_az else "is Multi-AZ, and must not be")
    if given.connect and one.address and (why := refusal(one.address, one.port, given.timeout.total_seconds())):
        wrong.append(f"does not answer at {one.address}:{one.port}: {why}")
    return wrong


def _stands_by(one: Live) -> bool:
    if isinstance(one, LiveCluster):
        readers = [each.instance for each in one.members if not each.writer]
        return any(each.status in READY and each.zone != one.zone for each in readers)
    return one.multi_az and bool(one.standby) and one.standby != one.zone


def _readers(one: Live) -> str:
    if not isinstance(one, LiveCluster):
        return ""
    down = [each.instance for each in one.members if not each.writer and each.instance.status not in READY]
    return f"; not available: {', '.join(f'{each.name} ({each.status})' for each in down)}" if down else ""


def _missing(failure: Failure, region: str) -> Finding:
    return Finding(resource=failure.resource, region=region, ok=False, code=failure.code, message=failure.message)


def _gone(resource: str, region: str) -> Finding:
    message = f"{resource} in {region} was deleted while it was looked at."
    return Finding(resource=resource, region=region, ok=False, code="action.resource_gone", message=message)
