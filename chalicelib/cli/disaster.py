"""The demo's third part: an Availability Zone goes dark, and nobody is awake.

The zone's alarm alone starts everything, through the same intake as in Lambda; the engine is killed in the middle. What
is claimed at the end was read from the embedded AWS. Then the zone comes back: what was owed about it is done before
anything returns to it, and the run is taken back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.cli.proof import format_duration_s
from chalicelib.cli.stage import SWEEP_EVERY, Stage
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.cli.rescue import Rescue
    from chalicelib.domain.report import RunRecord
    from chalicelib.sandbox.client import Control

EVENING = datetime(2031, 3, 3, 20, 0, tzinfo=UTC)
RUNBOOK = "az-evacuation"
DIES_AT = 40  # the call at which the engine dies, counted from when the alarm is handed over
CHECKED_S = 60  # after which the newest targets have had their checks
LOOK_EVERY = timedelta(seconds=30)
PATIENCE = 120  # looks for the alarm, and sweeps until nothing is owed that can be done


class Disaster(Stage):
    """A night on which a zone goes dark, on an estate with groups, a front and databases."""

    def __init__(self, console: Console, control: Control) -> None:
        super().__init__(console, control)
        self.estate: dict[str, Any] = {}
        self.zone_id = ""
        self.before: dict[str, Any] = {}

    def prepare(self) -> None:
        """Build the estate and let the night's backups run."""
        from chalicelib.cli.estate import whole

        self.estate = whole(self.control)
        self.zone_id = self.estate["zone_ids"][self.estate["zones"][0]]
        self.before = self._traffic()
        groups = ", ".join(f"{name} ({len(ids)})" for name, ids in self.estate["groups"].items())
        self.console.print(
            f"{len(self.estate['instances'])} stateful instances, the Auto Scaling groups {groups}, "
            f"{len(self.estate['target_groups'])} target groups and {len(self.estate['databases'])} databases, in "
            f"{len(self.estate['zones'])} zones. Last night's backups are there."
        )

    def strike(self) -> RunRecord:
        """Let the zone go dark, and let its alarm do the rest; the engine is killed once."""
        self.seen = len(self.control.events())
        self.control.reset_calls()
        self.control.disaster("az_dark", zone=self.zone_id)
        self.say(self.control.now(), f"[red bold]{self.zone_id} goes dark: nobody touches anything from here on")
        self._until_the_alarm_starts_a_run()
        if not self.run(RUNBOOK).ended:
            self.wait_for_the_sweeper()
        return self.record(RUNBOOK)

    def _until_the_alarm_starts_a_run(self) -> None:
        for _ in range(PATIENCE):
            self.control.advance(LOOK_EVERY.total_seconds())
            for event in self.due("event"):
                if event["source"] == "aws.cloudwatch":
                    self.control.kill(DIES_AT, "after")
                    self.work(event)
                    self.control.kill(None)
            with self.services() as services:
                if services.ledger.list_runs(limit=1, runbook=RUNBOOK):
                    return
        raise ActionError("demo.no_alarm", "No alarm started a run.")

    def prove(self, record: RunRecord) -> bool:
        """Print what AWS shows after the failover; returns whether everything is as promised."""
        from chalicelib.cli.rescue import Rescue
        from chalicelib.cli.show_recovery import show_recovered

        self.control.advance(CHECKED_S)
        rescue = Rescue.read(self.control, self.estate, self.zone_id)
        self.console.rule("[bold]After the failover")
        show_recovered(record, self.console)
        self._show(rescue, record)
        return self._returned(rescue) and rescue.good and record.state.value == "succeeded"

    def _show(self, rescue: Rescue, record: RunRecord) -> None:
        """Print what was found as a table, and what is wrong by name."""
        from rich.table import Table

        rpo, rto = record.objectives.rpo, record.objectives.rto
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(style="cyan")
        table.add_column(overflow="fold")
        faults = ", ".join(f"{n} {kind}" for kind, n in sorted(self.control.faults().items()) if n)
        for name, value in (
            ("run", f"{record.run_id}: {record.state.value} after {format_duration_s(record.times.duration_s)}"),
            *rescue.counted.items(),
            ("RPO", f"{format_duration_s(rpo.measured_s)} measured, {format_duration_s(rpo.objective_s)} wanted"),
            ("RTO", f"{format_duration_s(rto.measured_s)} measured, {format_duration_s(rto.objective_s)} wanted"),
            ("engine killed", f"{self.kills} time{'s' if self.kills != 1 else ''}, {record.generation} generations"),
            ("faults survived", faults),
            ("verdict", "[green bold]all is back, nothing twice" if rescue.good else "[red bold]NOT as promised"),
        ):
            table.add_row(name, value)
        self.console.print(table)
        for one in rescue.wrong:
            self.console.print(f"  [red]x[/] {one}")

    def _returned(self, rescue: Rescue) -> bool:
        """Let the zone come back, and take the run back; returns whether all is as it was, and was fenced before."""
        self.console.rule("[bold]The zone comes back")
        self.control.disaster("heal")
        run_id = self.run(RUNBOOK).run_id
        for _ in range(PATIENCE):
            self.control.advance(SWEEP_EVERY.total_seconds())
            self.work({"lifeboat": "sweep"})
            with self.services() as services:
                if all(owed.due for owed in services.ledger.owed(run_id).values()):
                    break
        fenced = rescue.fenced(self.control)
        self.say(self.control.now(), f"{len(fenced)} of {len(rescue.replaced)} old instances are fenced")
        self._undo(run_id)
        same = self._traffic() == self.before
        self.say(self.control.now(), "groups and traffic are as they were" if same else "[red]groups or traffic differ")
        return len(fenced) == len(rescue.replaced) and same

    def _undo(self, run_id: str) -> None:
        """Take the run back, as `lifeboat undo` does."""
        from chalicelib.engine.local import drive, here

        with self.services() as services:
            ended = services.ledger.load(run_id)
            if ended is None:
                raise ActionError("demo.no_run", f"Run '{run_id}' is not in the ledger.")
            taken = services.starter.undo(ended, by="the demo", reason="the zone is well again", holder=here())
            undone = drive(services.engine, taken)
            self.say(services.clock.now(), f"lifeboat undo: the run is {undone.state.value}")

    def _traffic(self) -> dict[str, Any]:
        """Return where groups may launch, how large they are, and which shifts are active."""
        region = self.estate["region"]
        groups = self.control.witness("autoscaling", region).describe_auto_scaling_groups()["AutoScalingGroups"]
        shifts = self.control.witness("arc-zonal-shift", region).list_zonal_shifts(status="ACTIVE")["items"]
        told = {
            one["AutoScalingGroupName"]: (sorted(one["VPCZoneIdentifier"].split(",")), one["DesiredCapacity"])
            for one in groups
        }
        return {**told, "shifts": [one["awayFrom"] for one in shifts]}
