"""The only reader of the environment. Every number has a unit in its name and a reason beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""


def shipped_runbooks() -> Path:
    """Return the directory of the runbooks that come with Lifeboat."""
    root = Path(__file__).resolve().parent.parent
    shipped = root / "vendor" / "runbooks"
    return shipped if shipped.is_dir() else root / "runbooks"


class Limits(BaseModel):
    """AWS quotas and assumed rates. Defaults are AWS's documented ones; raise them when yours were raised.

    Sources: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html and
    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    copies_per_destination: int = Field(20, ge=1, description="Concurrent snapshot copies per destination Region.")
    rds_copies_per_destination: int = Field(20, ge=1, description="Concurrent copies of RDS snapshots per Region.")
    pending_snapshots: int = Field(100, ge=1, description="Pending snapshots per account and Region to stay below.")
    fast_restores: int = Field(5, ge=0, description="Snapshots with fast snapshot restore per Region.")
    snapshots_per_set: int = Field(40, ge=1, description="Volumes in one crash-consistent set of an instance.")
    snapshot_mib_s: int = Field(100, ge=1, description="Assumed snapshot rate in MiB/s, for forecasts only.")
    copy_mib_s: int = Field(100, ge=1, description="Assumed cross-Region copy rate in MiB/s, for forecasts only.")


class Pace(BaseModel):
    """How the engine spends time. All in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    send_window_s: int = Field(30, ge=1, description="Effects are sent within this time of their intent.")
    call_timeout_s: int = Field(25, ge=1, description="Longest wait for one answer; shorter than the send window.")
    settle_s: int = Field(300, ge=0, description="An effect in doubt and not listed is sent again after this time.")
    slice_s: int = Field(60, ge=1, description="About how long one tick works before it records and returns.")
    poll_min_s: int = Field(15, ge=1, description="Shortest time between two looks at what is in flight.")
    poll_max_s: int = Field(900, ge=1, description="Longest time between two looks.")
    grace_s: int = Field(300, ge=1, description="How late a driver may be before another may take its run over.")
    review_s: int = Field(
        3600, ge=1, description="How often it is read again whether waiting changes are still needed."
    )
    ticks_per_generation: int = Field(
        1000, ge=2, description="Ticks (two durable operations each) before a run hands over; Lambda's limit is 3,000."
    )

    @property
    def fence_s(self) -> int:
        """How long a new generation waits before its first effect: whatever the old one sent has ended by then."""
        return self.send_window_s + self.call_timeout_s


class Settings(BaseSettings):
    """What a deployment decides. Read from `LIFEBOAT_*`; nested ones as `LIFEBOAT_LIMITS__COPIES_PER_DESTINATION`."""

    model_config = SettingsConfigDict(env_prefix="LIFEBOAT_", env_nested_delimiter="__", frozen=True, extra="ignore")

    region: str = Field(default_factory=_default_region, description="The Region that runs belong to.")
    table: str = Field("lifeboat", description="Name of the ledger's DynamoDB table.")
    runbooks: Path = Field(default_factory=shipped_runbooks, description="Directory of the runbooks.")
    retry_mode: Literal["adaptive", "standard"] = Field("adaptive", description="botocore retry mode for reads.")
    run_function: str = Field("lifeboat-run:live", description="The durable function's name and published alias.")
    keep_runs_days: int = Field(400, ge=1, description="How long a finished run that owes nothing stays in the ledger.")
    notice_topic: str = Field("", description="ARN of the SNS topic that is told of runs; empty = none.")
    event_bus: str = Field("", description="Name of the EventBridge bus that is told of runs; empty = none.")
    api_url: str = Field("", description="Base URL of the API, which notices name; empty = they name the command only.")
    limits: Limits = Limits()
    pace: Pace = Pace()
