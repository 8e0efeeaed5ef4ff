"""Changes, effects, and the names by which effects are found again."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.domain.change import (
    IN_FLIGHT,
    SETTLED,
    Change,
    ChangeKind,
    Effect,
    EffectState,
    Finding,
    Plan,
    effect_id,
    filled_items,
)

NOW = datetime(2031, 1, 6, 3, 0, tzinfo=UTC)
CHANGE = Change(
    key="i-1",
    kind=ChangeKind.CREATE,
    resource="i-1",
    region="us-east-1",
    reason="because",
    yields=({"item": "vol-1", "snapshot_id": None}, {"item": "vol-2", "snapshot_id": None}),
)


def test_the_name_of_an_effect_never_changes() -> None:
    assert effect_id("run-1", "snapshots", "vol-1") == "lbktxgoka4cvtw4lq3xeetdwpy3l"


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.integers(1, 3)), unique=True)
)
def test_different_effects_have_different_names(parts: list[tuple[str, str, str, int]]) -> None:
    safe = [part for part in parts if not any("\x1f" in text for text in part[:3])]
    assert len({effect_id(*part) for part in safe}) == len(safe)


@settings(deadline=None, max_examples=50)
@given(st.text(), st.text(), st.text())
def test_a_name_fits_a_tag_a_token_and_a_database(run: str, step: str, key: str) -> None:
    assert re.fullmatch(r"lb[a-z2-7]{26}", effect_id(run, step, key))


def test_items_are_filled_with_what_the_effect_knows_of_them() -> None:
    effect = Effect(state=EffectState.DONE, facts={"items": {"vol-1": {"snapshot_id": "snap-1"}, "vol-2": "nonsense"}})
    first, second = filled_items(CHANGE, effect, "snapshots")
    assert first == {"item": "vol-1", "snapshot_id": "snap-1", "made_by": "snapshots/i-1"}
    assert second == {"item": "vol-2", "snapshot_id": None, "made_by": "snapshots/i-1"}


@pytest.mark.parametrize("facts", [{}, {"items": ["vol-1"]}])
def test_items_of_an_effect_that_knows_nothing_are_as_planned(facts: dict[str, object]) -> None:
    effect = Effect.model_validate({"facts": facts})
    assert [item["snapshot_id"] for item in filled_items(CHANGE, effect, "s")] == [None, None]


@pytest.mark.parametrize("state", EffectState)
def test_an_effect_is_settled_or_in_flight_or_absent(state: EffectState) -> None:
    assert Effect(state=state).settled is (state in SETTLED)
    assert (state in SETTLED) + (state in IN_FLIGHT) + (state is EffectState.ABSENT) == 1


def test_moving_an_effect_keeps_what_is_known() -> None:
    effect = Effect(state=EffectState.PENDING, id="snap-1", facts={"a": 1})
    moved = effect.moved(EffectState.FAILED, NOW, code="action.gone")
    assert (moved.state, moved.id, moved.at, moved.code, moved.facts) == (
        "failed",
        "snap-1",
        NOW,
        "action.gone",
        {"a": 1},
    )
    assert effect.state is EffectState.PENDING


def test_a_plan_survives_json() -> None:
    plan = Plan(changes=(CHANGE,), notes=("a note",))
    assert Plan.model_validate(json.loads(plan.model_dump_json())) == plan


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_change_without_a_usable_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="key"):
        Change(key=key, kind=ChangeKind.CREATE, resource="r", region="us-east-1", reason="because")


def test_a_finding_takes_no_unknown_fields() -> None:
    with pytest.raises(ValidationError, match="severity"):
        Finding.model_validate({"resource": "r", "region": "x", "ok": True, "message": "m", "severity": 1})
