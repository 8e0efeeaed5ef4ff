"""A step that asks, killed before and after every single call of the ledger."""

from __future__ import annotations

import pytest

from tests.unit.engine.test_asking_killed import CALLS, MOST, killed_at

pytestmark = pytest.mark.sweep


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_call_a_question_is_asked_once_and_what_was_approved_is_done_once(when: str) -> None:
    assert killed_at(when, range(1, MOST)) > CALLS
