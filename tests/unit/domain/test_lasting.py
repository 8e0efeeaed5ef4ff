"""Covers what has to be proven before a run may do anything, and when it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.lasting import due_now, lasts, next_due, proofs_of
from chalicelib.domain.run import Run, RunCause, RunState
from chalicelib.domain.runbook import Runbook
from tests.fakes import toy_runbook

NOW = datetime(2031, 1, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHEN = [{"alarm": "az-*", "for": "5m"}, {"alarm": "sure"}, {"schedule": "rate(1 hour)"}]


def cause(trigger: int | None, minutes: int = 0, **about: Any) -> RunCause:
    at = NOW + minutes * MINUTE
    return RunCause(kind="alarm", key=f"k{minutes}", occurred_at=at, summary="x", trigger=trigger, about=about)


def run(first: RunCause, *joined: RunCause) -> Run:
    return Run(
        run_id="us-east-1_toy_1",
        key="k",
        runbook="toy",
        region="us-east-1",
        state=RunState.RUNNING,
        cause=first,
        joined=joined,
        started_at=NOW,
    )


BOOK = Runbook.model_validate(toy_runbook(when=WHEN))


def test_an_alarm_is_to_be_read_again_after_the_time_that_the_trigger_says() -> None:
    [proof] = proofs_of(run(cause(0, alarm="az-1", region="us-west-2")), BOOK)
    assert (proof.alarm, proof.state, proof.due) == (("us-west-2", "az-1"), "ALARM", NOW + 5 * MINUTE)
    assert due_now([proof], NOW) == []
    assert next_due([proof], NOW) == proof.due
    assert due_now([proof], proof.due) == [proof]
    assert next_due([proof], proof.due) is None


def test_a_cause_that_stands_for_itself_proves_the_others_too() -> None:
    waiting = cause(0, alarm="az-1")
    for sure in (cause(None), cause(1, alarm="sure"), cause(2), cause(9)):
        assert proofs_of(run(waiting, sure), BOOK) == proofs_of(run(sure, waiting), BOOK) == []


def test_one_alarm_of_several_that_lasts_is_enough() -> None:
    proofs = proofs_of(run(cause(0, alarm="az-1"), cause(0, 3, alarm="az-2")), BOOK)
    assert [p.alarm[1] for p in due_now(proofs, NOW + 6 * MINUTE)] == ["az-1"]
    assert next_due(proofs, NOW + 6 * MINUTE) == NOW + 8 * MINUTE
    assert lasts(proofs, {("us-east-1", "az-1"): "OK", ("us-east-1", "az-2"): "ALARM"})
    assert not lasts(proofs, {("us-east-1", "az-1"): "OK", ("us-west-2", "az-2"): "ALARM"})
    assert not lasts([], {("us-east-1", "az-1"): "ALARM"})
