"""How the instances of groups are: what the group itself says, EC2's status checks, and the load balancers' checks.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.aws import listing
from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.groups import ScalingGroup
from chalicelib.domain.rotation import Standing

STATUS_PAGE = 1000
SHIFTED = frozenset({"zonal_shift_active", "zonal_shift_delegated_to_dns"})
READS = (
    "autoscaling:DescribeAutoScalingGroups",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstances",
    "elasticloadbalancing:DescribeTargetHealth",
)


@dataclass
class Health:
    """What was found of the instances in service, by instance id.

    Attributes:
        unwell: Why it must be replaced, in words.
        unready: A load balancer has not found it healthy yet.
        young: It is failing, and within its group's grace period.
        overridden: A load balancer sends it nothing, since it is shifted away from its zone.
        aside: Of those that are unwell: why they are left alone where they are (see `asg_aside`).
        launched: When those that fail were launched (UTC), as far as AWS shows them.
    """

    unwell: dict[str, str] = field(default_factory=dict)
    unready: set[str] = field(default_factory=set)
    young: dict[str, str] = field(default_factory=dict)
    overridden: set[str] = field(default_factory=set)
    aside: dict[str, str] = field(default_factory=dict)
    launched: dict[str, datetime] = field(default_factory=dict)

    def standing(self, group: ScalingGroup) -> Standing:
        """Return how a group stands by what was found."""
        ids = {one.instance_id for one in group.serving}
        return Standing(
            desired=group.desired,
            serving=len(ids),
            unwell=len(ids & self.unwell.keys()),
            unready=len(ids & (self.unready | self.young.keys()) - self.unwell.keys()),
        )


def read_health(aws: Aws, region: str, groups: Iterable[ScalingGroup], now: datetime) -> Health:
    """Read how the instances in service are: two listings of what is impaired, and one per target group.

    An instance that fails within its group's grace period, counted from its launch, is young and not unwell.

    Raises:
        ActionError: AWS refused a read.
    """
    groups = list(groups)
    serving = {member.instance_id: group for group in groups for member in group.serving}
    reasons: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        for member in group.serving:
            if not member.healthy:
                reasons[member.instance_id].append("its group says that it is Unhealthy")
    for instance_id, said in _impaired(aws, region) if serving else ():
        reasons[instance_id].append(said)
    overridden = set[str]()
    ready = {
        arn: _healthy_targets(aws, region, arn, reasons, overridden)
        for arn in sorted({a for g in groups for a in g.target_groups})
    }
    failing = {one: "; ".join(why) for one, why in sorted(reasons.items()) if one in serving}
    launched = launch_times(aws, region, failing)
    young = {
        one
        for one, at in launched.items()
        if serving[one].grace_s and now - at < timedelta(seconds=serving[one].grace_s)
    }
    return Health(
        unwell={one: why for one, why in failing.items() if one not in young},
        unready={one for one, g in serving.items() if any(one not in ready[a] for a in g.target_groups)} - set(failing),
        young={one: failing[one] for one in young},
        overridden=overridden,
        launched=launched,
    )


def launch_times(aws: Aws, region: str, ids: Iterable[str]) -> dict[str, datetime]:
    """Return when instances were launched or last started, 200 per call; who is not shown is left out."""
    wanted = sorted(ids)
    found = listing.instances_by_id(aws, region, wanted) if wanted else {}
    return {one: told["LaunchTime"] for one, told in found.items()}


def _impaired(aws: Aws, region: str) -> list[tuple[str, str]]:
    """List what fails EC2's checks; the operation has no filter by id, and fails whole for one id that is gone."""
    found = []
    for check in ("instance-status", "system-status"):
        with translated(f"the status of instances in {region}"):
            pages = aws.ec2(region).get_paginator("describe_instance_status")
            impaired = [{"Name": f"{check}.status", "Values": ["impaired"]}]
            for page in pages.paginate(Filters=impaired, PaginationConfig={"PageSize": STATUS_PAGE}):  # type: ignore[arg-type]
                found += [(one["InstanceId"], f"EC2's {check} is impaired") for one in page["InstanceStatuses"]]
    return found


def _healthy_targets(aws: Aws, region: str, arn: str, reasons: dict[str, list[str]], overridden: set[str]) -> set[str]:
    """Return the instances that a target group finds healthy, and add why others are not, and who gets no traffic.

    How a target is goes on being checked while its zone is shifted away from; the override stands beside it:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/zonal-shift.html (administrative override)
    """
    with translated(f"target group {arn}", service="elasticloadbalancing"):
        told = aws.client("elbv2", region).describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    name = arn.split("/")[1] if "/" in arn else arn
    for one in told:
        if one["TargetHealth"]["State"] == "unhealthy":
            why = one["TargetHealth"].get("Reason", "no reason given")
            reasons[one["Target"]["Id"]].append(f"target group {name} says unhealthy ({why})")
    overridden |= {
        one["Target"]["Id"] for one in told if one.get("AdministrativeOverride", {}).get("State", "") in SHIFTED
    }
    return {one["Target"]["Id"] for one in told if one["TargetHealth"]["State"] == "healthy"}
