"""ask.approval: what it asks, and what it hands on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.approval import Approval, ApprovalInput
from chalicelib.actions.registry import find
from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Question
from tests.unit.actions.world import World

ASK = Approval()


def given(**words: Any) -> ApprovalInput:
    return ApprovalInput.model_validate({"question": "Promote the replica?", **words})


def test_it_asks_and_changes_nothing(world: World) -> None:
    assert find("ask.approval").name == "ask.approval"
    plan = ASK.plan(given(), world.ctx())
    assert (plan.changes, plan.ask) == ((), Question(reason="Promote the replica?"))
    chosen = ASK.plan(given(choices=["use1-az1", "use1-az2"]), world.ctx()).ask
    assert chosen is not None
    assert chosen.choices == ("use1-az1", "use1-az2")
    assert ASK.observe([], world.ctx()) == {}


@pytest.mark.parametrize("choices", [[], ["a", "a"], [""]])
def test_what_is_no_choice_is_refused(choices: list[str]) -> None:
    with pytest.raises(ValidationError):
        given(choices=choices)


def test_the_answer_is_handed_on_and_unknown_before(world: World) -> None:
    assert ASK.outputs(given(), [], world.ctx()) == {}
    said = Answer(yes=True, choice="use1-az2", by="ana", at=world.ctx().now)
    made = ASK.outputs(given(), [], world.ctx(answered=said))
    assert made == {"answer": "yes", "choice": "use1-az2", "by": "ana", "at": world.ctx().now.isoformat()}
    assert ASK.returns.model_validate(made).model_dump(mode="json", include={"by"}) == {"by": "ana"}


def test_there_is_nothing_to_apply(world: World) -> None:
    with pytest.raises(NotImplementedError):
        ASK.apply(None, {}, world.ctx())  # type: ignore[arg-type]
