"""Drives one night with the engine, in a process of its own: `python -m bench.engine_run ORDER`; prints an Outcome."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from bench.order import HOME, RECOVERY, Order, Outcome, TickSeen
from bench.process import cpu_s, peak_mib
from chalicelib.bootstrap import Services, build
from chalicelib.domain.run import Run, RunCause, StepRow
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.advance import Engine
from chalicelib.engine.local import drive, hold
from chalicelib.engine.ports import Tick
from chalicelib.sandbox.client import Control, VirtualClock, attach
from chalicelib.settings import Limits, Pace, Settings
from chalicelib.stores.creation import create_table

NIGHT: dict[str, Any] = {
    "version": 1,
    "name": "bench",
    "guard": {"regions": [HOME, RECOVERY], "max_targets": 100_000},
    "steps": [
        {
            "id": "snapshots",
            "uses": "ebs.create_snapshots",
            "with": {"select": {"tags": {"backup": "nightly"}}, "policy": "nightly"},
            "within": "200h",
        },
        {
            "id": "copies",
            "uses": "ebs.copy_snapshots",
            "with": {
                "snapshots": "${{ steps.snapshots.snapshots }}",
                "to_region": RECOVERY,
                "kms_key": "alias/recovery",
            },
            "within": "200h",
        },
    ],
}


class Watch:
    """A journal that keeps the rows, and an engine's face that notes every tick."""

    def __init__(self) -> None:
        self.rows: dict[str, StepRow] = {}
        self.ticks: list[TickSeen] = []
        self.engine: Engine | None = None

    def note(self, sentence: str, **fields: Any) -> None:
        """Say nothing."""

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:  # noqa: ARG002 - a journal's method
        """Keep the rows as they are now."""
        self.rows = {row.step_id: row for row in steps}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def advance(self, run_id: str, generation: int) -> Tick:
        """Let the engine work a tick, and note what it came to."""
        engine = cast("Engine", self.engine)
        tick = engine.advance(run_id, generation)
        seen = TickSeen(
            at_s=engine.clock.now().timestamp(), generation=generation, result_bytes=len(json.dumps(asdict(tick)))
        )
        if "snapshots" in self.rows:
            seen.snapshots_done = self.rows["snapshots"].counts.done
        if "copies" in self.rows:
            counts = self.rows["copies"].counts
            seen.copies_planned, seen.copies_done = counts.planned, counts.done
            seen.copies_in_flight = counts.pending
        self.ticks.append(seen)
        return tick


def services_for(order: Order, clock: VirtualClock, watch: Watch) -> Services:
    """Join the service against the sandbox."""
    settings = Settings(
        region=HOME,
        retry_mode="standard",
        pace=Pace(ticks_per_generation=order.ticks_per_generation),
        limits=Limits(**order.limits()),
    )
    services = build(settings, clock=clock, journal=watch, prepare=lambda session: attach(session, clock))
    create_table(services.aws, HOME, settings.table, clock.sleep)
    watch.engine = services.engine
    return services


def carry_out(order: Order) -> Outcome:
    """Run the night and measure it."""
    clock, watch = VirtualClock(order.url), Watch()
    services = services_for(order, clock, watch)
    control = Control(order.url)
    control.reset_calls()
    control.close()
    cause = RunCause(kind="manual", key="bench", occurred_at=clock.now(), summary="by hand")
    started = services.starter.start(Runbook.model_validate(NIGHT), cause, {})
    run = hold(started.run, services.starter, new=True)
    run = drive(cast("Engine", watch), run)
    for tick in watch.ticks:
        tick.at_s -= run.started_at.timestamp()
    return Outcome(
        state=run.state.value,
        message=run.message,
        virtual_s=(clock.now() - run.started_at).total_seconds(),
        cpu_s=cpu_s(),
        peak_mib=peak_mib(),
        started_at=run.started_at.isoformat(),
        ticks=watch.ticks,
        steps={row.step_id: row.counts.model_dump() for row in watch.rows.values()},
    )


def main() -> None:
    """Read the order from the command line."""
    order = Order.model_validate_json(sys.argv[1])
    os.environ["AWS_ENDPOINT_URL"] = order.url
    print(carry_out(order).model_dump_json())


if __name__ == "__main__":
    main()
