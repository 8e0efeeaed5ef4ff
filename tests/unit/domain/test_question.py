"""What is asked, who may still answer, and what an approval covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change, ChangeKind, Question
from chalicelib.domain.question import (
    PASSED,
    Asked,
    checked,
    declined,
    digest_of,
    exceeded,
    expired,
    grown,
    lines,
    shown,
    standing,
    told_changes,
)
from chalicelib.domain.run import Pause, Run, RunCause, RunState, StepState, Stop
from chalicelib.errors import LifeboatError

AT = datetime(2031, 1, 6, 3, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=5)
RUN = Run(
    run_id="r",
    key="k",
    runbook="toy",
    region="us-east-1",
    state=RunState.RUNNING,
    cause=RunCause(kind="manual", key="k", occurred_at=AT, summary="by hand"),
    started_at=AT,
)
ASKED = Asked(
    run_id="r",
    runbook="toy",
    step_id="things",
    phase="steps",
    uses="toy.make_things",
    number=1,
    reason="it deletes the newest",
    digest="d1",
    plan="p1",
    pages=1,
    kinds={"delete": 3, "create": 1},
    first=("vol-1", "vol-2"),
    asked_at=AT,
    within_s=3600,
)
YES = Answer(yes=True, by="ana", at=LATER, digest="d1")
ZONES = ASKED.model_copy(update={"choices": ("az1", "az2")})


def change(key: str, **params: Any) -> Change:
    told = {"reason": params.pop("reason", "old"), "size_gib": params.pop("size_gib", 1)}
    return Change(key=key, kind=ChangeKind.DELETE, resource=key, region="us-east-1", params=params, **told)


def run(**changes: Any) -> Run:
    return RUN.model_copy(update=changes)


def asked(**changes: Any) -> Asked:
    return ASKED.model_copy(update=changes)


STOP = Stop(at=AT, by="bo", reason="enough")
PAUSE = Pause(at=AT, by="bo", reason="migration")


def test_a_question_can_be_answered_for_as_long_as_its_step_may_take() -> None:
    assert ASKED.until(RUN, LATER) == AT + timedelta(hours=1)


def test_time_spent_paused_does_not_count() -> None:
    before = asked(paused_s=100)
    assert before.until(run(paused_s=700), LATER) == AT + timedelta(hours=1, minutes=10)
    paused = run(paused_at=AT + timedelta(minutes=1), pause=PAUSE)
    assert ASKED.until(paused, LATER) == AT + timedelta(hours=1, minutes=4)
    assert ASKED.until(run(paused_at=AT - timedelta(hours=9)), LATER) == AT + timedelta(hours=1, minutes=5)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (RUN, ASKED.model_copy(update={"answer": YES})),
        (RUN, ASKED.model_copy(update={"closed": "expired"})),
        (run(state=RunState.FAILED), ASKED),
        (run(stop=STOP), ASKED),
        (run(round=2), ASKED),
    ],
)
def test_a_question_waits_only_while_an_answer_would_be_heard(now: Run, then: Asked) -> None:
    assert ASKED.waits(RUN)
    assert not then.waits(now)
    assert shown(then, now, LATER) is None


def test_a_question_is_shown_until_its_time_is_up() -> None:
    told = shown(ASKED, RUN, LATER)
    assert told is not None
    assert (told.step, told.changes, told.until) == ("things", ASKED.kinds, AT + timedelta(hours=1))
    assert shown(ASKED, RUN, AT + timedelta(hours=1)) is None


def test_a_digest_covers_plan_choices_reason_and_which_asking_it_is() -> None:
    question = Question(reason="x", choices=("a", "b"))
    digests = {
        digest_of(question, "p1", 1),
        digest_of(question, "p2", 1),
        digest_of(question, "p1", 2),
        digest_of(question.model_copy(update={"choices": ("a",)}), "p1", 1),
        digest_of(question.model_copy(update={"reason": "y"}), "p1", 1),
        digest_of(question.model_copy(update={"may_lose_data": True}), "p1", 1),
    }
    assert len(digests) == 6
    assert digest_of(question, "p1", 1) in digests


def test_fewer_changes_are_covered_and_what_is_only_told_does_not_count() -> None:
    approved = [change("a"), change("b"), change("c")]
    assert grown(approved, [change("c"), change("a", reason="older by now", size_gib=9)]) == []
    assert grown(approved, [change("a", target="elsewhere"), change("d")]) == ["a", "d"]


def test_an_approval_does_not_cover_more_than_was_approved() -> None:
    yes = asked(answer=YES)
    assert exceeded(yes, Question(reason="x"), []) == ""
    assert "not approved: a, b, c, d, e and 2 more" in exceeded(yes, Question(reason="x"), list("abcdefg"))
    assert exceeded(yes, Question(reason="x"), ["a"]).endswith("not approved: a")
    assert "lose data" in exceeded(yes, Question(reason="x", may_lose_data=True), [])
    assert exceeded(asked(answer=YES, may_lose_data=True), Question(reason="x", may_lose_data=True), []) == ""


def test_a_choice_has_to_be_possible_still() -> None:
    chose = ZONES.model_copy(update={"answer": YES.model_copy(update={"choice": "az1"})})
    assert exceeded(chose, Question(reason="x", choices=("az1",)), []) == ""
    assert "'az1' can no longer" in exceeded(chose, Question(reason="x", choices=("az2",)), [])
    assert "something to choose" in exceeded(asked(answer=YES), Question(reason="x", choices=("az2",)), [])
    assert "something to choose" in exceeded(ASKED, Question(reason="x", choices=("az2",)), [])


@pytest.mark.parametrize(
    ("question", "of", "answer", "code", "words"),
    [
        (None, RUN, YES, "ask.not_waiting", "waits for nobody now"),
        (ASKED, run(state=RunState.STOPPED), YES, "ask.not_waiting", "has ended stopped"),
        (ASKED, run(stop=STOP), YES, "ask.not_waiting", "asked to stop by bo"),
        (ASKED, run(round=2), YES, "ask.not_waiting", "waits for nobody now"),
        (asked(closed="expired"), RUN, YES, "ask.not_waiting", "not answered in time"),
        (asked(closed=PASSED), RUN, YES, "ask.not_waiting", "went on without it"),
        (ASKED, RUN, YES.model_copy(update={"at": AT + timedelta(hours=1)}), "ask.not_waiting", "not answered in time"),
        (asked(answer=YES), RUN, YES, "ask.answered", "approved by ana"),
        (ASKED, RUN, YES.model_copy(update={"digest": "d0"}), "ask.stale", "its question is d1"),
        (ASKED, RUN, YES.model_copy(update={"choice": "az1"}), "ask.choice", "nothing to choose"),
        (ZONES, RUN, YES, "ask.choice", "Something has to be chosen"),
        (
            ZONES,
            RUN,
            YES.model_copy(update={"choice": "az3"}),
            "ask.choice",
            "'az3' cannot be chosen: step 'things' takes",
        ),
    ],
)
def test_an_answer_that_cannot_count_is_refused(
    question: Asked | None, of: Run, answer: Answer, code: str, words: str
) -> None:
    with pytest.raises(LifeboatError) as refused:
        checked(question, of, "things", answer)
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (ASKED, YES),
        (ZONES, YES.model_copy(update={"choice": "az2"})),
        (ZONES, YES.model_copy(update={"yes": False})),
    ],
)
def test_an_answer_that_fits_is_taken(question: Asked, answer: Answer) -> None:
    assert checked(question, RUN, "things", answer) == question


def test_a_step_says_why_it_ended_undone() -> None:
    no = declined(ASKED, YES.model_copy(update={"yes": False, "reason": "not tonight"}))
    assert (no.code, "declined by ana" in no.message, "not tonight" in no.message) == ("ask.declined", True, True)
    late = expired(ASKED)
    assert (late.code, "nobody answered within 1h" in late.message) == ("ask.expired", True)


@pytest.mark.parametrize(
    ("question", "of", "state"),
    [
        (ASKED, RUN, StepState.WAITING),
        (asked(answer=YES), RUN, StepState.RUNNING),
        (asked(answer=YES), run(round=2), StepState.RUNNING),
        (ASKED, run(stop=STOP), StepState.RUNNING),
        (asked(closed=PASSED), RUN, StepState.STOPPED),
        (ASKED, run(state=RunState.FAILED, ended_at=LATER), StepState.STOPPED),
        (asked(answer=YES), run(state=RunState.STOPPED, ended_at=LATER), StepState.STOPPED),
    ],
)
def test_a_step_that_asked_is_shown_as_it_stands(question: Asked, of: Run, state: StepState) -> None:
    row = standing(question, of)
    assert row is not None
    assert (row.state, row.step_id) == (state, "things")
    assert bool(row.message) is (of.state is RunState.FAILED or question.closed == PASSED)


def test_what_an_earlier_round_asked_in_vain_is_not_shown() -> None:
    assert standing(ASKED, run(round=2)) is None


def test_people_are_told_why_what_until_when_and_how() -> None:
    told = "\n".join(lines(asked(may_lose_data=True), RUN, LATER, "https://api.example.com/v1/"))
    assert "Step 'things' waits for a person: it deletes the newest" in told
    assert "A YES MAY LOSE DATA." in told
    assert "1 create, 3 delete: vol-1, vol-2 and 2 more." in told
    assert "Until 2031-01-06 04:00 UTC" in told
    assert "lifeboat approve r things --digest d1\n" in told
    assert "lifeboat decline r things\n" in told
    assert "POST https://api.example.com/v1/runs/r/steps/things/approve (or /decline) with the digest d1" in told


def test_people_are_told_what_they_can_choose_and_no_link_where_there_is_none() -> None:
    told = "\n".join(lines(asked(choices=("az1", "az2"), kinds={}, first=()), RUN, LATER, ""))
    assert "--digest d1 --choice az1|az2" in told
    assert "nothing is changed by the answer itself" in told
    assert "API" not in told
    assert "LOSE" not in told
    assert told_changes(asked(kinds={"delete": 2})) == "2 delete: vol-1, vol-2"
