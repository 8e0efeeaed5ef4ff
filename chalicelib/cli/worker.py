"""What Lambda is in the sandbox: a process that takes in one event and drives the runs that it starts.

It can really be killed, as a Lambda can, and then nobody goes on until the sweeper's schedule fires. What it does is
told in JSON lines on stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.errors import StoreError, SupersededError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.domain.run import Run, StepRow
    from chalicelib.engine.ports import Clock

PATIENCE = 20  # failed ticks in a row; as many as the durable function's retries allow


class WorkerLauncher:
    """Notes which executions should exist; the worker drives them before it ends."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, int]] = []

    def start(self, run_id: str, generation: int) -> None:
        """Note that this generation's execution should exist."""
        if (run_id, generation) not in self.wanted:
            self.wanted.append((run_id, generation))

    def holder(self, run_id: str, generation: int) -> str:
        """Return the execution's name."""
        return f"execution:{run_id}_{generation}"

    def settle(self, slot: str) -> bool:  # noqa: ARG002 - there is nobody else
        """Leave what runs owe to this process."""
        return False


class Teller:
    """A journal of JSON lines on stdout, each with the virtual time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._last: dict[str, Any] = {}

    def note(self, sentence: str, **fields: Any) -> None:
        """Tell one thing."""
        self._tell({"say": sentence, **fields})

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        """Tell where the steps are, when that has changed."""
        del run
        now = {row.step_id: [row.state.value, row.counts.done, row.counts.planned] for row in steps}
        if now != self._last:
            self._last = now
            self._tell({"say": "progress", "steps": now})

    def _tell(self, said: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({"at": self.clock.now().isoformat(), **said}, default=str) + "\n")
        sys.stdout.flush()


def take_in(event: Any, services: Services, launcher: WorkerLauncher) -> list[str]:
    """Give one event to the same intake as in Lambda, then drive whatever it started; returns the run ids."""
    from chalicelib.engine.intake import on_schedule

    answer = on_schedule(event, services)
    services.engine.journal.note("event answered", outcome=answer["outcome"], restarted=answer.get("restarted", []))
    driven = []
    while launcher.wanted:
        run_id, generation = launcher.wanted.pop(0)
        _drive(services, run_id, generation)
        driven.append(run_id)
    return driven


def _drive(services: Services, run_id: str, generation: int) -> None:
    """Drive one generation, as the durable function does: until it has ended or somebody else drives the run."""
    failures = 0
    while True:
        try:
            tick = services.engine.advance(run_id, generation)
        except SupersededError:
            return
        except StoreError:
            failures += 1
            if failures > PATIENCE:
                raise
            services.clock.sleep(30)
            continue
        failures = 0
        if tick.ended or tick.generation != generation:
            return
        services.clock.sleep(tick.wait_s)


def work(url: str, event: Any, journal: Callable[[Clock], Teller] = Teller) -> list[str]:
    """Take in one event on the sandbox at `url`."""
    from chalicelib.cli.options import Place
    from chalicelib.cli.world import sandboxed
    from chalicelib.sandbox.client import Control

    launcher, control = WorkerLauncher(), Control(url)
    with sandboxed(Place(sandbox=True), journal, control, launcher) as services:
        return take_in(event, services, launcher)


if __name__ == "__main__":
    work(sys.argv[1], json.load(sys.stdin))
