"""What the demo claims, read from the embedded AWS itself: nothing missing, nothing twice, last night untouched."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.aws.tags import EFFECT, RUN, SET, SET_SIZE, SOURCE_VOLUME
from chalicelib.domain.types import format_duration

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.report import RunRecord
    from chalicelib.sandbox.client import Control


def snapshots_in(control: Control, region: str) -> list[dict[str, Any]]:
    """Return all snapshots of a Region as they are, with no lag; tags as a mapping under `tags`."""
    pages = control.witness("ec2", region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
    found = [snapshot for page in pages for snapshot in page["Snapshots"]]
    return [{**s, "tags": {tag["Key"]: tag["Value"] for tag in s.get("Tags", [])}} for s in found]


@dataclass(frozen=True)
class Proof:
    """What AWS shows of one run, counted."""

    protected: int
    snapshots: int
    copies: int
    sets: int
    complete_sets: int
    missing: tuple[str, ...]
    doubled: tuple[str, ...]
    unencrypted_copies: int
    gone_since_last_night: int

    @property
    def good(self) -> bool:
        """True when nothing is missing, doubled, left open or lost."""
        bad = (self.missing, self.doubled, self.unencrypted_copies, self.gone_since_last_night)
        return not any(bad) and self.sets == self.complete_sets

    @classmethod
    def read(cls, control: Control, estate: dict[str, Any], run_id: str, before: set[str]) -> Proof:
        """Read both Regions and count."""
        home = snapshots_in(control, estate["region"])
        away = snapshots_in(control, estate["recovery_region"])
        made = [s for s in home if s["tags"].get(RUN) == run_id and s["State"] == "completed"]
        copied = [s for s in away if s["tags"].get(RUN) == run_id and s["State"] == "completed"]
        points, copies = Counter(s["VolumeId"] for s in made), Counter(s["tags"][SOURCE_VOLUME] for s in copied)
        sets = Counter(s["tags"][SET] for s in made if SET in s["tags"])
        sizes = {s["tags"][SET]: int(s["tags"][SET_SIZE]) for s in made if SET in s["tags"]}
        volumes = estate["protected"]
        return cls(
            protected=len(volumes),
            snapshots=len(made),
            copies=len(copied),
            sets=len(sets),
            complete_sets=sum(1 for name, count in sets.items() if count == sizes[name]),
            missing=tuple(v for v in volumes if not points[v] or not copies[v]),
            doubled=tuple(v for v in {*points, *copies} if points[v] > 1 or copies[v] > 1),
            unencrypted_copies=sum(1 for s in copied if not s["Encrypted"] or EFFECT not in s["tags"]),
            gone_since_last_night=len(before - {s["SnapshotId"] for s in home + away if s["State"] == "completed"}),
        )


def show(console: Console, proof: Proof, record: RunRecord, control: Control, *, kills: int) -> None:
    """Print the proof as a table, and the faults that were survived."""
    from rich.table import Table

    rpo = record.objectives.rpo
    calls: Counter[str] = Counter()
    for row in control.calls()["by"]:
        calls[row["service"]] += row["count"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    rows = [
        ("run", f"{record.run_id}: {record.state.value} after {format_duration_s(record.times.duration_s)}"),
        ("volumes protected", f"{proof.protected - len(proof.missing)} of {proof.protected} in both Regions"),
        ("sets", f"{proof.complete_sets} of {proof.sets} crash-consistent sets complete"),
        ("snapshots", f"{proof.snapshots}, made twice: {len(proof.doubled)}"),
        ("copies", f"{proof.copies} under the recovery key"),
        ("last night's points", "untouched" if not proof.gone_since_last_night else "SOME ARE GONE"),
        ("RPO", f"{format_duration_s(rpo.measured_s)} measured, {format_duration_s(rpo.objective_s)} wanted"),
        ("AWS calls", ", ".join(f"{count} {service}" for service, count in sorted(calls.items()))),
        ("engine killed", f"{kills} time{'s' if kills != 1 else ''}, {record.generation} generations"),
        ("faults survived", ", ".join(f"{n} {kind}" for kind, n in sorted(control.faults().items()) if n)),
        ("verdict", "[green bold]nothing lost, nothing done twice" if proof.good else "[red bold]NOT as promised"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


def format_duration_s(seconds: int | None) -> str:
    """Write seconds as a duration, or say that nobody knows."""
    from datetime import timedelta

    return "unknown" if seconds is None else format_duration(timedelta(seconds=seconds))
