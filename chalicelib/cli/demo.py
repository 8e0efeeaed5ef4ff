"""`lifeboat demo`: a night of backups on the embedded AWS, in bad weather, with the engine killed in the middle.

Everything is real but AWS: the schedule fires into the same intake as in Lambda, the engine is a process of its own
that is killed by SIGKILL, and what is claimed at the end was read from the embedded AWS, not from the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.report import RunRecord
    from chalicelib.sandbox.client import Control

RUNBOOK = "nightly-backup"
ZONE = "Europe/Paris"
BAD_WEATHER: dict[str, Any] = {
    "throttle_share": 0.25,
    "lost_answer_share": 0.1,
    "visibility_s": 45,
    "events": {"double_share": 0.5, "late_s": 30},
    "quotas": {"copies_per_destination": 4},
}
SWEEP_EVERY = timedelta(minutes=5)
DIES_AT = 60  # the call at which the engine dies: in the middle of the snapshots


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    seed: Annotated[int, typer.Option(help="Seed of all chance; the same seed is the same night.")] = 42,
) -> None:
    """Show backups on the embedded AWS: a night with bad weather and a killed engine, then forty with retention."""
    from rich.console import Console

    from chalicelib.cli.winter import EVENING, Winter
    from chalicelib.sandbox.process import Sandbox

    console = Console(highlight=False, soft_wrap=True)
    evening = _evening()
    with Sandbox.start(seed=seed, start=evening.isoformat()) as box:
        night = Night(console, box.control)
        night.prepare()
        record = night.fire_in_bad_weather()
        good = night.prove(record)
    console.rule("[bold]A winter: volumes, two DB instances and an Aurora cluster")
    with Sandbox.start(seed=seed, start=EVENING.isoformat()) as box:
        winter = Winter(console, box.control)
        winter.pass_by()
        good = winter.prove() and good
    if not good:
        raise typer.Exit(1)


def _evening() -> datetime:
    """Return tomorrow's 02:30 in Paris: after now, so that no clock runs backwards, and before the schedule fires."""
    local = datetime.now(ZoneInfo(ZONE)) + timedelta(days=1)
    return local.replace(hour=2, minute=30, second=0, microsecond=0).astimezone(ZoneInfo("UTC"))


