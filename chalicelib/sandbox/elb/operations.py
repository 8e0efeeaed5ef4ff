"""The Elastic Load Balancing operations that the sandbox answers; every other one is refused.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html. Registering a target
twice is registering it once, and deregistering one that is not there is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.elb.things import Balancer, Front, Group, Member, health_of, let_go
from chalicelib.sandbox.query import members, page
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import Sky

PAGE_SIZE = 400
T = TypeVar("T")


@dataclass(frozen=True)
class ElbCall:
    """A request in one Region."""

    sky: Sky
    front: Front
    operation: str
    form: Tree

    def group(self) -> Group:
        """Return the target group that is named.

        Raises:
            AwsError: there is none.
        """
        return _found(self.front.groups, str(self.form.get("TargetGroupArn")))

    def page_size(self) -> int:
        """Return how much fits a page: 1 to 400."""
        return min(int(self.form.get("PageSize") or PAGE_SIZE), PAGE_SIZE)


def register_targets(call: ElbCall) -> Tree:
    """Put instances into a group."""
    group, instances = call.group(), call.sky.land(call.front.region).instances
    asked = members(call.form, "Targets")
    for target in asked:
        instance = instances.get(target["Id"])
        if instance is None:
            raise AwsError("InvalidTarget", f"The following targets are not valid: '{target['Id']}'")
        if instance.state_now[1] not in {"running", "pending"}:
            raise AwsError(
                "InvalidTarget",
                f"The following targets are not in a running state and cannot be registered: '{target['Id']}'",
            )
    for target in asked:
        key = (str(target["Id"]), int(target.get("Port") or group.port))
        there = group.members.get(key)
        if there is None or there.leaving_s is not None:
            group.members[key] = Member(*key, since_s=call.sky.now_s)
    return {}


def deregister_targets(call: ElbCall) -> Tree:
    """Take instances out of a group; connections drain for a while."""
    group = call.group()
    for target in members(call.form, "Targets"):
        for (instance_id, port), member in group.members.items():
            named = instance_id == target["Id"] and target.get("Port") in {None, str(port)}
            if named and member.leaving_s is None:
                member.leaving_s = call.sky.now_s
    return {}


def describe_target_groups(call: ElbCall) -> Tree:
    """List target groups."""
    groups = list(call.front.groups.values())
    arns, names = members(call.form, "TargetGroupArns"), members(call.form, "Names")
    if arns:
        groups = [_found(call.front.groups, arn) for arn in arns]
    if names:
        by_name = {group.name: group for group in groups}
        groups = [_found(by_name, name) for name in names]
    balancer = call.form.get("LoadBalancerArn")
    groups = [group for group in groups if not balancer or group.balancer == balancer]
    shown, marker = page(groups, call.form.get("Marker"), call.page_size())
    return {"TargetGroups": [_group_shape(group) for group in shown], "NextMarker": marker}


def _group_shape(group: Group) -> Tree:
    return {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": "HTTP",
        "Port": group.port,
        "VpcId": group.vpc_id,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 10,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "HealthCheckPath": "/health",
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [group.balancer],
        "TargetType": "instance",
    }


def describe_target_health(call: ElbCall) -> Tree:
    """Tell how the targets of a group are; a target that is asked for and not there is `unused`."""
    group = call.group()
    let_go(call.sky, group)
    asked = {(str(t["Id"]), int(t.get("Port") or group.port)) for t in members(call.form, "Targets")}
    shown = [_target_shape(call, group, m) for key, m in group.members.items() if not asked or key in asked]
    for instance_id, port in sorted(asked - set(group.members)):
        missing = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
        shown.append(_health_shape(instance_id, port, missing))
    return {"TargetHealthDescriptions": shown}


def _target_shape(call: ElbCall, group: Group, member: Member) -> Tree:
    shown = _health_shape(member.instance_id, member.port, health_of(call.sky, group, member))
    zone = call.sky.land(group.region).instances[member.instance_id].availability_zone
    if call.sky.shifted_from(group.region, group.balancer, zone):
        shown["AdministrativeOverride"] = {
            "State": "zonal_shift_active",
            "Reason": "AdministrativeOverride.ZonalShiftActive",
            "Description": "Zonal shift is active",
        }
    return shown


def _health_shape(instance_id: str, port: int, health: tuple[str, str, str]) -> Tree:
    state, reason, description = health
    return {
        "Target": {"Id": instance_id, "Port": port},
        "HealthCheckPort": str(port),
        "TargetHealth": {"State": state, "Reason": reason or None, "Description": description or None},
    }


def describe_load_balancers(call: ElbCall) -> Tree:
    """List load balancers."""
    balancers = list(call.front.balancers.values())
    arns, names = members(call.form, "LoadBalancerArns"), members(call.form, "Names")
    if arns:
        balancers = [_found(call.front.balancers, arn, "LoadBalancerNotFound") for arn in arns]
    if names:
        by_name = {balancer.name: balancer for balancer in balancers}
        balancers = [_found(by_name, name, "LoadBalancerNotFound") for name in names]
    shown, marker = page(balancers, call.form.get("Marker"), call.page_size())
    return {"LoadBalancers": [_balancer_shape(balancer) for balancer in shown], "NextMarker": marker}


def _balancer_shape(balancer: Balancer) -> Tree:
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": f"{balancer.name}-1234567890.{balancer.region}.elb.amazonaws.com",
        "CreatedTime": iso(balancer.born_s),
        "LoadBalancerName": balancer.name,
        "Scheme": "internet-facing",
        "VpcId": balancer.vpc_id,
        "State": {"Code": "active"},
        "Type": "application",
        "AvailabilityZones": [{"ZoneName": zone, "SubnetId": subnet} for zone, subnet in balancer.zones.items()],
    }


def describe_tags(call: ElbCall) -> Tree:
    """List the tags of up to 20 resources."""
    arns = members(call.form, "ResourceArns")
    if len(arns) > 20:  # noqa: PLR2004 - the documented limit
        raise AwsError("ValidationError", "Member must have length less than or equal to 20")
    every: dict[str, Group | Balancer] = {**call.front.groups, **call.front.balancers}
    return {
        "TagDescriptions": [
            {"ResourceArn": arn, "Tags": [{"Key": k, "Value": v} for k, v in sorted(_found(every, arn).tags.items())]}
            for arn in arns
        ]
    }


def _found(there: Mapping[str, T], name: str, code: str = "TargetGroupNotFound") -> T:
    if name not in there:
        raise AwsError(code, f"One or more of the named resources were not found: {name}")
    return there[name]


OPERATIONS: dict[str, Callable[[ElbCall], Tree]] = {
    "DeregisterTargets": deregister_targets,
    "DescribeLoadBalancers": describe_load_balancers,
    "DescribeTags": describe_tags,
    "DescribeTargetGroups": describe_target_groups,
    "DescribeTargetHealth": describe_target_health,
    "RegisterTargets": register_targets,
}


def perform(call: ElbCall) -> Tree:
    """Carry out a call.

    Raises:
        AwsError: it is refused, or the sandbox does not play it.
    """
    if call.operation not in OPERATIONS:
        raise AwsError("InvalidAction", f"The sandbox does not play elasticloadbalancing:{call.operation}.")
    return OPERATIONS[call.operation](call)
