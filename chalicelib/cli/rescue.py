"""What the demo claims of a failover, read from the embedded AWS itself, as somebody who trusts nobody would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.aws.tags import RESTORED, SET, of

if TYPE_CHECKING:
    from chalicelib.sandbox.client import Control

IN_GROUP = "aws:autoscaling:groupName"
Things = Sequence[dict[str, Any]]
# Control planes that live in one Region for all, and may be dark when they are needed:
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
GLOBAL = frozenset({"iam", "route53", "cloudfront", "organizations", "globalaccelerator", "shield", "account"})
# What may fail because it is in the dark zone: it is owed until the zone answers, and nothing waits for it.
MAY_FAIL = frozenset({"StopInstances", "ModifyInstanceAttribute", "CreateSnapshots", "CreateSnapshot"})


@dataclass
class Rescue:
    """What AWS shows after a zone went dark.

    Attributes:
        replaced: The instance that stands in for each one that was lost, by the lost one's id.
        wrong: What is not as promised, a sentence each; empty when all is well.
        counted: What was found, for people.
    """

    replaced: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    counted: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """True when everything is as promised."""
        return not self.wrong

    @classmethod
    def read(cls, control: Control, estate: Mapping[str, Any], zone_id: str) -> Rescue:
        """Read everything that was to be rescued.

        Args:
            control: The sandbox.
            estate: What was built: ids by kind.
            zone_id: The zone that went dark.
        """
        found = cls()
        zone = next(name for name, known in estate["zone_ids"].items() if known == zone_id)
        region = estate["region"]
        found._instances(control.witness("ec2", region), set(estate["instances"]), zone)
        if estate.get("groups"):
            found._groups(control.witness("autoscaling", region), zone)
        if estate.get("databases"):
            found._databases(control.witness("rds", region), zone)
        found._targets(control.witness("elbv2", region), estate["target_groups"])
        called = {row["service"] for row in control.calls()["by"]}
        found.wrong += [f"the control plane of {one} was called" for one in sorted(called & GLOBAL)]
        reached = {each["what"][0] for each in control.reached()}
        found.wrong += [f"{one} was tried on something in the dark zone" for one in sorted(reached - MAY_FAIL)]
        return found

    def _instances(self, ec2: Any, own: set[str], zone: str) -> None:
        there = _instances(ec2)
        volumes = {one["VolumeId"]: one for page in _pages(ec2, "describe_volumes") for one in page["Volumes"]}
        stateful = [one for one in there if IN_GROUP not in of(one) and one["InstanceId"] in own]
        lost = [one for one in stateful if _zone(one) == zone]
        made = Counter(of(one)[RESTORED] for one in there if RESTORED in of(one) and _state(one) != "terminated")
        self.wrong += [f"{old} was replaced {count} times" for old, count in made.items() if count > 1]
        for old in lost:
            new = next((one for one in there if of(one).get(RESTORED) == old["InstanceId"]), None)
            if new is None or _state(new) != "running" or _zone(new) == zone:
                self.wrong.append(f"{old['InstanceId']} has no running replacement in another zone")
            else:
                self.replaced[old["InstanceId"]] = new["InstanceId"]
                self.wrong += _volumes(ec2, old, new, volumes)
        self.wrong += _attached_twice(volumes.values())
        self.wrong += [
            f"{one['InstanceId']}, in a healthy zone, is {_state(one)}"
            for one in stateful
            if _zone(one) != zone and _state(one) != "running"
        ]
        self.counted["stateful instances"] = f"{len(self.replaced)} of {len(lost)} that were lost run in another zone"

    def _groups(self, autoscaling: Any, zone: str) -> None:
        told = []
        for group in autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
            name, wanted = group["AutoScalingGroupName"], group["DesiredCapacity"]
            serving = [one for one in group["Instances"] if _serves(one) and one["AvailabilityZone"] != zone]
            told.append(f"{name} {len(serving)} of {wanted}")
            if len(serving) < wanted:
                self.wrong.append(f"group {name} has {len(serving)} of {wanted} in service outside the dark zone")
        self.counted["groups, outside the zone"] = ", ".join(told)

    def _databases(self, rds: Any, zone: str) -> None:
        instances = {one["DBInstanceIdentifier"]: one for one in rds.describe_db_instances()["DBInstances"]}
        primaries = {name: one for name, one in instances.items() if not one.get("DBClusterIdentifier")}
        for cluster in rds.describe_db_clusters()["DBClusters"]:
            [writer] = [m["DBInstanceIdentifier"] for m in cluster["DBClusterMembers"] if m["IsClusterWriter"]]
            primaries[cluster["DBClusterIdentifier"]] = instances[writer]
        for name, one in primaries.items():
            if one["AvailabilityZone"] == zone or one["DBInstanceStatus"] != "available":
                self.wrong.append(f"database {name} is {one['DBInstanceStatus']} in {one['AvailabilityZone']}")
        self.counted["databases"] = f"{', '.join(primaries)} answer from other zones"

    def _targets(self, elb: Any, groups: Mapping[str, str]) -> None:
        told, new = [], set(self.replaced.values())
        for name, arn in groups.items():
            health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            states = {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in health}
            told.append(f"{name} {sum(state == 'healthy' for state in states.values())} of {len(states)}")
            unwell = [one for one in sorted(new & states.keys()) if states[one] != "healthy"]
            self.wrong += [f"target {one} of {name} is {states[one]}" for one in unwell]
        self.counted["healthy targets"] = ", ".join(told)

    def fenced(self, control: Control) -> list[str]:
        """Return the old instances that are stopped by now."""
        there = _instances(control.witness("ec2")) if self.replaced else []
        return [one["InstanceId"] for one in there if one["InstanceId"] in self.replaced and _state(one) == "stopped"]


def _pages(client: Any, operation: str) -> Iterable[dict[str, Any]]:
    pages: Iterable[dict[str, Any]] = client.get_paginator(operation).paginate()
    return pages


def _instances(ec2: Any) -> list[dict[str, Any]]:
    return [one for page in _pages(ec2, "describe_instances") for r in page["Reservations"] for one in r["Instances"]]


def _zone(instance: Mapping[str, Any]) -> str:
    return str(instance["Placement"]["AvailabilityZone"])


def _state(instance: Mapping[str, Any]) -> str:
    return str(instance["State"]["Name"])


def _serves(member: Mapping[str, Any]) -> bool:
    return bool(member["LifecycleState"] == "InService" and member["HealthStatus"] == "Healthy")


def _devices(instance: Mapping[str, Any]) -> dict[str, str]:
    return {each["DeviceName"]: each["Ebs"]["VolumeId"] for each in instance["BlockDeviceMappings"]}


def _volumes(ec2: Any, old: Mapping[str, Any], new: Mapping[str, Any], volumes: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the new volumes: each protected one must come from the newest set of the old one."""
    name, after = old["InstanceId"], _devices(new)
    protected = {device: one for device, one in _devices(old).items() if "backup" in of(volumes.get(one, {}))}
    yield from (f"{name}: nothing is at {device} of {new['InstanceId']}" for device in protected.keys() - after.keys())
    asked = [{"Name": "volume-id", "Values": list(protected.values())}]
    points = [one for one in ec2.describe_snapshots(Filters=asked)["Snapshots"] if SET in of(one)]
    done = [one for one in points if one["State"] == "completed"]
    newest = max(done, key=lambda one: one["StartTime"], default=None)
    members = {one["SnapshotId"] for one in done if newest and of(one)[SET] == of(newest)[SET]}
    used = {volumes[volume].get("SnapshotId") for device, volume in after.items() if device in protected}
    if not members or not used <= members:
        yield f"{name}: its volumes are not all from its newest set"


def _attached_twice(volumes: Iterable[Mapping[str, Any]]) -> list[str]:
    single = [one for one in volumes if not one.get("MultiAttachEnabled") and len(one["Attachments"]) > 1]
    return [f"{one['VolumeId']} is attached {len(one['Attachments'])} times" for one in single]
