"""Shows what steps ask of people, and how to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.cli.paper import clock_text, console, count_text, plain, table

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.question import OpenQuestion
    from chalicelib.domain.report import StepRecord


def show_asked(step: StepRecord, paper: Console) -> None:
    """Print what a step asks now, or what was answered; nothing when nobody was asked."""
    if step.question:
        show_question(step.question, paper)
    elif step.answer:
        paper.print(f"[bold]{plain(step.id)}[/] was {plain(step.answer.told())}.")


def show_question(asked: OpenQuestion, paper: Console) -> None:
    """Print a question: why, what is at stake, until when, and how to answer it."""
    paper.print(f"[bold yellow]{plain(asked.step)} waits for a person:[/] {plain(asked.reason)}")
    if asked.may_lose_data:
        paper.print("  [bold red]A yes may lose data.[/]")
    total = sum(asked.changes.values())
    if total:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(asked.changes.items()))
        more = f" and {total - len(asked.first):,} more" if total > len(asked.first) else ""
        paper.print(f"  {count_text(total, 'change')} ({kinds}): {plain(', '.join(asked.first))}{more}")
    if asked.choices:
        paper.print(f"  Choices: {plain(', '.join(asked.choices))}")
    paper.print(f"  Until {clock_text(asked.until)}; without an answer nothing of it is done.")
    choice = f" --choice {asked.choices[0]}" if asked.choices else ""
    named = f"{asked.run_id} {asked.step}"
    paper.print(f"  lifeboat approve {named} --digest {asked.digest}{plain(choice)}", soft_wrap=True)
    paper.print(f"  lifeboat decline {named}", soft_wrap=True)


def show_questions(found: Sequence[Mapping[str, Any]]) -> None:
    """Print a list of questions, as the API tells them."""
    from chalicelib.domain.question import OpenQuestion

    paper = console()
    if not found:
        paper.print("Nothing waits for a person.")
    rows = table("run", "step", "until", "asks")
    for one in map(OpenQuestion.model_validate, found):
        rows.add_row(plain(one.run_id), plain(one.step), clock_text(one.until), plain(one.reason))
    if found:
        paper.print(rows)
