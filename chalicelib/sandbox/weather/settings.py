"""Every knob of the weather, with its default and where the default comes from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Knobs(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Pace(_Knobs):
    """How long something takes: `base_s + moved GiB / gib_per_s`, give or take `jitter` (a share)."""

    base_s: float = Field(ge=0)
    gib_per_s: float = Field(gt=0)
    jitter: float = Field(default=0.2, ge=0, lt=1)


class Quotas(_Knobs):
    """Documented limits of EBS: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html.

    `standard_vcpus` is the account's quota of running On-Demand Standard instances; it is shown, not enforced.
    `pending_per_account` and `error_counts_s` are assumptions, see docs/sandbox.md.
    """

    copies_per_destination: int = Field(default=20, ge=0)
    pending_per_volume: dict[str, int] = Field(default_factory=lambda: {"default": 5, "st1": 1, "sc1": 1})
    pending_per_account: int = Field(default=100, ge=0)
    per_volume_interval_s: float = Field(default=15.0, ge=0)
    error_counts_s: float = Field(default=600.0, ge=0)
    set_members: int = Field(default=40, ge=1)
    multi_attach: int = Field(default=16, ge=1)
    fast_restores: int = Field(default=5, ge=0)  # snapshots a Region
    standard_vcpus: int = Field(default=1152, ge=0)


class Buckets(_Knobs):
    """Token buckets per Region and EC2 action, as [size, refill per virtual second].

    The documented classes: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. `per_action`
    overrides single actions.
    """

    on: bool = True
    reads: tuple[float, float] = (100.0, 20.0)
    unpaged_reads: tuple[float, float] = (50.0, 10.0)
    writes: tuple[float, float] = (50.0, 5.0)
    per_action: dict[str, tuple[float, float]] = Field(default_factory=dict)


class Events(_Knobs):
    """What happens to events on their way: shares in [0, 1], lateness in virtual seconds (drawn up to the value)."""

    drop_share: float = Field(default=0.0, ge=0, le=1)
    double_share: float = Field(default=0.0, ge=0, le=1)
    late_s: float = Field(default=0.0, ge=0)


class Kill(_Knobs):
    """SIGKILL the caller right before or right after its `at`-th call (counted from 1) takes effect."""

    at: int = Field(ge=1)
    when: Literal["before", "after"] = "after"


class Rds(_Knobs):
    """RDS: how long snapshots and copies take, and its documented quotas.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html (100 manual snapshots of instances,
    100 of clusters) and https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html (20 copies).
    """

    snapshots: Pace = Pace(base_s=120.0, gib_per_s=0.25)
    copies: Pace = Pace(base_s=300.0, gib_per_s=0.1)
    copies_per_destination: int = Field(default=20, ge=0)
    manual_snapshots: int = Field(default=100, ge=0)
    restores: Pace = Pace(base_s=420.0, gib_per_s=0.5)
    create_s: float = Field(default=300.0, ge=0)  # a further instance of a cluster
    failover_s: float = Field(default=60.0, ge=0)  # documented: 60 to 120 seconds for instances, less for Aurora
    notice_s: float = Field(default=60.0, ge=0)  # until AWS begins to fail over by itself
    rename_s: float = Field(default=120.0, ge=0)
    promote_s: float = Field(default=300.0, ge=0)
    delete_s: float = Field(default=180.0, ge=0)
    replica_lag_s: float = Field(default=2.0, ge=0)
    replica_lags: dict[str, float] = Field(default_factory=dict)  # of single replicas; below 0: it does not replicate
    fail_restores: list[str] = Field(default_factory=list)  # names whose restore ends in `failed`
    no_capacity: list[str] = Field(default_factory=list)  # names of zones without free instances
    not_offered: list[str] = Field(default_factory=list)  # instance classes that cannot be ordered at all
    endpoints: dict[str, str] = Field(default_factory=dict)  # `host:port` to show instead, by database
    automated: bool = False  # whether backup windows come and make automated snapshots
    fail_snapshots: list[str] = Field(default_factory=list)
    fail_copies: list[str] = Field(default_factory=list)
    upgrading: list[str] = Field(default_factory=list)  # names of databases on whose complete snapshots RDS works now


class DarkZones(_Knobs):
    """What calls meet that act on something in a dark zone: a share is never answered, the others fail."""

    hang_share: float = Field(default=0.5, ge=0, le=1)
    hang_s: float = Field(default=20.0, ge=0)  # virtual seconds that a client waits in vain
    status_lag_s: float = Field(default=60.0, ge=0)  # until status checks show it


class Scaling(_Knobs):
    """Auto Scaling: how slow a group is to notice and to try again. AWS gives no numbers for either."""

    notice_s: float = Field(default=180.0, ge=0)  # from a failing health check to Unhealthy
    retry_s: float = Field(default=60.0, gt=0)  # after a launch that failed


class Weather(_Knobs):
    """All settings of the weather. Times are virtual seconds, shares lie in [0, 1]."""

    seed: int = 1
    latency_s: float = Field(default=0.1, ge=0)
    visibility_s: float = Field(default=20.0, ge=0)
    snapshots: Pace = Pace(base_s=60.0, gib_per_s=0.25)
    copies: Pace = Pace(base_s=120.0, gib_per_s=0.1)
    recycle_bin_days: int = Field(default=0, ge=0)
    incremental_share: float = Field(default=0.1, ge=0, le=1)
    volume_create_s: float = Field(default=4.0, ge=0)
    volume_restore_s: float = Field(default=20.0, ge=0)
    attach_s: float = Field(default=4.0, ge=0)
    detach_s: float = Field(default=6.0, ge=0)
    instance_start_s: float = Field(default=30.0, ge=0)
    instance_stop_s: float = Field(default=40.0, ge=0)
    instance_checks_s: float = Field(default=60.0, ge=0)  # until the status checks of a started instance are ok
    hydration_mib_s: float = Field(default=60.0, gt=0)  # how fast a volume is read in when no rate is provisioned
    reserved: dict[str, int] = Field(default_factory=dict)  # `<zone name or ID>/<instance type>`: so many instances
    no_capacity: list[str] = Field(default_factory=list)  # `<zone name or ID>/<instance type or *>`
    free_addresses: dict[str, int] = Field(default_factory=dict)  # of subnets, instead of what they have
    page_size: int = Field(default=1000, ge=5, le=1000)
    quotas: Quotas = Field(default_factory=Quotas)
    buckets: Buckets = Field(default_factory=Buckets)
    throttle_share: float = Field(default=0.0, ge=0, le=1)
    throttle_reads_share: float = Field(default=0.0, ge=0, le=1)
    lost_answer_share: float = Field(default=0.0, ge=0, le=1)
    events: Events = Field(default_factory=Events)
    refuse_writes: bool = False
    fail_snapshots: list[str] = Field(default_factory=list)
    fail_copies: list[str] = Field(default_factory=list)
    rds: Rds = Field(default_factory=Rds)
    dark: DarkZones = Field(default_factory=DarkZones)
    scaling: Scaling = Field(default_factory=Scaling)
    sick: list[str] = Field(default_factory=list)  # ids of instances that fail all health checks
    kill: Kill | None = None

    def with_changes(self, changes: dict[str, Any]) -> Weather:
        """Return these settings with some of them changed; nested settings are merged key by key.

        Raises:
            pydantic.ValidationError: a setting is unknown or out of range.
        """
        return Weather.model_validate(_merged(self.model_dump(), changes))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        merged[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
