"""One night at one size: a sandbox with a fleet, a child process that backs it up, and what all that came to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.order import HOME, RECOVERY, Order, Outcome
from chalicelib.sandbox.process import ROOT, Sandbox

LIFTED = 1_000_000  # more than any fleet here
OPERATIONS_PER_TICK = 2  # a durable step and a durable wait
PAGE = 1000  # most snapshots of one DescribeSnapshots page
VOLUMES_PAGE = 500


@dataclass(frozen=True)
class Made:
    """A snapshot or copy as AWS knows it; virtual seconds since the start of the run."""

    began_s: float
    done_s: float


@dataclass(frozen=True)
class Call:
    """One call that arrived at EC2; virtual seconds since the start of the run."""

    at_s: float
    operation: str
    region: str
    outcome: str


@dataclass(frozen=True)
class Night:
    """What one night came to.

    Attributes:
        volumes: Volumes in the fleet; all are backed up.
        instances: Instances that they are attached to.
        calls: Every call by (service, operation, Region, outcome).
        log: The EC2 calls in order.
        snapshots: What AWS holds in the home Region.
        copies: What AWS holds in the recovery Region.
    """

    volumes: int
    instances: int
    outcome: Outcome
    calls: dict[tuple[str, str, str, str], int]
    log: tuple[Call, ...]
    snapshots: tuple[Made, ...]
    copies: tuple[Made, ...]

    @property
    def ec2_calls(self) -> int:
        """How many EC2 calls there were, refused ones included."""
        return sum(count for (service, *_), count in self.calls.items() if service == "ec2")

    @property
    def ledger_calls(self) -> int:
        """How many DynamoDB calls there were."""
        return sum(count for (service, *_), count in self.calls.items() if service == "dynamodb")

    def count(self, operation: str, region: str | None = None) -> int:
        """Return how often one operation was called."""
        return sum(n for (_, o, r, _), n in self.calls.items() if o == operation and region in {None, r})

    @property
    def ticks_by_generation(self) -> dict[int, int]:
        """How many ticks each execution worked."""
        return dict(Counter(tick.generation for tick in self.outcome.ticks))

    @property
    def most_operations(self) -> int:
        """The durable operations of the longest execution."""
        return OPERATIONS_PER_TICK * max(self.ticks_by_generation.values(), default=0)

    @property
    def largest_result(self) -> int:
        """The largest result of a durable step in bytes."""
        return max((tick.result_bytes for tick in self.outcome.ticks), default=0)

    def looks(self, region: str) -> tuple[int, int]:
        """Return (DescribeSnapshots pages asked for, those of them that could find a completion) in a Region.

        A page can find one when something was completed since the one before it, by AWS's own record.
        """
        made = self.snapshots if region == HOME else self.copies
        ends = sorted(one.done_s for one in made)
        asked = [c.at_s for c in self.log if c.operation == "DescribeSnapshots" and c.region == region]
        found, seen = 0, 0
        for at in asked:
            before = seen
            while seen < len(ends) and ends[seen] <= at:
                seen += 1
            found += seen > before
        return len(asked), found

    def fewest_calls(self) -> float:
        """Return what the night must cost: the effects, and 1.1 looks for each wave of completions."""
        waves = sum(self.looks(region)[1] for region in (HOME, RECOVERY))
        return self.instances + self.volumes + 1.1 * waves

    def in_flight(self, at_s: float) -> int:
        """Return how many copies AWS was working on at a moment."""
        return sum(copy.began_s <= at_s < copy.done_s for copy in self.copies)

    def fullness(self, quota: int) -> float:
        """Return the share of the quota that was used, from when it was first full until too few copies were left."""
        begun = sorted(copy.began_s for copy in self.copies)
        if len(begun) <= quota:
            return 1.0
        first, last = begun[quota - 1], begun[-1]
        used = sum(max(0.0, min(copy.done_s, last) - max(copy.began_s, first)) for copy in self.copies)
        return used / (quota * (last - first))


def work(box: Sandbox, module: str, order: Order) -> Outcome:
    """Let a fresh child process work, and return what it measured.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LIFEBOAT_"))}
    environment |= {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": HOME,
        "AWS_ENDPOINT_URL": box.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-m", module, order.model_dump_json()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-2000:]}")
    return Outcome.model_validate_json(done.stdout.splitlines()[-1])


def night(
    volumes: int,
    *,
    module: str = "bench.engine_run",
    per_instance: int = 4,
    weather: bool = True,
    lifted: bool = False,
    ticks_per_generation: int = 1000,
    seed: int = 1,
    changes: Mapping[str, Any] | None = None,
) -> Night:
    """Back a fleet up in a sandbox of its own, and return what that came to.

    Args:
        volumes: How many.
        module: Who does it: the engine, or the naive loop.
        per_instance: How many volumes each instance has.
        weather: False for bare moto: snapshots are done at once, and nothing is refused.
        lifted: True lifts the quotas, in the sandbox and in the engine's settings.
        ticks_per_generation: When a run hands over.
        seed: Of all chance in the sandbox.
        changes: Of the sandbox's weather, before the night.
    """
    with Sandbox.start(seed=seed, weather=weather) as box:
        estate = box.control.estate("fleet", volumes=volumes, per_instance=per_instance)
        box.control.weather(**(changes or {}))
        order = Order(url=box.url, ticks_per_generation=ticks_per_generation)
        if lifted:
            box.control.weather(quotas={"copies_per_destination": LIFTED, "pending_per_account": LIFTED})
            order = order.model_copy(update={"copies": LIFTED, "pending": LIFTED})
        began = datetime.fromisoformat((outcome := work(box, module, order)).started_at)
        return Night(
            volumes=volumes,
            instances=len(estate["instances"]),
            outcome=outcome,
            calls=_calls(box.control.calls()["by"]),
            log=tuple(_logged(box.control.call_log(), began)),
            snapshots=tuple(_made(box, HOME, began)),
            copies=tuple(_made(box, RECOVERY, began)),
        )


def _calls(counted: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str, str], int]:
    return {(one["service"], one["operation"], one["region"], one["outcome"]): one["count"] for one in counted}


def _logged(log: Iterable[dict[str, Any]], began: datetime) -> Iterable[Call]:
    for one in log:
        if one["service"] == "ec2":
            at_s = (datetime.fromisoformat(one["at"]) - began).total_seconds()
            yield Call(at_s, one["operation"], one["region"], one["outcome"])


def _made(box: Sandbox, region: str, began: datetime) -> Iterable[Made]:
    pages = box.control.witness("ec2", region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
    for page in pages:
        for one in page["Snapshots"]:
            start, end = one["StartTime"], one.get("CompletionTime") or one["StartTime"]
            yield Made((start - began).total_seconds(), (end - began).total_seconds())
