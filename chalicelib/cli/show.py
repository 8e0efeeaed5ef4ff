"""Shows a run: what happened, what failed and what to do, what was promised and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.cli.paper import clock_text, coloured, console, count_text, length_text, plain, table
from chalicelib.cli.show_question import show_asked
from chalicelib.cli.show_recovery import show_recovered

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.change import Failure, Finding
    from chalicelib.domain.report import Objective, RunRecord, StepRecord
    from chalicelib.domain.run import Run

SHOWN = 20  # failures and findings of a step that are listed by name; --json has them all


def show_record(record: RunRecord, paper: Console | None = None) -> None:
    """Print a run record, ended or not, at most 100 columns wide."""
    paper = paper or console()
    _show_head(record, paper)
    _show_steps(record.steps, paper)
    for step in record.steps:
        _show_troubles(step, paper)
        show_asked(step, paper)
    _show_notes(record, paper)
    show_recovered(record, paper)
    _show_objectives(record, paper)
    _show_drill(record, paper)
    _show_calls(record, paper)
    _show_next(record, paper)


def show_runs(runs: Sequence[Run], paper: Console | None = None) -> None:
    """Print a list of runs, a line each."""
    paper = paper or console()
    if not runs:
        paper.print("There are no such runs.")
        return
    rows = table("run", "state", "started", "took", "cause")
    for run in runs:
        took = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
        rows.add_row(
            plain(run.run_id),
            coloured(run.state.value),
            clock_text(run.started_at),
            length_text(took),
            plain(run.cause.summary),
        )
    paper.print(rows)


def _show_head(record: RunRecord, paper: Console) -> None:
    lines = table("", "")
    lines.show_header, lines.box = False, None
    times = record.times
    ended = clock_text(times.ended_at) if times.ended_at else "not yet"
    for name, value in (
        ("run", plain(record.run_id)),
        (
            "state",
            f"[bold]{coloured(record.state.value)}[/]" + (f"  {plain(record.message)}" if record.message else ""),
        ),
        ("cause", f"{plain(record.cause.summary)} at {clock_text(times.caused_at)}"),
        ("key", plain(record.key)),
        ("started", clock_text(times.started_at)),
        ("ended", f"{ended}, {'took' if times.ended_at else 'running for'} {length_text(times.duration_s)}"),
        ("inputs", plain(", ".join(f"{name}={value}" for name, value in record.inputs.items()) or "none")),
    ):
        lines.add_row(f"[dim]{name}[/]", value)
    if record.joined:
        lines.add_row("[dim]joined[/]", plain("; ".join(cause.summary for cause in record.joined)))
    if not times.ended_at and record.holder:
        lines.add_row("[dim]driven by[/]", plain(record.holder))
    paper.print(f"[bold]{record.runbook}[/] in {record.region}")
    paper.print(lines)


def _show_steps(steps: Sequence[StepRecord], paper: Console) -> None:
    rows = table("step", "state", ">took", ">planned", ">done", ">failed", ">moot", ">made", ">adopted")
    for step in steps:
        counts = step.counts
        numbers = (counts.planned, counts.done, counts.failed, counts.moot, counts.applied, counts.adopted)
        shown = [f"{number:,}" if number else "[dim]-[/]" for number in numbers]
        rows.add_row(plain(step.id), coloured(step.state.value), length_text(step.duration_s), *shown)
    paper.print(rows)


def _show_troubles(step: StepRecord, paper: Console) -> None:
    bad = [finding for finding in step.findings if not finding.ok]
    judged = step.counts.planned
    if step.findings:
        verdict = "[green]all well[/]" if not bad else f"[red]{count_text(step.counts.failed, 'is', 'are')} not well[/]"
        paper.print(f"[bold]{step.id}[/]: {count_text(judged, 'finding')}, {verdict}.")
    if step.message and step.state.value != "skipped":
        code = f" \\[{step.code}]" if step.code else ""
        paper.print(f"[bold]{step.id}[/]: {plain(step.message)}{code}")
    lines = [*map(_failure, step.failures[:SHOWN]), *map(_finding, bad[:SHOWN])]
    for line in lines:
        paper.print(f"  [red]x[/] {line}")
    listed = len(lines)
    more = max(0, max(len(step.failures) + len(bad), step.counts.failed) - listed)
    if more:
        paper.print(f"  ... and {more} more; --json has them.")


def _failure(failure: Failure) -> str:
    named = "" if failure.resource in failure.message else f"{failure.resource}: "
    return f"{plain(named + failure.message)} \\[{failure.code}]"


def _finding(finding: Finding) -> str:
    code = f" \\[{finding.code}]" if finding.code else ""
    return f"{plain(finding.resource)} in {finding.region}: {plain(finding.message)}{code}"


def _show_notes(record: RunRecord, paper: Console) -> None:
    for step in record.steps:
        for note in step.notes[:SHOWN]:
            paper.print(f"  note of {step.id}: {plain(note)}")


def _show_objectives(record: RunRecord, paper: Console) -> None:
    for name, objective in (("recovery point", record.objectives.rpo), ("recovery time", record.objectives.rto)):
        if objective.objective_s is not None or objective.measured_s is not None:
            paper.print(f"[bold]{name}:[/] {_objective(objective)}")


def _objective(objective: Objective) -> str:
    wanted = "no objective" if objective.objective_s is None else f"objective {length_text(objective.objective_s)}"
    if objective.measured_s is None:
        return f"{wanted}, not measured by this run"
    met = {True: ", [green]met[/]", False: ", [red]NOT met[/]", None: ""}[objective.met]
    return f"{wanted}, measured {length_text(objective.measured_s)}{met}"


def _show_calls(record: RunRecord, paper: Console) -> None:
    if not record.calls:
        return
    total: dict[str, int] = {}
    for call in record.calls:
        name = f"{call.service}:{call.operation}"
        total[name] = total.get(name, 0) + call.count
    said = ", ".join(f"{name} {count:,}" for name, count in sorted(total.items(), key=lambda each: -each[1]))
    paper.print(f"[dim]{count_text(sum(total.values()), 'AWS call')}: {said}[/]")


def _show_drill(record: RunRecord, paper: Console) -> None:
    if record.drill is None:
        return
    drill = record.drill
    paper.print(f"[bold]drill:[/] rehearsed {plain(', '.join(drill.rehearsed) or 'nothing')}")
    if drill.not_rehearsed:
        planned = count_text(drill.planned_only, "change")
        paper.print(f"  not rehearsed: {plain(', '.join(drill.not_rehearsed))} ({planned} planned only)")
    paper.print(f"  removed again: {count_text(drill.removed, 'change')}; left: {drill.left:,}")


def _show_next(record: RunRecord, paper: Console) -> None:
    """Say what is left to be done by people."""
    for name, owed in record.owes.items():
        due = f" Due {clock_text(owed.due)}." if owed.due else ""
        tried = f" Tried {owed.tries} times: {owed.said}" if owed.tries else ""
        paper.print(f"[yellow]still owed:[/] {plain(name)}: {plain(owed.why + due + tried)}")
    if record.state.value == "stopped":
        paper.print(f"The run was stopped. To go on: lifeboat runs continue {plain(record.run_id)}")
    elif record.state.value == "running" and not record.holder:
        paper.print(f"Nobody drives this run. To go on: lifeboat runs continue {plain(record.run_id)}")
    elif record.state.value == "failed":
        paper.print("Put right what is named above and run it again with another key; a failed run is not continued.")
