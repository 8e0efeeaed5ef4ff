"""check.coverage: what does no runbook protect, and what is protected on paper only?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.ebs_selection import LIVING, attached_to
from chalicelib.actions.protected import standing_of
from chalicelib.aws import listing, tags
from chalicelib.aws.databases import KINDS, databases
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Finding
from chalicelib.domain.types import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VolumeTypeDef

NO_TAG = "(none)"
GROUPS_TOLD = 100
Stand = tuple[str, timedelta | None, Finding]


class CoverageInput(ActionModel):
    """Where to look, how to group, and what is knowingly left alone."""

    regions: list[Region] = Field(min_length=1, description="Where every resource is looked at.")
    group_by: str = Field("Name", min_length=1, description="Tag key by which what is found is counted.")
    ignore: dict[str, str] = Field(
        default_factory=dict,
        description="What carries all of these tags is knowingly not protected: counted and said, and no failure.",
    )


class Group(ActionModel):
    """Resources of one Region that share a tag's value."""

    account: str = Field(description="The account.")
    region: str = Field(description="The Region.")
    tag: str = Field(description="The tag's value; `(none)` without the tag.")
    total: int = Field(description="How many there are.")
    uncovered: int = Field(description="How many of them are not covered.")


class CoverageOutput(ActionModel):
    """What was counted."""

    ok: bool = Field(description="Whether everything is covered, or knowingly not.")
    total: int = Field(description="Resources looked at: volumes, instances, DB instances and clusters.")
    uncovered: int = Field(description="Those that are not covered.")
    ignored: int = Field(description="Those that are knowingly not protected.")
    groups: list[Group] = Field(description="Counts by account, Region and tag; the worst 100.")


@dataclass(frozen=True)
class Seen:
    """One resource: what it is called, where, its tags, and the resources whose standing is its own."""

    name: str
    region: str
    tags: Mapping[str, str]
    parts: tuple[str, ...]


class Coverage(Check[CoverageInput]):
    """Find every volume, instance, DB instance and cluster that nothing protects, or that is protected on paper only.

    Covered is what a scheduled runbook selects and what has a usable recovery point within that runbook's objective.
    Where the runbook copies points to other Regions, they must be there too. Of a runbook that states no RPO a point of
    any age counts, and the finding says so. No quantities but counts; times are UTC. An instance is covered when all
    its volumes are, and never when it has none; members of a cluster are their cluster's. What is tagged
    `lifeboat:hands-off`, or fits `ignore`, is counted as knowingly not protected. Runbooks without a schedule protect
    nothing by themselves.
    """

    name: ClassVar[str] = "check.coverage"
    wants_protections: ClassVar[bool] = True
    given: ClassVar[type[ActionModel]] = CoverageInput
    returns: ClassVar[type[ActionModel]] = CoverageOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeVolumes",
        "ec2:DescribeInstances",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSnapshots",
        "kms:DescribeKey",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:DescribeDBSnapshots",
        "rds:DescribeDBClusterSnapshots",
        "sts:GetCallerIdentity",
    )
    calls: ClassVar[str] = (
        "GetCallerIdentity once; per Region DescribeVolumes per 500, DescribeInstances per 1,000, DescribeDBInstances "
        "and DescribeDBClusters per 100; and for each step of a scheduled runbook that makes points what "
        "check.recovery_points or check.database_points take."
    )

    def check(self, given: CoverageInput, ctx: StepContext) -> Verdict:
        with translated("this account", service="sts"):
            account = ctx.aws.client("sts", ctx.region).get_caller_identity()["Account"]
        stands = _stands(given.regions, ctx)
        every = [one for region in sorted(set(given.regions)) for one in _seen(region, ctx)]
        findings, total, bad, ignored = [], Counter[tuple[str, str]](), Counter[tuple[str, str]](), 0
        for one in every:
            group = (one.region, one.tags.get(given.group_by, NO_TAG))
            total[group] += 1
            if tags.HANDS_OFF in one.tags or (given.ignore and given.ignore.items() <= one.tags.items()):
                ignored += 1
                continue
            finding = _finding(one, stands)
            bad[group] += not finding.ok
            findings.append(finding)
        groups = [
            Group(account=account, region=region, tag=tag, total=total[region, tag], uncovered=bad[region, tag])
            for region, tag in sorted(total, key=lambda group: (-bad[group], group))[:GROUPS_TOLD]
        ]
        return Verdict(
            findings,
            {
                "ok": not bad.total(),
                "total": len(every),
                "uncovered": bad.total(),
                "ignored": ignored,
                "groups": [group.model_dump() for group in groups],
            },
        )


