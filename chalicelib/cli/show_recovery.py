"""Shows what a run brought back: each resource with its recovery point and recovery time beside the objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.cli.paper import clock_text, length_text, plain, table

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.recovery import Measured
    from chalicelib.domain.report import Objective, RunRecord

SHOWN = 40  # recoveries that are listed; --json has them all


def show_recovered(record: RunRecord, paper: Console) -> None:
    """Print the timeline of a recovery, the slowest first; nothing for a run that recovered nothing."""
    if not record.recovered:
        return
    paper.print(f"[bold]brought back[/], counted from {clock_text(record.times.troubled_since)}:")
    rows = table("resource", "now", "zone", ">lost (RPO)", ">back after (RTO)", ">all data after")
    for one in record.recovered[:SHOWN]:
        rows.add_row(
            plain(one.resource),
            plain(one.replacement or "the same"),
            plain(one.zone_id or one.region),
            _beside(one.rpo_s, record.objectives.rpo, "nothing"),
            _beside(one.rto_s, record.objectives.rto, ""),
            length_text(one.initialised_s) if one.initialised_at else "[dim]not known[/]",
        )
    paper.print(rows)
    if len(record.recovered) > SHOWN:
        paper.print(f"... and {len(record.recovered) - SHOWN} more; --json has them.")
    for one in record.recovered[:SHOWN]:
        _show_note(one, paper)


def _show_note(one: Measured, paper: Console) -> None:
    if one.note:
        paper.print(f"  note of {plain(one.resource)}: {plain(one.note)}")


def _beside(seconds: int | None, wanted: Objective, nothing: str) -> str:
    if seconds is None:
        return nothing
    missed = wanted.objective_s is not None and seconds > wanted.objective_s
    return f"[red]{length_text(seconds)}[/]" if missed else length_text(seconds)
