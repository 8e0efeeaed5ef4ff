"""Groups, their instances and activities as Auto Scaling describes them, in AWS's names."""

from __future__ import annotations

from chalicelib.sandbox.autoscaling.things import Activity, Group, Member, Pool
from chalicelib.sandbox.ec2.wire import Tree
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import overhead


def group_shape(group: Group, *, with_instances: bool) -> Tree:
    """Describe a group."""
    backend = overhead().land(group.region).backend
    pool = group.pool
    return {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "LaunchTemplate": group.template or None,
        "MinSize": group.minimum,
        "MaxSize": group.maximum,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": 300,
        "AvailabilityZones": group.zones,
        "AvailabilityZoneIds": [str(backend.get_zone_by_name(zone).zone_id) for zone in group.zones],
        "LoadBalancerNames": [],
        "TargetGroupARNs": group.target_groups,
        "HealthCheckType": group.health_type,
        "HealthCheckGracePeriod": group.grace_s,
        "Instances": [member_shape(one, group) for one in group.members.values()] if with_instances else [],
        "CreatedTime": iso(group.born_s),
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": why} for name, why in sorted(group.suspended.items())
        ],
        "VPCZoneIdentifier": ",".join(group.subnets),
        "EnabledMetrics": [],
        "Tags": tags_shape(group),
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": group.new_protected,
        "WarmPoolConfiguration": pool_shape(pool) if pool else None,
        "WarmPoolSize": len(pool.members) if pool else None,
        "AvailabilityZoneImpairmentPolicy": group.impairment or None,
        **group.facts,
    }


def member_shape(member: Member, group: Group) -> Tree:
    """Describe an instance within its group."""
    return {
        "InstanceId": member.instance_id,
        "InstanceType": member.type,
        "AvailabilityZone": member.zone,
        "AvailabilityZoneId": member.zone_id,
        "LifecycleState": member.lifecycle,
        "HealthStatus": member.health,
        "LaunchTemplate": group.template or None,
        "ProtectedFromScaleIn": member.protected,
    }


def instance_shape(member: Member, group: Group) -> Tree:
    """Describe an instance as DescribeAutoScalingInstances does: its health in capitals."""
    shown = {**member_shape(member, group), "HealthStatus": member.health.upper()}
    return {**shown, "AutoScalingGroupName": group.name}


def pool_shape(pool: Pool) -> Tree:
    """Describe the settings of a warm pool."""
    return {
        "MaxGroupPreparedCapacity": pool.prepared,
        "MinSize": pool.minimum,
        "PoolState": pool.state,
        "InstanceReusePolicy": {"ReuseOnScaleIn": pool.reuse},
    }


def tags_shape(group: Group) -> list[Tree]:
    """List a group's tags."""
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": told,
        }
        for key, (value, told) in sorted(group.tags.items())
    ]


def activity_shape(activity: Activity, group: Group) -> Tree:
    """Describe an activity."""
    return {
        "ActivityId": activity.id,
        "AutoScalingGroupName": group.name,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": iso(activity.began_s),
        "EndTime": iso(activity.ended_s) if activity.ended_s is not None else None,
        "StatusCode": activity.status,
        "StatusMessage": activity.message or None,
        "Progress": 100 if activity.ended_s is not None else 50,
        "Details": activity.details,
        "AutoScalingGroupARN": group.arn,
    }
