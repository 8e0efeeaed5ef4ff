"""What is remembered of a step is found by the state of its effects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState
from chalicelib.engine.memory import NOTHING, StepMemory

NOW = datetime(2031, 1, 6, 1, tzinfo=UTC)
KEYS = ["a", "b", "c"]


def change(key: str) -> Change:
    return Change(key=key, kind=ChangeKind.CREATE, resource=key, region="us-east-1", reason="a test")


@pytest.fixture
def step() -> StepMemory:
    made = StepMemory()
    made.add_page(0, [change(key) for key in KEYS])
    return made


def found(step: StepMemory, *states: EffectState) -> list[str]:
    return sorted(one.key for one in step.in_state(*states))


def test_a_planned_change_is_absent_and_open(step: StepMemory) -> None:
    assert found(step, EffectState.ABSENT) == KEYS
    assert sorted(one.key for one in step.open()) == KEYS


def test_an_effect_moves_its_change_to_its_state_only(step: StepMemory) -> None:
    step.put("b", Effect(state=EffectState.PENDING))
    step.put("b", Effect(state=EffectState.DONE))
    assert found(step, EffectState.ABSENT) == ["a", "c"]
    assert found(step, EffectState.PENDING) == []
    assert found(step, EffectState.DONE) == ["b"]
    assert sorted(one.key for one in step.open()) == ["a", "c"]


def test_the_plan_keeps_its_order_whatever_happens_when(step: StepMemory) -> None:
    step.put("c", Effect(state=EffectState.DONE))
    step.put("a", Effect(state=EffectState.DONE))
    assert [one.key for one, _ in step.made()] == KEYS


def test_what_is_forgotten_may_be_sent_again(step: StepMemory) -> None:
    step.doubtful(("a",), NOW)
    assert found(step, EffectState.IN_DOUBT) == ["a"]
    step.forget("a")
    assert found(step, EffectState.ABSENT) == KEYS
    assert step.effect("a") is NOTHING
    step.doubtful(("a",), NOW)
    assert [intent.keys for intent in step.intents()] == [("a",)]


def test_a_page_that_is_read_again_changes_no_state(step: StepMemory) -> None:
    step.put("a", Effect(state=EffectState.DONE))
    step.add_page(0, [change(key) for key in KEYS])
    assert found(step, EffectState.ABSENT) == ["b", "c"]
    assert found(step, EffectState.DONE) == ["a"]
