"""Writes what became of effects, at once: into the ledger and into memory."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.change import Effect, EffectState
from chalicelib.domain.run import StepRow
from chalicelib.engine.memory import RunMemory, StepMemory
from chalicelib.engine.ports import Ledger
from chalicelib.errors import SupersededError


def record(ledger: Ledger, memory: RunMemory, row: StepRow, step: StepMemory, effects: Mapping[str, Effect]) -> None:
    """Write effects to the ledger, a call a page, and remember them.

    What they owe is written before they count, and what they end, of whichever run, is struck out before.
    """
    pages: dict[int, dict[str, Effect]] = {}
    for key, effect in effects.items():
        for each in effect.owes:
            if each.name not in memory.owes:
                ledger.owe(memory.run.run_id, each, effect.at or memory.run.started_at)
                memory.owes.add(each.name)
        pages.setdefault(step.pages[key], {})[key] = effect
        step.put(key, effect)
    _strike_out(ledger, memory.run.run_id, effects)
    for number, page in pages.items():
        ledger.record(memory.run.run_id, row.step_id, number, page)


def _strike_out(ledger: Ledger, run_id: str, effects: Mapping[str, Effect]) -> None:
    done = tuple(name for effect in effects.values() if effect.state is EffectState.DONE for name in effect.ends)
    following = tuple(f"{name}." for name in done)
    for owing, owed in list(ledger.owing()) if done else ():
        if owed.name in done or owed.name.startswith(following):
            ledger.settle(owing, owed.name, f"done by run {run_id}")


def ensure_held(ledger: Ledger, memory: RunMemory) -> None:
    """Read the run again before a write that nothing else fences.

    Raises:
        SupersededError: another generation drives it now, or it has ended.
    """
    fresh = ledger.load(memory.run.run_id)
    if fresh is None or fresh.ended or fresh.generation != memory.run.generation:
        raise SupersededError("run.superseded", f"Run '{memory.run.run_id}' was taken over while this process slept.")
