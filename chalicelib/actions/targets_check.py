"""check.targets: do load balancers have enough healthy targets?

States: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.patience import still_patient
from chalicelib.actions.tag_selection import Selector
from chalicelib.aws.targets import Balanced, Target, target_groups, targets_of
from chalicelib.domain.change import Finding
from chalicelib.domain.types import Duration, Region


class TargetsGiven(ActionModel):
    """Which groups, and how many healthy targets are enough."""

    select: Selector = Field(description="Target groups: by tags, or ids (names, ARNs).")
    min_healthy: int = Field(1, ge=1, description="How many targets of each group must be healthy.")
    patience: Duration = Field(
        timedelta(minutes=10),
        description="How long it is looked again while there are too few: new ones take a while.",
    )
    region: Region | None = Field(None, description="The Region; the run's own when left out.")


class TargetsFound(ActionModel):
    """How many are well."""

    ok: bool = Field(description="Whether all groups have enough.")
    healthy: int = Field(description="Healthy targets altogether.")
    bad: list[str] = Field(description="Names of the groups with too few.")


class Targets(Check[TargetsGiven]):
    """Look whether every target group has enough healthy targets.

    Times in seconds. A target in a zone that traffic is shifted away from does not count, however healthy it is. Too
    few are looked at again until `patience` is over.
    """

    name: ClassVar[str] = "check.targets"
    given: ClassVar[type[ActionModel]] = TargetsGiven
    returns: ClassVar[type[ActionModel]] = TargetsFound
    permissions: ClassVar[tuple[str, ...]] = (
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    )
    within: ClassVar[timedelta] = timedelta(minutes=30)
    calls: ClassVar[str] = "DescribeTargetGroups per 400, DescribeTags per 20, DescribeTargetHealth for each group."

    def check(self, given: TargetsGiven, ctx: StepContext) -> Verdict:
        region = given.region or ctx.region
        groups = given.select.of(target_groups(ctx.aws, region))
        if not groups:
            message = f"No target group in {region} fits {given.select}: nothing was looked at. Correct the selection."
            nothing = Finding(
                resource=str(given.select), region=region, ok=False, code="check.nothing_selected", message=message
            )
            return Verdict([nothing], {"ok": False, "healthy": 0, "bad": []})
        targets = targets_of(ctx.aws, region, groups)
        findings = [_finding(group, targets, given.min_healthy, region) for group in groups]
        bad = [finding for finding in findings if not finding.ok]
        if bad:
            still_patient(ctx, given.patience, "; ".join(finding.message for finding in bad))
        healthy = sum(target.healthy for target in targets)
        return Verdict(findings, {"ok": not bad, "healthy": healthy, "bad": [finding.resource for finding in bad]})


def _finding(group: Balanced, targets: Sequence[Target], enough: int, region: str) -> Finding:
    mine = [target for target in targets if target.group == group.name]
    healthy = sum(target.healthy for target in mine)
    states = Counter("shifted away" if target.shifted else target.state for target in mine)
    said = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no targets"
    ok = healthy >= enough
    return Finding(
        resource=group.name,
        region=region,
        ok=ok,
        code="" if ok else "check.targets_unwell",
        message=f"{group.name} has {healthy} healthy targets, and {enough} are needed ({said}).",
        facts={"healthy": healthy, "targets": len(mine)},
    )
