"""The demo's second part: forty nights of volumes and databases, one of them failing, and retention every morning.

Everything goes through the same intake as in Lambda, with the shipped runbooks. What is claimed at the end was read
from the embedded AWS and compared with a calendar, not with what Lifeboat says of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from chalicelib.aws import tags
from chalicelib.errors import ActionError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from chalicelib.bootstrap import Services
    from chalicelib.sandbox.client import Control

ZONE = ZoneInfo("Europe/Paris")
NIGHTS = 40
FIRST = datetime(2031, 1, 20, 2, 0, tzinfo=UTC)  # 03:00 in Paris, when the nightly schedules fire
FAILING = date(2031, 2, 1)
# What a day brings, by when its schedule fires: the volumes, the databases, and retention of both once copies are done.
DAY = (
    (timedelta(), "nightly-backup"),
    (timedelta(minutes=30), "nightly-databases"),
    (timedelta(hours=7), "nightly-retention"),
    (timedelta(hours=7, minutes=30), "database-retention"),
)
EVENING = FIRST - timedelta(hours=8)
THEIRS = "before the upgrade, do not delete"
LAST, DAILY, WEEKLY, MONTHLY = 3, 7, 4, 12  # as the shipped retention runbooks say


class Winter:
    """Forty nights on an estate of its own.

    Attributes:
        outcomes: How the runs of each night ended.
    """

    def __init__(self, console: Console, control: Control, nights: int = NIGHTS) -> None:
        self.console, self.control, self.nights = console, control, nights
        self.estate: dict[str, Any] = {**control.estate("small"), **control.estate("databases")}
        self.outcomes: dict[date, list[str]] = {}
        self.foreign = self._foreign_snapshot()

    def _foreign_snapshot(self) -> str:
        """Make a snapshot that somebody else made, for nobody to touch."""
        ec2 = self.control.witness("ec2", self.estate["region"])
        made = ec2.create_snapshot(
            VolumeId=self.estate["protected"][0],
            Description=THEIRS,
            TagSpecifications=tags.for_snapshot({"owner": "lab"}),
        )
        return str(made["SnapshotId"])

    def pass_by(self) -> None:
        """Let forty nights pass, with retention each morning; on the first of February AWS refuses every write."""
        from chalicelib.cli.options import Place
        from chalicelib.cli.world import sandboxed

        self.control.weather(rds={"automated": True})
        with sandboxed(Place(sandbox=True), control=self.control) as services:
            for night in range(self.nights):
                at = FIRST + timedelta(days=night)
                day = at.astimezone(ZONE).date()
                self.outcomes[day] = [self._fire(services, at + after, name, day) for after, name in DAY]
                self._tell(day)

    def _fire(self, services: Services, at: datetime, runbook: str, day: date) -> str:
        """Deliver a schedule's event and drive the run that it starts; returns its state."""
        from chalicelib.engine.intake import on_schedule
        from chalicelib.engine.local import drive, hold

        services.clock.sleep(max(0.0, (at - services.clock.now()).total_seconds()))
        self.control.weather(refuse_writes=day == FAILING and not runbook.endswith("retention"))
        firing = {"lifeboat": "schedule", "runbook": runbook, "trigger": 0, "scheduled_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        [started] = on_schedule(firing, services)["runs"]
        run = services.ledger.load(started["run_id"])
        if run is None:
            raise ActionError("demo.no_run", f"{runbook} did not start at {at:%Y-%m-%d %H:%M} UTC.")
        return drive(services.engine, hold(run, services.starter, new=True)).state.value

    def _tell(self, day: date) -> None:
        bad = [
            f"{name} {state}" for (_, name), state in zip(DAY, self.outcomes[day], strict=True) if state != "succeeded"
        ]
        if bad or day.day == 1 or day.weekday() == 0:
            said = f"[yellow]{', '.join(bad)}" if bad else "[green]backups, copies and retention succeeded"
            self.console.print(f"[cyan]{day:%a %d %b}[/cyan]  {said}")

    def prove(self) -> bool:
        """Print what is kept and why, and whether it is what a calendar promises; returns whether it is."""
        nights = [day for day, states in self.outcomes.items() if states[:2] == ["succeeded", "succeeded"]]
        promised = kept_by_calendar(nights)
        kept = {**self._volumes(), **self._databases()}
        wrong = [name for name, days in kept.items() if days != promised]
        wanted = 2 * (len(self.estate["protected"]) + len(self.estate["protected_databases"]))
        untouched = self._foreign_untouched()
        self.console.rule(f"[bold]After {self.nights} nights, {self.nights - len(nights)} of them failed")
        self.console.print(self._reasons())
        self.console.print(
            f"{len(kept) - len(wrong)} of {wanted} histories (each volume and database, in both Regions) hold just the "
            f"{len(promised)} generations that {LAST} last, {DAILY} daily, {WEEKLY} weekly, {MONTHLY} monthly promise."
        )
        self.console.print("What others made: " + ("untouched" if untouched else "[red bold]TOUCHED"))
        good = not wrong and len(kept) == wanted and untouched and nights == [d for d in self.outcomes if d != FAILING]
        verdict = (
            "[green bold]every generation that was promised, and nothing else" if good else f"[red]NOT so: {wrong}"
        )
        self.console.print(verdict)
        return good

    def _volumes(self) -> dict[str, set[date]]:
        from chalicelib.cli.proof import snapshots_in

        found: dict[str, set[date]] = {}
        for region in (self.estate["region"], self.estate["recovery_region"]):
            for one in snapshots_in(self.control, region):
                if one["tags"].get(tags.POLICY) == "nightly":
                    volume = one["tags"].get(tags.SOURCE_VOLUME) or one["VolumeId"]
                    found.setdefault(f"{volume} {region}", set()).add(_day(one["tags"][tags.POINT]))
        return found

    def _databases(self) -> dict[str, set[date]]:
        found: dict[str, set[date]] = {}
        for region in (self.estate["region"], self.estate["recovery_region"]):
            for own in self._of_rds(region).values():
                if own.get(tags.POLICY) == "nightly":
                    found.setdefault(f"{own[tags.SOURCE_DATABASE]} {region}", set()).add(_day(own[tags.POINT]))
        return found

    def _of_rds(self, region: str) -> dict[str, dict[str, str]]:
        """Return the tags of all manual snapshots of databases, by name."""
        rds, found = self.control.witness("rds", region), dict[str, dict[str, str]]()
        for kind in ("DBSnapshot", "DBClusterSnapshot"):
            operation = "describe_db_snapshots" if kind == "DBSnapshot" else "describe_db_cluster_snapshots"
            for page in rds.get_paginator(operation).paginate(SnapshotType="manual"):
                for one in page[f"{kind}s"]:
                    found[one[f"{kind}Identifier"]] = {tag["Key"]: tag["Value"] for tag in one["TagList"]}
        return found

    def _foreign_untouched(self) -> bool:
        from chalicelib.cli.proof import snapshots_in

        home = self.estate["region"]
        there = {one["SnapshotId"]: (one["tags"], one["Description"]) for one in snapshots_in(self.control, home)}
        volumes = there.get(self.foreign) == ({"owner": "lab"}, THEIRS)
        return volumes and self._of_rds(home).get(self.estate["foreign_snapshot"]) == {"owner": "lab"}

    def _reasons(self) -> Table:
        """Return the nights whose points of one volume and of each database are kept, and why, as the plans say it."""
        from rich.table import Table

        why = self._notes(self.estate["region"])
        held: dict[date, list[str]] = {}
        reasons: dict[date, str] = {}
        for resource, names in self._shown().items():
            for name, day in names.items():
                held.setdefault(day, []).append(resource)
                reasons[day] = why.get(name, "")
        made = Table("night", "kept of", "because it is", box=None, header_style="bold")
        for day in sorted(held):
            made.add_row(f"{day:%a %d %b}", ", ".join(held[day]), reasons[day].rpartition("; ")[2])
        return made

    def _shown(self) -> dict[str, dict[str, date]]:
        """Return the snapshots of one volume and of each database at home, by name, with their nights."""
        from chalicelib.cli.proof import snapshots_in

        home, volume = self.estate["region"], self.estate["protected"][0]
        mine = [s for s in snapshots_in(self.control, home) if s["VolumeId"] == volume and tags.POLICY in s["tags"]]
        found = {volume: {s["SnapshotId"]: _day(s["tags"][tags.POINT]) for s in mine}}
        for name, own in self._of_rds(home).items():
            database = own.get(tags.SOURCE_DATABASE, "").split("/")[0]
            if database:
                found.setdefault(database, {})[name] = _day(own[tags.POINT])
        return found

    def _notes(self, home: str) -> dict[str, str]:
        """Return why the retention runbooks would keep each snapshot of a Region, by name."""
        from chalicelib.cli.options import Place
        from chalicelib.cli.plan import planned
        from chalicelib.cli.world import sandboxed

        found: dict[str, str] = {}
        with sandboxed(Place(sandbox=True), control=self.control) as services:
            for name in (book for _, book in DAY if book.endswith("retention")):
                plan = planned(services, services.catalog.load(name), {})
                for note in (note for step in plan.steps for note in step.notes if note.startswith(f"keep {home}")):
                    ids, reason = _parts(note)
                    found |= dict.fromkeys(ids.split(", "), reason)
        return found


def _parts(note: str) -> tuple[str, str]:
    """Cut `keep REGION DAY TIME, ids: reason.` into ids and reason; snapshots of databases lose their kind."""
    rest = note.split(", ", 1)[1].rstrip(".").replace("cluster-snapshot:", "").replace("snapshot:", "")
    ids, _, reason = rest.partition(": ")
    return ids, reason


def _day(point: str) -> date:
    at = tags.point_time(point)
    if at is None:
        raise ActionError("demo.no_point", f"'{point}' is no point in time.")
    return at.astimezone(ZONE).date()


def kept_by_calendar(nights: Sequence[date]) -> set[date]:
    """Return the nights that the policy promises, by the calendar alone: the first of each newest week and month."""
    ordered = sorted(nights)
    weeks = {(day.isocalendar().year, day.isocalendar().week): day for day in reversed(ordered)}
    months = {(day.year, day.month): day for day in reversed(ordered)}
    kept = {*ordered[-LAST:], *ordered[-DAILY:]}
    kept |= {weeks[week] for week in sorted(weeks)[-WEEKLY:]}
    return kept | {months[month] for month in sorted(months)[-MONTHLY:]}
