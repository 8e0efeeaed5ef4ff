"""Load balancers' target groups and how their targets are.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html. Groups
cannot be filtered by tag on the server: all are listed, and their tags read, 20 at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches

ELB = "elasticloadbalancing"  # IAM's name of the service
TAGS_AT_ONCE = 20  # resources of one DescribeTags
PER_PAGE = 400
Wanted = Mapping[str, "str | list[str]"]


@dataclass(frozen=True)
class Balanced:
    """A target group or a load balancer."""

    arn: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    balancers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A target of a group. `shifted`: its zone gets no traffic now, so however healthy it is, it does not count."""

    group: str
    id: str
    port: int
    state: str
    reason: str = ""
    shifted: bool = False

    @property
    def healthy(self) -> bool:
        """True when traffic reaches it and it answers."""
        return self.state == "healthy" and not self.shifted


def target_groups(aws: Aws, region: str) -> list[Balanced]:
    """List all target groups of instances and addresses, with their tags.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    client = aws.client("elbv2", region)
    with translated(f"target groups in {region}", service=ELB):
        pages = client.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": PER_PAGE})
        found = [each for page in pages for each in page["TargetGroups"]]
    known = _tags(aws, region, [each["TargetGroupArn"] for each in found])
    return [
        Balanced(
            each["TargetGroupArn"],
            each["TargetGroupName"],
            known.get(each["TargetGroupArn"], {}),
            tuple(each.get("LoadBalancerArns", [])),
        )
        for each in found
    ]


def load_balancers(aws: Aws, region: str) -> list[Balanced]:
    """List all load balancers with their tags.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    client = aws.client("elbv2", region)
    with translated(f"load balancers in {region}", service=ELB):
        pages = client.get_paginator("describe_load_balancers").paginate(PaginationConfig={"PageSize": PER_PAGE})
        found = [each for page in pages for each in page["LoadBalancers"]]
    known = _tags(aws, region, [each["LoadBalancerArn"] for each in found])
    return [Balanced(e["LoadBalancerArn"], e["LoadBalancerName"], known.get(e["LoadBalancerArn"], {})) for e in found]


def _tags(aws: Aws, region: str, arns: Sequence[str]) -> dict[str, dict[str, str]]:
    client = aws.client("elbv2", region)
    found: dict[str, dict[str, str]] = {}
    for some in batches(arns, TAGS_AT_ONCE):
        with translated(f"tags of load balancing in {region}", service=ELB):
            answer = client.describe_tags(ResourceArns=some)
        for each in answer["TagDescriptions"]:
            found[each["ResourceArn"]] = {tag["Key"]: tag.get("Value", "") for tag in each["Tags"]}
    return found


def targets_of(aws: Aws, region: str, groups: Iterable[Balanced]) -> list[Target]:
    """Read how the targets of groups are, a call for each group.

    Raises:
        ActionError: AWS refused or did not answer.
    """
    client = aws.client("elbv2", region)
    found: list[Target] = []
    for group in groups:
        with translated(group.name, service=ELB):
            answer = client.describe_target_health(TargetGroupArn=group.arn)
        for each in answer["TargetHealthDescriptions"]:
            health, over = each.get("TargetHealth", {}), each.get("AdministrativeOverride", {})
            shifted = over.get("State") in {"zonal_shift_active", "zonal_shift_delegated_to_dns"}
            target = each["Target"]
            said = health.get("Reason", "") or health.get("Description", "")
            found.append(Target(group.name, target["Id"], target.get("Port", 0), health["State"], said, shifted))
    return found


def fits(tags: Mapping[str, str], wanted: Wanted) -> bool:
    """Return True when tags are as wanted: all keys, any of the values."""
    return all(tags.get(key) in ([value] if isinstance(value, str) else value) for key, value in wanted.items())
