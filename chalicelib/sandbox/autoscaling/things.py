"""Groups and their members. Plain state; instants are seconds since 1970. What happens to it in time is `living`'s."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.sandbox.weather.sky import ACCOUNT, overhead

PENDING, PENDING_WAIT, IN_SERVICE = "Pending", "Pending:Wait", "InService"
TERMINATING, TERMINATING_WAIT = "Terminating", "Terminating:Wait"
STANDBY = "Standby"
Where = tuple[str, ...]
LEAVING = frozenset({TERMINATING, TERMINATING_WAIT})
LAUNCH_HOOK = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATE_HOOK = "autoscaling:EC2_INSTANCE_TERMINATING"
PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)


@dataclass
class Member:
    """One instance of a group.

    Attributes:
        until_s: When its lifecycle goes on by itself; None: only when something happens.
        failing_since_s: Since when it fails a health check that nobody has noticed yet.
        in_service_s: When it came into service last; the grace period counts from here.
        token: Of the lifecycle action that it waits for.
        origin: Where it came from, in the words of Auto Scaling's events.
        launch: The activity that launched it.
        leaving: The activity that terminates it.
    """

    instance_id: str
    type: str
    zone: str
    zone_id: str
    lifecycle: str
    since_s: float
    until_s: float | None = None
    health: str = "Healthy"
    failing_since_s: float | None = None
    in_service_s: float = 0.0
    protected: bool = False
    token: str = ""
    hook_result: str = ""
    sent: bool = False  # whether EC2 was told to terminate it
    origin: str = "EC2"
    launch: Activity | None = None
    leaving: Activity | None = None

    def go(self, lifecycle: str, at_s: float, until_s: float | None = None) -> None:
        """Be in another state of the lifecycle."""
        self.lifecycle, self.since_s, self.until_s = lifecycle, at_s, until_s

    @property
    def counts(self) -> bool:
        """Whether it counts towards the desired capacity."""
        return self.lifecycle not in LEAVING and self.lifecycle != STANDBY


@dataclass
class Hook:
    """A lifecycle hook."""

    name: str
    transition: str
    timeout_s: int = 3600
    default: str = "ABANDON"
    facts: dict[str, str] = field(default_factory=dict)


@dataclass
class Pool:
    """A warm pool: its settings in AWS's names, and who waits in it."""

    minimum: int = 0
    prepared: int | None = None
    state: str = "Stopped"
    reuse: bool = False
    members: dict[str, Member] = field(default_factory=dict)


@dataclass
class Activity:
    """A scaling activity, as DescribeScalingActivities tells of it."""

    serial: int
    description: str
    cause: str
    began_s: float
    ended_s: float | None
    status: str
    message: str = ""
    details: str = "{}"
    instance_id: str = ""

    @property
    def id(self) -> str:
        """Its id."""
        return f"{self.serial:08x}-0000-4000-8000-000000000000"


@dataclass
class Group:
    """An Auto Scaling group. `facts` are fields of its description that nothing is done with, in AWS's names."""

    name: str
    region: str
    serial: int
    born_s: float
    minimum: int
    maximum: int
    desired: int
    template: dict[str, str]
    subnets: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)  # names, of the subnets
    health_type: str = "EC2"
    grace_s: int = 0
    new_protected: bool = False
    impairment: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, tuple[str, bool]] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    pool: Pool | None = None
    hooks: dict[str, Hook] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)
    target_groups: list[str] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    launch_after_s: float = 0.0
    balance_after_s: float = 0.0
    quiet: bool = False  # whether it posts no events: it is only being set up
    upto_s: float = 0.0

    @property
    def arn(self) -> str:
        """Its ARN."""
        unique = f"{self.serial:08}-0000-4000-8000-000000000000"
        return f"arn:aws:autoscaling:{self.region}:{ACCOUNT}:autoScalingGroup:{unique}:autoScalingGroupName/{self.name}"

    def runs(self, *processes: str) -> bool:
        """Whether none of these processes is suspended."""
        return not any(one in self.suspended for one in processes)

    def hook(self, transition: str) -> Hook | None:
        """Return the hook of a transition; one of each kind is played."""
        return next((one for one in self.hooks.values() if one.transition == transition), None)

    def counting(self) -> list[Member]:
        """Return the members that count towards the desired capacity."""
        return [one for one in self.members.values() if one.counts]

    def serving(self) -> list[Member]:
        """Return the members that are in service."""
        return [one for one in self.members.values() if one.lifecycle == IN_SERVICE]

    def tell(
        self, description: str, cause: str, at_s: float, *, failed: str = "", instance_id: str = "", where: Where = ()
    ) -> Activity:
        """Write down an activity that is over; `where` are a zone and a subnet."""
        status = "Failed" if failed else "Successful"
        details = json.dumps(dict(zip(("Availability Zone", "Subnet ID"), where, strict=False)))
        serial = overhead().next_serial()
        told = Activity(serial, description, cause, at_s, at_s, status, failed, details, instance_id)
        self.activities.append(told)
        return told


@dataclass
class ScalingLand:
    """What Auto Scaling keeps in one Region, by name."""

    region: str
    groups: dict[str, Group] = field(default_factory=dict)

    def of(self, instance_id: str) -> tuple[Group, Member] | None:
        """Return an instance's group and its place in it."""
        return next(
            ((group, group.members[instance_id]) for group in self.groups.values() if instance_id in group.members),
            None,
        )


def land(region: str) -> ScalingLand:
    """Return what Auto Scaling keeps in a Region."""
    found: ScalingLand = overhead().scaling.setdefault(region, ScalingLand(region))
    return found