def _stands(regions: Sequence[str], ctx: StepContext) -> dict[tuple[str, str], list[Stand]]:
    """Return, for each resource that some runbook selects, which runbook, its RPO, and how the resource stands."""
    found: dict[tuple[str, str], list[Stand]] = {}
    for one in ctx.protections:
        worst: dict[str, Finding] = {}  # of a resource's points in all Regions
        for finding in standing_of(one, ctx) if one.region in regions else ():
            if finding.resource not in worst or not finding.ok:
                worst[finding.resource] = finding
        for resource, finding in worst.items():
            found.setdefault((one.region, resource), []).append((one.runbook, one.rpo, finding))
    return found


def _seen(region: str, ctx: StepContext) -> list[Seen]:
    volumes = listing.volumes(ctx.aws, region, {"status": list(LIVING)})
    of_instance: dict[str, list[str]] = {}
    for volume in volumes:
        for instance in attached_to(volume):
            of_instance.setdefault(instance, []).append(volume["VolumeId"])
    states = {"instance-state-name": ["pending", "running", "stopping", "stopped"]}
    instances = [
        Seen(each["InstanceId"], region, tags.of(each), tuple(sorted(of_instance.get(each["InstanceId"], []))))
        for each in listing.instances(ctx.aws, region, states)
    ]
    found = [one for kind in KINDS for one in databases(ctx.aws, region, kind) if not one.cluster]
    stored = [Seen(one.resource, region, one.tags, (one.identity,)) for one in found]
    return [*(_volume(volume, region) for volume in volumes), *instances, *stored]


def _volume(volume: VolumeTypeDef, region: str) -> Seen:
    return Seen(volume["VolumeId"], region, tags.of(volume), (volume["VolumeId"],))


def _finding(one: Seen, stands: Mapping[tuple[str, str], list[Stand]]) -> Finding:
    if not one.parts:
        why = (
            "it has no EBS volume, so no snapshot holds what it has. Tag it with what `ignore` names if that is meant."
        )
        return _said(one, "check.not_protectable", why)
    known = {part: stands.get((one.region, part), []) for part in one.parts}
    whole = one.parts == (one.name,) or not one.name.startswith("i-")
    unselected = [part for part, found in known.items() if not found]
    if unselected:
        why = (
            "no scheduled runbook selects it" if whole else f"no scheduled runbook selects {', '.join(unselected[:5])}"
        )
        return _said(one, "check.not_selected", f"{why}. Tag it for a runbook, or with what `ignore` names.")
    poor = [(book, finding) for found in known.values() for book, _, finding in found if not finding.ok]
    good = {finding.resource for found in known.values() for _, _, finding in found if finding.ok}
    poor = [(book, finding) for book, finding in poor if finding.resource not in good]
    if poor:
        book, finding = poor[0]
        return _said(one, finding.code, f"{book} selects it, and yet: {finding.message}")
    books = ", ".join(sorted({_by(book, rpo) for found in known.values() for book, rpo, _ in found}))
    return Finding(resource=one.name, region=one.region, ok=True, message=f"{one.name} is covered: {books}.")


def _by(book: str, rpo: timedelta | None) -> str:
    return book if rpo else f"{book} (which states no RPO, so a point of any age counts)"


def _said(one: Seen, code: str, why: str) -> Finding:
    return Finding(
        resource=one.name, region=one.region, ok=False, code=code, message=f"{one.name} in {one.region}: {why}"
    )
