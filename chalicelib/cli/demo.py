"""`lifeboat demo`: a night of backups on the embedded AWS in bad weather, a winter of them, and a zone that goes dark.

Everything is real but AWS: the schedule fires into the same intake as in Lambda, the engine is a process of its own
that is killed by SIGKILL, and what is claimed at the end was read from the embedded AWS, not from the engine.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from chalicelib.cli.stage import ZONE, Stage
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.report import RunRecord
    from chalicelib.sandbox.client import Control

RUNBOOK = "nightly-backup"
BAD_WEATHER: dict[str, Any] = {
    "throttle_share": 0.25,
    "lost_answer_share": 0.1,
    "visibility_s": 45,
    "events": {"double_share": 0.5, "late_s": 30},
    "quotas": {"copies_per_destination": 4},
}
DIES_AT = 60  # the call at which the engine dies: in the middle of the snapshots


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    seed: Annotated[int, typer.Option(help="Seed of all chance; the same seed is the same night.")] = 42,
) -> None:
    """Show it all on the embedded AWS: a night in bad weather, forty with retention, and a zone that goes dark."""
    from rich.console import Console

    from chalicelib.cli import disaster
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
    console.rule("[bold]A disaster: an Availability Zone goes dark")
    with Sandbox.start(seed=seed, start=disaster.EVENING.isoformat()) as box:
        night_of_it = disaster.Disaster(console, box.control)
        night_of_it.prepare()
        good = night_of_it.prove(night_of_it.strike()) and good
    if not good:
        raise typer.Exit(1)


def _evening() -> datetime:
    """Return tomorrow's 02:30 in Paris: after now, so that no clock runs backwards, and before the schedule fires."""
    local = datetime.now(ZoneInfo(ZONE)) + timedelta(days=1)
    return local.replace(hour=2, minute=30, second=0, microsecond=0).astimezone(ZoneInfo("UTC"))


class Night(Stage):
    """The demo's two nights: a quiet one, and the one in bad weather."""

    def __init__(self, console: Console, control: Control) -> None:
        super().__init__(console, control)
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
        for event in self.due("schedule"):
            self.work(event)
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
        for event in self.due("schedule"):
            if not self.work(event):
                self.wait_for_the_sweeper()
        return self.record()

    def _until_the_schedule_fires(self) -> None:
        from chalicelib.domain.schedule import parse

        fires = parse("cron(0 3 * * ? *)").next_after(self.control.now(), ZONE)
        if fires is None:
            raise ActionError("demo.no_schedule", "The schedule does not fire again.")
        self.control.advance(to=fires + timedelta(seconds=60))
        self.say(fires, "the schedule fires")

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
