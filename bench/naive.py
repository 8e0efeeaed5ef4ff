"""The loop that one would write by hand, in a process of its own: `python -m bench.naive ORDER`; prints an Outcome.

Snapshot every volume, wait for each with botocore's waiter, copy each, wait for each. What AWS refuses because of a
quota is tried again after a while, as such scripts do. It keeps nothing: killed half-way, it starts from the beginning.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import botocore.waiter
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from bench.order import HOME, RECOVERY, Order, Outcome
from bench.process import cpu_s, peak_mib
from chalicelib.sandbox.client import Control, VirtualClock, attach

REFUSED = {
    "PendingSnapshotLimitExceeded",
    "ConcurrentSnapshotLimitExceeded",
    "SnapshotCreationPerVolumeRateExceeded",
    "ResourceLimitExceeded",
    "RequestLimitExceeded",
}
PAUSE_S = 30  # as long as such scripts sleep
PATIENCE = 1000  # refusals of one call


def persistently(call: Callable[[], Any], clock: VirtualClock) -> Any:
    """Call until AWS no longer refuses because of a quota, with a pause between."""
    for _ in range(PATIENCE):
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSED:
                raise
            clock.sleep(PAUSE_S)
    raise RuntimeError("AWS refused for too long")


def completed(ec2: Any, snapshot_id: str, clock: VirtualClock) -> None:
    """Wait for one snapshot; a waiter gives up on one that is not listed yet, or after ten minutes: wait again."""
    for _ in range(PATIENCE):
        try:
            ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot_id])
        except WaiterError as error:
            if "NotFound" not in str(error) and "Max attempts" not in str(error):
                raise
            clock.sleep(PAUSE_S)
        else:
            return
    raise RuntimeError(f"{snapshot_id} was not completed")


def night(home: Any, away: Any, clock: VirtualClock, key: str) -> int:
    """Back up every volume that is tagged; returns how many."""
    pages = home.get_paginator("describe_volumes").paginate(Filters=[{"Name": "tag:backup", "Values": ["nightly"]}])
    volumes = [volume["VolumeId"] for page in pages for volume in page["Volumes"]]
    made = []
    for volume in volumes:
        answer = persistently(partial(home.create_snapshot, VolumeId=volume), clock)
        made.append(answer["SnapshotId"])
    for snapshot_id in made:
        completed(home, snapshot_id, clock)
    copies = []
    for snapshot_id in made:
        copy = partial(
            away.copy_snapshot, SourceRegion=HOME, SourceSnapshotId=snapshot_id, Encrypted=True, KmsKeyId=key
        )
        copies.append(persistently(copy, clock)["SnapshotId"])
    for copy_id in copies:
        completed(away, copy_id, clock)
    return len(copies)


def carry_out(order: Order) -> Outcome:
    """Run the night and measure it."""
    clock = VirtualClock(order.url)
    waiter: Any = botocore.waiter
    waiter.time = SimpleNamespace(sleep=clock.sleep)
    session = botocore.session.Session()
    attach(session, clock)
    boto: Any = boto3.Session(botocore_session=session)
    config = Config(retries={"mode": "standard", "total_max_attempts": 5})
    home, away = (boto.client("ec2", region_name=region, config=config) for region in (HOME, RECOVERY))
    control = Control(order.url)
    control.reset_calls()
    control.close()
    began = clock.now()
    count = night(home, away, clock, "alias/recovery")
    return Outcome(
        state=f"{count} copies",
        virtual_s=(clock.now() - began).total_seconds(),
        cpu_s=cpu_s(),
        peak_mib=peak_mib(),
        started_at=began.isoformat(),
    )


def main() -> None:
    """Read the order from the command line."""
    order = Order.model_validate_json(sys.argv[1])
    os.environ["AWS_ENDPOINT_URL"] = order.url
    print(carry_out(order).model_dump_json())


if __name__ == "__main__":
    main()
