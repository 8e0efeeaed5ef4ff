"""Live progress on stderr: a table that moves on a terminal, a line for each thing that changed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chalicelib.cli.paper import coloured, console, length_text, plain, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from chalicelib.domain.run import Run, StepRow
    from chalicelib.engine.ports import Clock

BAR = 20  # cells
EVERY = timedelta(seconds=30)  # of the clock's time: how often a plain line tells of mere progress


class Progress:
    """A journal that shows where a run is. Use it as a context manager around the work.

    Args:
        paper: Where; None = stderr.
        live: True for a moving table; None = where there is a terminal.
    """

    def __init__(self, paper: Console | None = None, *, live: bool | None = None) -> None:
        self._paper = paper or console(stderr=True)
        self._moving = self._paper.is_terminal if live is None else live
        self._clock: Clock | None = None
        self._run: Run | None = None
        self._steps: list[StepRow] = []
        self._said: dict[str, tuple[str, str, datetime | None]] = {}
        self._live: Live | None = None

    def timed_by(self, clock: Clock) -> Self:
        """Take the clock of the place where the work is done; returns itself."""
        self._clock = clock
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def note(self, sentence: str, **fields: Any) -> None:
        """Take note of what happened; only what the steps do not show is said."""
        if sentence == "handed over":
            self._paper.print(f"{self._time()} handed over to generation {fields.get('generation')}")
        elif sentence == "paused":
            self.say(
                f"{self._time()} paused by {fields.get('by')}: {fields.get('reason')}; waits for `lifeboat resume`"
            )
        elif sentence == "asked":
            self._say_question(fields)
        elif sentence == "resumed":
            self.say(f"{self._time()} resumed")

    def _say_question(self, fields: dict[str, Any]) -> None:
        choices = f" (choose: {', '.join(fields['choices'])})" if fields["choices"] else ""
        self.say(f"{self._time()} {fields['step']} waits for a person: {fields['why']}{choices}")
        self.say(f"  lifeboat approve {fields['run_id']} {fields['step']} --digest {fields['digest']}, or decline")

    def say(self, text: str) -> None:
        """Print a line above the progress."""
        self._paper.print(plain(text))

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        """Show where a run is now."""
        self._run, self._steps = run, list(steps)
        if not self._moving:
            self._say_what_changed()
            return
        if self._live is None:
            from rich.live import Live

            self._live = Live(console=self._paper, get_renderable=self._table, refresh_per_second=4, transient=True)
            self._live.start()
        self._live.refresh()

    def _say_what_changed(self) -> None:
        """Say at once that a step is in another state, and mere progress now and then."""
        now = self._clock.now() if self._clock else None
        for row in self._steps:
            line = _words(row)
            state, said, at = self._said.get(row.step_id, ("", "", None))
            due = at is None or now is None or now - at >= EVERY
            if row.state.value != state or (line != said and due):
                self._said[row.step_id] = (row.state.value, line, now)
                self._paper.print(f"{self._time()} {plain(row.step_id)} {plain(line)}", soft_wrap=True)

    def _table(self) -> Table:
        rows = table("step", "state", "", ">done", ">of", ">in flight", ">failed", ">for")
        now = self._clock.now() if self._clock else None
        for row in self._steps:
            counts = row.counts
            ended = row.ended_at or now
            spent = (ended - row.started_at).total_seconds() if ended else None
            numbers = [f"{n:,}" if n else "-" for n in (counts.done, counts.planned, counts.pending, counts.failed)]
            rows.add_row(plain(row.step_id), coloured(row.state.value), _bar(row), *numbers, length_text(spent))
        if self._run:
            rows.title = f"{self._run.runbook} in {self._run.region}, {self._time()} UTC"
        return rows

    def _time(self) -> str:
        return self._clock.now().strftime("%H:%M:%S") if self._clock else "--:--:--"


def _bar(row: StepRow) -> str:
    if not row.counts.planned:
        return ""
    settled = row.counts.done + row.counts.moot + row.counts.failed
    cells = min(BAR, BAR * settled // row.counts.planned)
    return "━" * cells + "[dim]" + "─" * (BAR - cells) + "[/]"


def _words(row: StepRow) -> str:
    counts = row.counts
    parts = [f"{counts.done}/{counts.planned} done"] if counts.planned else []
    parts += [f"{n} {word}" for n, word in ((counts.pending, "in flight"), (counts.failed, "failed")) if n]
    return f"{row.state.value}{': ' if parts else ''}{', '.join(parts)}"