class Night:
    """The demo's two nights: a quiet one, and the one in bad weather."""

    def __init__(self, console: Console, control: Control) -> None:
        self.console, self.control = console, control
        self.seen = 0
        self.kills = 0
        self.refused: Counter[str] = Counter()
        self.before: set[str] = set()
        self.estate: dict[str, Any] = {}

    def prepare(self) -> None:
        """Build the estate, and let the first night's backup run in quiet weather."""
        self.estate = self.control.estate("shop")
        found = self.estate
        self.console.rule("[bold]An estate called shop")
        self.console.print(
            f"{len(found['instances'])} instances in {len(found['zones'])} zones of {found['region']}, "
            f"{len(found['volumes'])} volumes, {len(found['protected'])} of them tagged backup=nightly; "
            f"copies go to {found['recovery_region']} under alias/recovery."
        )
        schedule = {
            "name": RUNBOOK,
            "expression": "cron(0 3 * * ? *)",
            "timezone": ZONE,
            "input": {
                "lifeboat": "schedule",
                "runbook": RUNBOOK,
                "trigger": 0,
                "scheduled_at": "<aws.scheduler.scheduled-time>",
            },
        }
        self.control.schedules([schedule])
        self.console.rule("[bold]The first night: quiet weather")
        self._until_the_schedule_fires()
        for event in self._due():
            self._work(event)
        self.before = self._snapshots()
        self.console.print(f"{len(self.before)} snapshots and copies are there: last night's backup.")

    def fire_in_bad_weather(self) -> RunRecord:
        """Let the schedule fire the night after, with everything going wrong that the weather can do."""
        self.console.rule("[bold]The second night: bad weather")
        self.control.weather(**BAD_WEATHER)
        self.console.print(
            "25% of writes throttled, 10% of answers lost after the effect, listings 45 s late, events doubled, "
            f"room for 4 copies at once; and the engine will be killed at its {DIES_AT}th call."
        )
        self._until_the_schedule_fires()
        self.control.reset_calls()
        self.control.kill(DIES_AT, "after")
        for event in self._due():
            if not self._work(event):
                self._wait_for_the_sweeper()
        return self._record()

    def _until_the_schedule_fires(self) -> None:
        from chalicelib.domain.schedule import parse

        fires = parse("cron(0 3 * * ? *)").next_after(self.control.now(), ZONE)
        if fires is None:
            raise ActionError("demo.no_schedule", "The schedule does not fire again.")
        self.control.advance(to=fires + timedelta(seconds=60))
        self._say(fires, "the schedule fires")

    def _due(self) -> Iterator[Any]:
        """Yield what the scheduler delivers, repeated deliveries included."""
        for delivery in self.control.events(self.seen):
            self.seen = max(self.seen, delivery["n"])
            if delivery["target"] == "schedule":
                yield delivery["event"]

    def _work(self, event: Any) -> bool:
        """Give one event to a worker process and tell what it does; returns False when it was killed."""
        command = [sys.executable, "-m", "chalicelib.cli.worker", self.control.url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:  # noqa: S603 - our own module
            if worker.stdin and worker.stdout:
                with closing(worker.stdin):
                    json.dump(event, worker.stdin)
                for line in worker.stdout:
                    self._tell(json.loads(line))
        if worker.returncode < 0:
            self.kills += 1
            self._say(self.control.now(), "[red bold]the engine is killed (SIGKILL); AWS lives on")
            return False
        if worker.returncode:
            raise ActionError("demo.worker", f"The worker ended with {worker.returncode}; see its words above.")
        return True

    def _wait_for_the_sweeper(self) -> None:
        """Let time pass until the sweeper finds the run whose engine died."""
        for _ in range(20):
            self.control.advance(SWEEP_EVERY.total_seconds())
            running = self._run().holder
            if not self._work({"lifeboat": "sweep"}):
                continue
            if self._run().holder != running:
                return
        raise ActionError("demo.not_swept", "The sweeper did not find the abandoned run.")

    def _tell(self, said: dict[str, Any]) -> None:
        """Tell one line of the worker; refusals are gathered until the next progress."""
        at, what = datetime.fromisoformat(said["at"]), said["say"]
        if what == "progress":
            self._progress(at, said["steps"])
        elif what == "refused":
            self.refused[said["kind"].replace("_", " ")] += 1
        elif what == "event answered" and said.get("restarted"):
            self._say(at, f"[green]the sweeper restarts {', '.join(said['restarted'])}")
        else:
            words = {
                "event taken in": "{cause}: {outcome} run",
                "step ended": "[green]{step} {outcome}",
                "run ended": "[bold]the run {outcome}",
            }.get(what)
            if words:
                self._say(at, words.format_map(said))

    def _progress(self, at: datetime, steps: dict[str, Any]) -> None:
        running = {name: step for name, step in sorted(steps.items(), reverse=True) if step[0] == "running"}
        if not running:
            return
        text = ", ".join(f"{name} {done} of {planned}" for name, (_, done, planned) in running.items())
        refused = ", ".join(f"{count} {kind}" for kind, count in self.refused.items())
        self.refused.clear()
        self._say(at, f"[dim]{text}[/dim]" + (f"  [yellow]refused for now: {refused}" if refused else ""))

    def _say(self, at: datetime, text: str) -> None:
        self.console.print(f"[cyan]{at.astimezone(ZoneInfo(ZONE)):%H:%M:%S}[/cyan]  {text}")

    def _services(self) -> Any:
        from chalicelib.cli.options import Place
        from chalicelib.cli.world import sandboxed

        return sandboxed(Place(sandbox=True), control=self.control)

    def _run(self) -> Any:
        with self._services() as services:
            return services.ledger.list_runs(limit=1)[0]

    def _record(self) -> RunRecord:
        from chalicelib.cli.record import record

        with self._services() as services:
            return record(services, services.ledger.list_runs(limit=1)[0])

    def _snapshots(self) -> set[str]:
        """Return the ids of all completed snapshots, as AWS has them."""
        from chalicelib.cli.proof import snapshots_in

        regions = (self.estate["region"], self.estate["recovery_region"])
        return {s["SnapshotId"] for region in regions for s in snapshots_in(self.control, region)}

    def prove(self, record: RunRecord) -> bool:
        """Print what AWS shows in the morning; returns whether everything is as promised."""
        from chalicelib.cli.proof import Proof, show

        proof = Proof.read(self.control, self.estate, record.run_id, self.before)
        self.console.rule("[bold]In the morning")
        show(self.console, proof, record, self.control, kills=self.kills)
        return proof.good and record.state.value == "succeeded"
