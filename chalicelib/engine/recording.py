"""Writes what became of effects, at once: into the ledger and into memory."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.change import Effect
from chalicelib.domain.run import StepRow
from chalicelib.engine.memory import RunMemory, StepMemory
from chalicelib.engine.ports import Ledger


def record(ledger: Ledger, memory: RunMemory, row: StepRow, step: StepMemory, effects: Mapping[str, Effect]) -> None:
    """Write effects to the ledger, a call a page, and remember them."""
    pages: dict[int, dict[str, Effect]] = {}
    for key, effect in effects.items():
        pages.setdefault(step.pages[key], {})[key] = effect
        step.put(key, effect)
    for number, page in pages.items():
        ledger.record(memory.run.run_id, row.step_id, number, page)
