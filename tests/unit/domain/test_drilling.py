"""What a drill may do, and what it tells of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState
from chalicelib.domain.drilling import NOT_REHEARSED, drill_record, judge_drill, made_in
from chalicelib.domain.run import Counts, StepRow, StepState
from chalicelib.errors import RefusedError

NOW = datetime(2031, 1, 6, 3, 0, tzinfo=UTC)


def change(kind: ChangeKind = ChangeKind.CREATE, **more: Any) -> Change:
    known: dict[str, Any] = {"key": "k", "resource": "vol-old", "region": "us-east-1", "reason": "restore"}
    return Change.model_validate({**known, "kind": kind, **more})


def test_its_own_is_what_effects_name_and_plans_did_not() -> None:
    facts = {"items": {"vol-old": {"volume_id": "vol-new", "snapshot": "snap-1"}}, "every": ["vol-2"], "gib": 8}
    made = Effect(state=EffectState.DONE, id="i-new", facts=facts)
    plan = change(params={"snapshot": "snap-1"})
    assert made_in([(plan, made)]) >= {"i-new", "vol-new", "vol-2"}
    assert made_in([(plan, made)]) & {"vol-old", "snap-1"} == set()
    assert made_in([(change(ChangeKind.MODIFY), made)]) == set()
    assert made_in([(plan, Effect())]) == set()


@pytest.mark.parametrize("kind", [ChangeKind.MODIFY, ChangeKind.DISRUPT, ChangeKind.DELETE])
def test_only_what_is_made_or_its_own_is_touched(kind: ChangeKind) -> None:
    judge_drill([change()], set())
    judge_drill([change(kind, resource="vol-new")], {"vol-new"})
    judge_drill([change(kind, targets=("drill/us-east-1/use1-az1",))], set())
    with pytest.raises(RefusedError, match="vol-old"):
        judge_drill([change(kind)], {"vol-new"})
    with pytest.raises(RefusedError, match="vol-live, which"):
        judge_drill([change(kind, targets=("vol-new", "vol-live"))], {"vol-new"})


def test_its_record_says_what_was_rehearsed_and_what_was_not() -> None:
    def row(step_id: str, phase: str, state: StepState, code: str = "", **counts: int) -> StepRow:
        known: dict[str, Any] = {"step_id": step_id, "phase": phase, "uses": "a.b", "state": state, "started_at": NOW}
        return StepRow.model_validate({**known, "code": code, "counts": Counts(**counts)})

    rows = [
        row("made", "steps", StepState.SUCCEEDED, done=2),
        row("live", "steps", StepState.SKIPPED, NOT_REHEARSED, planned=3),
        row("off", "steps", StepState.SKIPPED),
        row("open", "steps", StepState.RUNNING),
        row("undo-made", "undo", StepState.SUCCEEDED, done=2),
        row("end", "always", StepState.SKIPPED, NOT_REHEARSED, planned=1),
    ]
    found = drill_record(rows, 1)
    assert (found.rehearsed, found.not_rehearsed) == (("made",), ("live",))
    assert (found.planned_only, found.removed, found.left) == (3, 2, 1)
