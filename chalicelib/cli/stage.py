"""The stage of the demo: events are handed to workers, which may be killed, and what they do is told as it happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.report import RunRecord
    from chalicelib.domain.run import Run
    from chalicelib.sandbox.client import Control

ZONE = "Europe/Paris"
SWEEP_EVERY = timedelta(minutes=5)


class Stage:
    """What every part of the demo stands on.

    Attributes:
        seen: The number of the last delivery that was looked at.
        kills: How many workers were killed.
        refused: Refusals by kind since progress was told last.
    """

    def __init__(self, console: Console, control: Control) -> None:
        self.console, self.control = console, control
        self.seen = 0
        self.kills = 0
        self.refused: Counter[str] = Counter()

    def due(self, target: str) -> Iterator[Any]:
        """Yield what has been delivered to `schedule` or `event` since last time, repeated deliveries included."""
        for delivery in self.control.events(self.seen):
            self.seen = max(self.seen, delivery["n"])
            if delivery["target"] == target:
                yield delivery["event"]

    def work(self, event: Any) -> bool:
        """Give one event to a worker process and tell what it does; returns False when it was killed."""
        command = [sys.executable, "-m", "chalicelib.cli.worker", self.control.url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:  # noqa: S603 - our own module
            if worker.stdin and worker.stdout:
                with closing(worker.stdin):
                    json.dump(event, worker.stdin)
                for line in worker.stdout:
                    self.tell(json.loads(line))
        if worker.returncode < 0:
            self.kills += 1
            self.say(self.control.now(), "[red bold]the engine is killed (SIGKILL); AWS lives on")
            return False
        if worker.returncode:
            raise ActionError("demo.worker", f"The worker ended with {worker.returncode}; see its words above.")
        return True

    def wait_for_the_sweeper(self) -> None:
        """Let time pass until the sweeper finds the run whose engine died."""
        for _ in range(20):
            self.control.advance(SWEEP_EVERY.total_seconds())
            running = self.run().holder
            if not self.work({"lifeboat": "sweep"}):
                continue
            if self.run().holder != running:
                return
        raise ActionError("demo.not_swept", "The sweeper did not find the abandoned run.")

    def tell(self, said: dict[str, Any]) -> None:
        """Tell one line of the worker; refusals are gathered until the next progress."""
        at, what = datetime.fromisoformat(said["at"]), said["say"]
        if what == "progress":
            self._progress(at, said["steps"])
        elif what == "refused":
            self.refused[said["kind"].replace("_", " ")] += 1
        elif what == "event answered" and said.get("restarted"):
            self.say(at, f"[green]the sweeper restarts {', '.join(said['restarted'])}")
        else:
            words = {
                "event taken in": "{cause}: {outcome} run",
                "step ended": "[green]{step} {outcome}",
                "run ended": "[bold]the run {outcome}",
            }.get(what)
            if words:
                self.say(at, words.format_map(said))

    def _progress(self, at: datetime, steps: dict[str, Any]) -> None:
        running = {name: step for name, step in sorted(steps.items(), reverse=True) if step[0] == "running"}
        if not running:
            return
        text = ", ".join(f"{name} {done} of {planned}" for name, (_, done, planned) in running.items())
        refused = ", ".join(f"{count} {kind}" for kind, count in self.refused.items())
        self.refused.clear()
        self.say(at, f"[dim]{text}[/dim]" + (f"  [yellow]refused for now: {refused}" if refused else ""))

    def say(self, at: datetime, text: str) -> None:
        """Print a line with the virtual time, as people in Paris have it."""
        self.console.print(f"[cyan]{at.astimezone(ZoneInfo(ZONE)):%H:%M:%S}[/cyan]  {text}")

    def services(self) -> Any:
        """Return the service joined on the demo's AWS, as a context manager."""
        from chalicelib.cli.options import Place
        from chalicelib.cli.world import sandboxed

        return sandboxed(Place(sandbox=True), control=self.control)

    def run(self, runbook: str | None = None) -> Run:
        """Return the newest run (of a runbook)."""
        with self.services() as services:
            newest: Run = services.ledger.list_runs(limit=1, runbook=runbook)[0]
            return newest

    def record(self, runbook: str | None = None) -> RunRecord:
        """Return the record of the newest run (of a runbook)."""
        from chalicelib.cli.record import record

        with self.services() as services:
            return record(services, services.ledger.list_runs(limit=1, runbook=runbook)[0])
