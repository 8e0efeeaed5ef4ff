"""Shows what a runbook would do, for the person who decides whether it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.cli.paper import clock_text, coloured, console, count_text, plain, table
from chalicelib.domain.types import format_duration

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.change import Change, Question
    from chalicelib.engine.preview import Preview, StepPreview


def show_preview(preview: Preview, paper: Console | None = None) -> None:
    """Print a preview: each step with its changes, then the sum and the forecast."""
    paper = paper or console()
    paper.print(
        f"[bold]{preview.runbook}[/] in {preview.region}, planned at {clock_text(preview.at)}. Nothing was changed."
    )
    for name, value in preview.inputs.items():
        paper.print(f"  input {name} = {plain(str(value))}")
    for step in preview.steps:
        _show_step(step, paper)
    _show_sum(preview, paper)


def _show_step(step: StepPreview, paper: Console) -> None:
    when = {"on_failure": ", only if the run fails", "always": ", at the end in any case"}.get(step.phase, "")
    paper.print()
    paper.print(f"[bold]{step.id}[/] ({step.uses}{when}): {coloured(step.status)}", soft_wrap=True)
    if step.message:
        code = f" \\[{step.code}]" if step.code else ""
        paper.print(f"  {plain(step.message)}{code}")
    if step.ask:
        _show_question(step.ask, step.in_advance, paper)
    if step.status == "planned" and not step.changes and not step.failures:
        paper.print("  Nothing to change.")
    if step.changes:
        _show_changes(step.changes, paper)
    for failure in step.failures:
        paper.print(f"  [red]would fail:[/] {plain(failure.resource)}: {plain(failure.message)} \\[{failure.code}]")
    for note in step.notes:
        paper.print(f"  note: {plain(note)}")
    if step.left_out:
        paper.print(f"  ... and {step.left_out:,} more lines; `lifeboat plan --local` has all.")


def _show_question(ask: Question, in_advance: str, paper: Console) -> None:
    stake = " [bold red]A yes may lose data.[/]" if ask.may_lose_data else ""
    if in_advance:
        paper.print(
            f"  [yellow]approved in advance:[/] {plain(in_advance)}; else it would ask: {plain(ask.reason)}{stake}"
        )
        return
    choices = f" Choices: {plain(', '.join(ask.choices))}." if ask.choices else ""
    paper.print(f"  [yellow]asks a person first:[/] {plain(ask.reason)}{choices}{stake}")


def _show_changes(changes: tuple[Change, ...], paper: Console) -> None:
    rows = table("change", "resource", "Region", "why", ">GiB")
    for change in changes:
        rows.add_row(
            change.kind.value, plain(change.resource), change.region, plain(change.reason), f"{change.size_gib:,}"
        )
    paper.print(rows)


def _show_sum(preview: Preview, paper: Console) -> None:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(preview.changes.items())) or "none"
    total = count_text(sum(preview.changes.values()), "change")
    paper.print()
    paper.print(f"[bold]In all:[/] {total} ({kinds}) to {count_text(preview.resources, 'resource')}.")
    if preview.duration is not None:
        paper.print(
            f"[bold]Forecast:[/] about {format_duration(preview.duration)} and at most {preview.data_gib:,} GiB moved."
        )
        for step in preview.steps:
            if step.forecast and step.forecast.duration is not None and step.forecast.basis:
                spent = format_duration(step.forecast.duration)
                paper.print(f"  {step.id}: {spent}; {plain(step.forecast.basis)}.")
    calls = sum(call.count for call in preview.calls)
    paper.print(f"[dim]Planned with {count_text(calls, 'AWS call')}, all of them reads.[/]")
