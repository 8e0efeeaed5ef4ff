"""What was answered, in words, and when two answers are one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.answer import IN_ADVANCE, Answer

AT = datetime(2031, 1, 6, 3, 5, tzinfo=UTC)
YES = Answer(yes=True, by="arn:aws:iam::123456789012:user/ana", at=AT, digest="d1")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (YES, "approved by arn:aws:iam::123456789012:user/ana at 2031-01-06 03:05:00 UTC"),
        (
            YES.model_copy(update={"choice": "use1-az1"}),
            "approved with 'use1-az1' by arn:aws:iam::123456789012:user/ana",
        ),
        (YES.model_copy(update={"yes": False, "reason": "not tonight"}), "declined by"),
        (YES.model_copy(update={"yes": False, "reason": "not tonight"}), "UTC: not tonight"),
        (
            Answer(yes=True, by=IN_ADVANCE, at=AT, reason="drilled", in_advance=True),
            "in advance by the runbook: drilled",
        ),
    ],
)
def test_an_answer_says_who_when_and_why(answer: Answer, words: str) -> None:
    assert words in answer.told()


def test_an_answer_is_a_yes_or_a_no() -> None:
    assert (YES.word, YES.model_copy(update={"yes": False}).word) == ("yes", "no")


@pytest.mark.parametrize("other", [{"yes": False}, {"choice": "x"}, {"by": "bo"}, {"digest": "d2"}])
def test_another_answer_is_another(other: dict[str, object]) -> None:
    assert not YES.same_as(YES.model_copy(update=other))


def test_the_same_answer_sent_later_is_the_same() -> None:
    assert YES.same_as(YES.model_copy(update={"at": AT + timedelta(minutes=1), "reason": "again"}))
