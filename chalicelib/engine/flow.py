"""Which steps of a run are next. Decided from the runbook and the step rows alone.

Steps run top to bottom, a parallel group at once; `verify:` follows unless the steps failed or a stop was asked for;
then, if it is wanted, what the steps did is taken back from bottom to top; `on_failure:` follows a failure, `always:`
comes always. A step may open before the one above it has ended only when it
consumes that one's items one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.run import BAD_STATES, DRILL, Run, StepRow, StepState
from chalicelib.domain.runbook import UNDO, UNDO_PREFIX, Runbook, Step
from chalicelib.domain.signature import Signatures
from chalicelib.domain.template import references_in

ORDER = ("steps", "verify", UNDO, "on_failure", "always")


def streamed_from(runbook: Runbook, signatures: Signatures) -> dict[str, frozenset[str]]:
    """Return, for each step, the steps whose items it consumes one by one, also through others."""
    uses = {step.id: step.uses for step in runbook.all_steps()}
    found: dict[str, frozenset[str]] = {}
    for step in runbook.all_steps():
        sources: set[str] = set()
        for reference in references_in(step.with_):
            if reference.root == "steps" and reference.names[1] in signatures[uses[reference.names[0]]].streams:
                sources |= {reference.names[0]} | found.get(reference.names[0], frozenset())
        found[step.id] = frozenset(sources)
    return found


def failed(rows: Iterable[StepRow], phases: Iterable[str] = ORDER) -> list[StepRow]:
    """Return the steps that failed, wholly or in part."""
    wanted = set(phases)
    return [row for row in rows if row.phase in wanted and row.state in BAD_STATES]


class Flow:
    """The order of one runbook's steps."""

    def __init__(self, runbook: Runbook, signatures: Signatures) -> None:
        self.runbook = runbook
        self.sources = streamed_from(runbook, signatures)

    def next_steps(self, rows: Mapping[str, StepRow], run: Run) -> list[tuple[str, Step]]:
        """Return (phase, step) of everything that is open or may open now; empty when the run has ended."""
        for phase in ORDER:
            if self.skips(phase, rows, run):
                continue
            steps = self._in_undo(rows, run) if phase == UNDO else self._in_phase(phase, rows, run)
            if steps:
                return [(phase, step) for step in steps]
        return []

    def skips(self, phase: str, rows: Mapping[str, StepRow], run: Run) -> bool:
        """Return True when a whole phase is passed over. A run that takes back what it did makes nothing more."""
        stopping = run.stop is not None
        if phase == "steps":
            return run.undo is not None
        if phase == "verify":
            return stopping or run.undo is not None or self.halted(rows)
        if phase == UNDO:
            return not self.undoes(rows, run)
        if phase == "on_failure":
            ordered = run.undo is not None and run.undo.ordered
            return stopping or not failed(rows.values(), (UNDO,) if ordered else ("steps", "verify", UNDO))
        return False

    def undoes(self, rows: Mapping[str, StepRow], run: Run) -> bool:
        """Return True when what the steps did is taken back: after a drill, by order, or because of a failed step."""
        return run.undo is not None or run.mode == DRILL or bool(self.undone_for(rows))

    def undone_for(self, rows: Mapping[str, StepRow]) -> list[str]:
        """Return the steps that failed and whose `on_failure` is to undo."""
        return [
            row.step_id
            for row in rows.values()
            if row.phase in {"steps", "verify"}
            and row.state is StepState.FAILED
            and self.runbook.step(row.step_id).on_failure == "undo"
        ]

    def halted(self, rows: Mapping[str, StepRow]) -> bool:
        """Return True when a step failed after which no other step comes."""
        return any(
            row.phase == "steps"
            and row.state is StepState.FAILED
            and self.runbook.step(row.step_id).on_failure != "continue"
            for row in rows.values()
        )

    def _in_undo(self, rows: Mapping[str, StepRow], run: Run) -> list[Step]:
        """Return the next steps that take back: those of one group at a time, the last group first."""
        closed = run.stop is not None and run.mode != DRILL
        for group in self.runbook.undo_groups():
            left = [step for step in group if _made(rows, step) and not _settled(rows.get(step.id))]
            left = [step for step in left if not closed or _planned(rows.get(step.id))]
            if left:
                return left
        return []

    def _in_phase(self, phase: Any, rows: Mapping[str, StepRow], run: Run) -> list[Step]:
        closed = phase == "steps" and (run.stop is not None or self.halted(rows))
        found: list[Step] = []
        unsettled: set[str] = set()
        for group in self.runbook.groups(phase):
            for step in group:
                row = rows.get(step.id)
                if row is not None and row.settled:
                    continue
                may_open = not closed and all(
                    other in self.sources[step.id] and _planned(rows.get(other)) for other in unsettled
                )
                if _planned(row) or may_open:
                    found.append(step)
            unsettled |= {step.id for step in group if not _settled(rows.get(step.id))}
        return found


def _made(rows: Mapping[str, StepRow], taking_back: Step) -> bool:
    """Return True when the step that this one takes back has planned changes."""
    row = rows.get(taking_back.id.removeprefix(UNDO_PREFIX))
    return row is not None and row.pages > 0


def _planned(row: StepRow | None) -> bool:
    return row is not None and row.planned_at is not None


def _settled(row: StepRow | None) -> bool:
    return row is not None and row.settled
