"""How a question looks to the person who answers it: in a record, in a plan, in progress, in a list."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from chalicelib.cli.progress import Progress
from chalicelib.cli.show import show_record
from chalicelib.cli.show_plan import show_preview
from chalicelib.cli.show_question import show_questions
from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Question
from chalicelib.domain.question import OpenQuestion
from chalicelib.domain.run import RunState, StepState
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.preview import StepPreview, summed
from tests.fakes import START, toy_runbook
from tests.unit.cli.test_show import record_of, step_of

ASKED = OpenQuestion(
    run_id="us-east-1_toy_1",
    runbook="toy",
    step="snapshots",
    uses="ebs.x",
    number=1,
    reason="evidence points [both] ways",
    choices=("use1-az1", "use1-az2"),
    may_lose_data=True,
    digest="0123456789abcdef",
    changes={"delete": 3},
    first=("vol-1", "vol-2"),
    asked_at=START,
    until=START + timedelta(hours=1),
)


def paper() -> tuple[Console, io.StringIO]:
    page = io.StringIO()
    return Console(file=page, width=160, highlight=False), page


def test_a_record_shows_what_is_asked_what_is_at_stake_and_how_to_answer() -> None:
    console, page = paper()
    step = step_of(StepState.WAITING).model_copy(update={"question": ASKED})
    show_record(record_of(RunState.RUNNING, step, ended=False), console)
    said = page.getvalue()
    assert "snapshots waits for a person: evidence points [both] ways" in said
    assert "A yes may lose data." in said
    assert "3 changes (3 delete): vol-1, vol-2 and 1 more" in said
    assert "Choices: use1-az1, use1-az2" in said
    assert "lifeboat approve us-east-1_toy_1 snapshots --digest 0123456789abcdef --choice use1-az1" in said
    assert "lifeboat decline us-east-1_toy_1 snapshots" in said


def test_a_record_shows_what_was_answered() -> None:
    console, page = paper()
    answer = Answer(yes=True, by="ana", at=START, reason="[agreed]")
    step = step_of(StepState.SUCCEEDED).model_copy(update={"answer": answer})
    show_record(record_of(RunState.SUCCEEDED, step), console)
    assert "snapshots was approved by ana at 2031-01-06 03:00:00 UTC: [agreed]." in page.getvalue()


@pytest.mark.parametrize(
    ("ask", "in_advance", "words"),
    [
        (Question(reason="it deletes", may_lose_data=True), "", "asks a person first: it deletes A yes may lose data."),
        (Question(reason="where to", choices=("a", "b")), "", "asks a person first: where to Choices: a, b."),
        (Question(reason="it deletes"), "drilled", "approved in advance: drilled; else it would ask: it deletes"),
    ],
)
def test_a_plan_shows_what_would_be_asked(ask: Question, in_advance: str, words: str) -> None:
    console, page = paper()
    step = StepPreview(id="s", phase="steps", uses="ebs.x", group=0, status="planned", ask=ask, in_advance=in_advance)
    found = summed(Runbook.model_validate(toy_runbook()), {}, "us-east-1", [step], START, {})
    show_preview(found, console)
    assert words in page.getvalue()


@pytest.mark.parametrize(("choices", "words"), [([], "it deletes\n"), (["a", "b"], "it deletes (choose: a, b)\n")])
def test_progress_says_that_it_waits_and_for_what(choices: list[str], words: str) -> None:
    console, page = paper()
    told = {"run_id": "r", "step": "s", "why": "it deletes", "choices": choices, "digest": "d1"}
    Progress(console, live=False).note("asked", **told)
    assert f"s waits for a person: {words}" in page.getvalue()
    assert "lifeboat approve r s --digest d1, or decline" in page.getvalue()


def test_a_list_says_which_run_and_until_when(capsys: pytest.CaptureFixture[str]) -> None:
    show_questions([ASKED.model_dump(mode="json")])
    said = capsys.readouterr().out
    assert "us-east-1_toy_1" in said
    assert "snapshots" in said
    show_questions([])
    assert "Nothing waits for a person." in capsys.readouterr().out
