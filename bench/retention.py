"""Counts what retention costs: `python -m bench.retention [--volumes 2000] [--points 30]`.

The sandbox makes points of every volume in two Regions, and the engine expires them. The floor is what cannot be saved:
the pages of one listing per Region, and a DeleteSnapshot for each deletion.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.night import PAGE
from chalicelib.cli.options import Place
from chalicelib.cli.world import sandboxed
from chalicelib.domain.run import RunCause
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.local import drive, hold
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox

ALLOWED = 1.05  # of the floor


def calls_of_an_expiry(volumes: int, points: int, share: str) -> dict[str, Any]:
    """Return how many EC2 calls one run of the shipped runbook took, and the floor."""
    with Sandbox.start(seed=1) as box:
        estate = box.control.estate("fleet", volumes=volumes, per_instance=4)
        total = sum(box.control.estate("history", nights=1)["snapshots"] for _ in range(points))
        print(f"{len(estate['volumes']):,} volumes, {total:,} snapshots in two Regions ...", file=sys.stderr)
        counted = _expired(box.control, share, volumes)
    deletions = counted["DeleteSnapshot"]
    floor = 2 * -(-total // 2 // PAGE) + deletions
    told = {"volumes": volumes, "snapshots": total, "deletions": deletions, "calls": dict(sorted(counted.items()))}
    return {**told, "ec2_calls": counted.total(), "floor": floor, "ratio": round(counted.total() / floor, 4)}


def _expired(control: Control, share: str, volumes: int) -> Counter[str]:
    with sandboxed(Place(sandbox=True), control=control) as services:
        shipped = json.loads(services.catalog.load("nightly-retention").model_dump_json(by_alias=True))
        guard = {**shipped["guard"], "max_share": share, "max_targets": volumes}
        book = Runbook.model_validate({**shipped, "guard": guard})
        cause = RunCause(kind="manual", key="bench", occurred_at=services.clock.now(), summary="by bench")
        run = services.starter.start(book, cause, {}).run
        control.reset_calls()
        ended = drive(services.engine, hold(run, services.starter, new=True))
        if ended.state.value != "succeeded":
            raise RuntimeError(f"retention ended {ended.state.value}: {ended.message}")
        counted: Counter[str] = Counter()
        for one in control.calls()["by"]:
            counted[one["operation"]] += one["count"] if one["service"] == "ec2" else 0
        return +counted


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when it costs more than is allowed."""
    parser = argparse.ArgumentParser(prog="python -m bench.retention", description=__doc__)
    parser.add_argument("--volumes", type=int, default=2000, help="volumes (default: 2000)")
    parser.add_argument("--points", type=int, default=30, help="points of each volume in each Region (default: 30)")
    parser.add_argument("--share", default="100%", help="the guard's max_share (default: 100%%)")
    asked = parser.parse_args(arguments)
    found = calls_of_an_expiry(asked.volumes, asked.points, asked.share)
    print(json.dumps(found, indent=2))
    return 0 if found["ratio"] <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
