"""What is measured of steps, as facts for the journal: how long they took, ages of points, lag of copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from chalicelib.domain.change import Change, Effect, EffectState
from chalicelib.domain.run import Run, StepRow

Fact = tuple[str, dict[str, Any]]


def of_step(run: Run, row: StepRow, made: Iterable[tuple[Change, Effect]]) -> Iterator[Fact]:
    """Yield what is to be told of a step that has ended; all lengths are seconds."""
    spent = int((row.ended_at - row.started_at).total_seconds()) if row.ended_at else 0
    common = {"run_id": run.run_id, "runbook": run.runbook, "step": row.step_id, "action": row.uses}
    yield "step ended", {**common, "outcome": row.state.value, "duration_s": spent}
    for policy, age_s in sorted(_ages(row).items()):
        yield "recovery point age", {**common, "policy": policy, "age_s": age_s}
    lags = [lag for change, effect in made if (lag := _lag(change, effect)) is not None]
    if lags:
        yield "copy lag", {**common, "lag_s": max(lags)}


def _ages(row: StepRow) -> dict[str, int]:
    """Return, by policy, the age of the oldest of the newest usable points that a check found."""
    ages: dict[str, int] = {}
    for finding in row.findings:
        policy, age_s = finding.facts.get("policy"), finding.facts.get("age_s")
        if isinstance(policy, str) and policy and isinstance(age_s, int):
            ages[policy] = max(ages.get(policy, 0), age_s)
    return ages


def _lag(change: Change, effect: Effect) -> int | None:
    """Return how long after its point in time a copy was complete; None for what is no finished copy."""
    if effect.state is not EffectState.DONE or "source_region" not in change.params:
        return None
    items = effect.facts.get("items")
    item = next(iter(items.values()), None) if isinstance(items, dict) else None
    point, done = (item.get("point"), item.get("completed_at")) if isinstance(item, dict) else (None, None)
    if not isinstance(point, str) or not isinstance(done, str):
        return None
    return max(0, int((datetime.fromisoformat(done) - datetime.fromisoformat(point)).total_seconds()))
