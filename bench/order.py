"""What a child process is asked to do, and what it hands back: plain data, as JSON through a pipe."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

HOME, RECOVERY = "us-east-1", "us-west-2"


class Order(BaseModel):
    """One night: which sandbox, and with which limits.

    Attributes:
        url: The sandbox.
        ticks_per_generation: After how many ticks a run hands over to a new execution.
        copies: Concurrent copies that the engine believes in; None = the documented quota.
        pending: Pending snapshots that the engine believes in; None = the documented quota.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    ticks_per_generation: int = 1000
    copies: int | None = None
    pending: int | None = None

    def limits(self) -> dict[str, int]:
        """Return what differs from the default limits."""
        asked = {"copies_per_destination": self.copies, "pending_snapshots": self.pending}
        return {name: value for name, value in asked.items() if value is not None}


class TickSeen(BaseModel):
    """One tick, as it was when it had ended.

    Attributes:
        at_s: Virtual seconds since the start of the run.
        generation: Which generation worked it.
        result_bytes: Size of what the durable step returns, as JSON.
        snapshots_done: Points that were complete (as the ledger knows).
        copies_planned: Copies in the plan.
        copies_in_flight: Copies under way (as the ledger knows).
        copies_done: Copies that were complete (as the ledger knows).
    """

    at_s: float
    generation: int
    result_bytes: int
    snapshots_done: int = 0
    copies_planned: int = 0
    copies_in_flight: int = 0
    copies_done: int = 0


class Outcome(BaseModel):
    """What a child process measured of itself."""

    state: str
    message: str = ""
    virtual_s: float
    cpu_s: float
    peak_mib: float
    started_at: str
    ticks: list[TickSeen] = Field(default_factory=list)
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict)
