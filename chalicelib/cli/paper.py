"""What all tables and texts on the screen share: width, colours, times, lengths."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.types import format_duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 100  # as wide as a page is read; a narrower terminal is respected
COLOURS: Mapping[str, str] = {
    "succeeded": "green",
    "planned": "green",
    "running": "cyan",
    "waiting": "dim",
    "checked_later": "cyan",
    "unknown": "yellow",
    "skipped": "dim",
    "partial": "yellow",
    "stopped": "yellow",
    "undone": "yellow",
    "refused": "red",
    "failed": "red",
}


def console(*, stderr: bool = False) -> Console:
    """Return a console of at most 100 columns; exactly 100 when nobody's terminal says otherwise."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    made.width = min(made.width, WIDTH) if stream.isatty() else WIDTH
    return made


def table(*columns: str, title: str = "") -> Table:
    """Return an empty table in the house's look. Columns that begin with `>` are numbers, right-aligned."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return made


def coloured(state: str) -> str:
    """Return a state with its colour, as console markup."""
    colour = COLOURS.get(state)
    text = state.replace("_", " ")
    return f"[{colour}]{text}[/]" if colour else text


def plain(text: str) -> str:
    """Return a text that console markup does not touch."""
    from rich.markup import escape

    return escape(text)


def clock_text(moment: datetime | None) -> str:
    """Write a time as people read it at night: `2031-01-06 03:00:10 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "-"


def length_text(seconds: float | None) -> str:
    """Write a length of time given in seconds; `-` when it is not known."""
    return "-" if seconds is None else format_duration(timedelta(seconds=seconds))


def count_text(count: int, one: str, many: str = "") -> str:
    """Write a number with its noun: `1 change`, `12 changes`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
