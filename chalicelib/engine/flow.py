"""Which steps of a run are next. Decided from the runbook and the step rows alone.

Steps run top to bottom, a parallel group at once; `verify:` follows unless the steps failed or a stop was asked for,
`on_failure:` follows a failure, `always:` comes always. A step may open before the one above it has ended only when it
consumes that one's items one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chalicelib.domain.run import BAD_STATES, StepRow, StepState
from chalicelib.domain.runbook import PHASES, Phase, Runbook, Step
from chalicelib.domain.signature import Signatures
from chalicelib.domain.template import references_in


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


def failed(rows: Iterable[StepRow], phases: Iterable[str] = PHASES) -> list[StepRow]:
    """Return the steps that failed, wholly or in part."""
    wanted = set(phases)
    return [row for row in rows if row.phase in wanted and row.state in BAD_STATES]


class Flow:
    """The order of one runbook's steps."""

    def __init__(self, runbook: Runbook, signatures: Signatures) -> None:
        self.runbook = runbook
        self.sources = streamed_from(runbook, signatures)

    def next_steps(self, rows: Mapping[str, StepRow], *, stopping: bool) -> list[tuple[Phase, Step]]:
        """Return (phase, step) of everything that is open or may open now; empty when the run has ended."""
        for phase in PHASES:
            if self.skips(phase, rows, stopping=stopping):
                continue
            steps = self._in_phase(phase, rows, stopping=stopping)
            if steps:
                return [(phase, step) for step in steps]
        return []

    def skips(self, phase: str, rows: Mapping[str, StepRow], *, stopping: bool) -> bool:
        """Return True when a whole phase is passed over."""
        if phase == "verify":
            return stopping or self.halted(rows)
        if phase == "on_failure":
            return stopping or not failed(rows.values(), ("steps", "verify"))
        return False

    def halted(self, rows: Mapping[str, StepRow]) -> bool:
        """Return True when a step failed whose `on_failure` is to stop."""
        return any(
            row.phase == "steps"
            and row.state is StepState.FAILED
            and self.runbook.step(row.step_id).on_failure == "stop"
            for row in rows.values()
        )

    def _in_phase(self, phase: Phase, rows: Mapping[str, StepRow], *, stopping: bool) -> list[Step]:
        closed = phase == "steps" and (stopping or self.halted(rows))
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


def _planned(row: StepRow | None) -> bool:
    return row is not None and row.planned_at is not None


def _settled(row: StepRow | None) -> bool:
    return row is not None and row.settled
