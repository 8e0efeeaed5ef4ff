"""An embedded AWS in which time goes on: schedules fire, alarms and events reach Lifeboat, runs are carried out.

What EventBridge and Lambda do in a deployment is done by one loop here: it lets time pass, hands what has happened to
the same intake as in Lambda, and works a slice of every run whose time has come.
"""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.errors import LifeboatError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.cli.serve import QueueLauncher
    from chalicelib.domain.run import Run, StepRow
    from chalicelib.engine.ports import Clock
    from chalicelib.sandbox.client import Control

BEAT_S = 0.25  # real time between two looks at what has happened
SHOWN = ("runbook", "run_id", "step", "outcome", "cause", "error_code", "why")
QUIET = {"refused", "tick failed", "could not look"}  # said often, and of no use to somebody who looks on


class Loud:
    """A journal for somebody who looks on: a line for each thing that happens."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def note(self, sentence: str, **fields: Any) -> None:
        """Print one thing."""
        if sentence in QUIET:
            return
        told = ", ".join(f"{name} {fields[name]}" for name in SHOWN if fields.get(name))
        print(f"{self.clock.now():%Y-%m-%d %H:%M:%S}  {sentence}{': ' if told else ''}{told}", flush=True)  # noqa: T201

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        """Say nothing: `lifeboat runs show` does."""


class Playground:
    """The loop. `speed` is how many virtual seconds a real one takes."""

    def __init__(self, control: Control, speed: float) -> None:
        self.control, self.speed = control, speed
        self.running: dict[tuple[str, int], datetime] = {}
        self.seen = 0

    def live(self, services: Services, launcher: QueueLauncher) -> None:
        """Let time go on until the queue says that it is over."""
        self.control.schedules(schedules_of(services))
        while self._take(services, launcher):
            began = time.monotonic()
            self._deliver(services)
            self._work(services)
            passes_s = self._until_next(services.clock.now())
            services.clock.sleep(passes_s)
            self.control.advance(to=services.clock.now())
            time.sleep(max(0.0, min(BEAT_S, passes_s / self.speed) - (time.monotonic() - began)))

    def _take(self, services: Services, launcher: QueueLauncher) -> bool:
        from chalicelib.cli.serve import END

        while True:
            try:
                wanted = launcher.wanted.get_nowait()
            except queue.Empty:
                return True
            if wanted == END:
                return False
            self.running.setdefault(wanted, services.clock.now())

    def _deliver(self, services: Services) -> None:
        """Hand over what has happened; what fails is delivered again, as EventBridge does."""
        from chalicelib.engine.intake import on_event, on_schedule

        for delivery in self.control.events(self.seen):
            take_in = on_schedule if delivery["target"] == "schedule" else on_event
            try:
                take_in(delivery["event"], services)
            except LifeboatError as error:
                services.engine.journal.note("event failed", error_code=error.code, why=error.message)
                return
            self.seen = max(self.seen, delivery["n"])

    def _work(self, services: Services) -> None:
        from chalicelib.cli.serve import tick_of

        for (run_id, generation), due in list(self.running.items()):
            if due > services.clock.now():
                continue
            wait_s = tick_of(services, run_id, generation)
            if wait_s is None:
                del self.running[run_id, generation]
            else:
                self.running[run_id, generation] = services.clock.now() + timedelta(seconds=wait_s)

    def _until_next(self, now: datetime) -> float:
        """Return how many virtual seconds pass in this beat: not beyond when the next run wants to work."""
        waits = [(due - now).total_seconds() for due in self.running.values()]
        return max(0.0, min([self.speed * BEAT_S, *waits]))


def schedules_of(services: Services) -> list[dict[str, Any]]:
    """Return what EventBridge Scheduler would hold: every schedule of a runbook, the sweeper's and the watchdog's."""
    from chalicelib.deploy.triggers import schedules

    return [
        {
            "name": each["Properties"]["Name"],
            "expression": each["Properties"]["ScheduleExpression"],
            "timezone": each["Properties"].get("ScheduleExpressionTimezone", "UTC"),
            "input": json.loads(each["Properties"]["Input"]),
        }
        for each in schedules(services.catalog.valid(), "lifeboat").values()
    ]
