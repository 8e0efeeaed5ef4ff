"""What every action has without saying so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from chalicelib.actions.base import ActionModel
from chalicelib.actions.notify import Send
from chalicelib.settings import Limits
from tests.unit.actions.world import plain_context


def test_an_action_has_no_quota_and_no_premise_unless_it_says_so() -> None:
    send = Send()
    assert send.window(Limits()) is None
    assert send.review([], {}, plain_context()) == {}
    assert (send.review_every_s, send.lease) == (None, None)


def test_each_attempt_at_a_change_has_a_name_of_its_own() -> None:
    names = {plain_context(attempt=attempt).effect_id("vol-1") for attempt in (1, 2)}
    assert len(names) == 2
    assert plain_context().effect_id("vol-1") in names


def test_what_a_runbook_writes_is_checked_and_does_not_change() -> None:
    class Given(ActionModel):
        size: int

    with pytest.raises(ValidationError, match="colour"):
        Given.model_validate({"size": 1, "colour": "red"})
    with pytest.raises(ValidationError, match="frozen"):
        Given(size=1).size = 2  # type: ignore[misc]


def test_an_action_shows_how_long_it_may_take() -> None:
    assert Send().signature().within == timedelta(minutes=30)
