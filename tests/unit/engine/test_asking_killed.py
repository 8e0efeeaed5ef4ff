"""Killed before and after each call of the ledger around questions and answers: asked, answered and done once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.bootstrap import build
from chalicelib.domain.change import Question
from chalicelib.domain.run import Run, RunState
from chalicelib.engine.answering import newest, take
from chalicelib.engine.local import hold
from tests.fakes import toy_actions
from tests.unit.engine.conftest import Bench, make_bench
from tests.unit.engine.test_asking import THINGS

MOST = 300  # calls that one run makes at most; more means that it does not end
TICKS = 30
CALLS = 40  # that it surely makes
EVERY = 5  # the sweep kills at all of them


class Killed(BaseException):
    """The process is no more. Of an engine whose slice was cut short nothing is left but the ledger."""


class Doom:
    """Kills at the n-th call to DynamoDB, before it is sent or after its answer came; 0 = never."""

    def __init__(self, when: str) -> None:
        self.when, self.left = when, 0

    def attach(self, session: Any) -> None:
        session.register(f"{self.when}-call.dynamodb", self._count)

    def _count(self, **_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def lived(bench: Bench, key: str) -> Run:
    """Do what is left of a run: start it, drive it, answer what it asks. Its plan grows with the first yes."""
    ledger, engine, clock = bench.services.ledger, bench.services.engine, bench.clock
    run = bench.start(key, steps=[THINGS], verify=[])
    run = hold(run.model_copy(update={"beat_until": None}), bench.services.starter, new=False)
    for _ in range(TICKS):
        tick = engine.advance(run.run_id, run.generation)
        found = ledger.load(run.run_id)
        assert found is not None
        if tick.ended:
            return found
        asked = newest(ledger, found, "things")
        if asked and asked.waits(found):
            bench.world.more = ["d"]
            words = SimpleNamespace(digest=asked.digest, choice="", reason="")
            take(ledger, found, "things", words, yes=True, by="ana", now=clock.now())
        clock.sleep(tick.wait_s)
    raise AssertionError("it does not end")


@pytest.mark.parametrize(("when", "first"), [("before", 2), ("after", 4)])
def test_killed_at_any_call_a_question_is_asked_once_and_what_was_approved_is_done_once(when: str, first: int) -> None:
    assert killed_at(when, range(first, MOST, EVERY)) > CALLS


def killed_at(when: str, numbers: range) -> int:
    """Kill a run at each of these calls, and go on with it; returns the first number that it did not come to."""
    with mock_aws():
        bench, doom = make_bench(), Doom(when)
        bench.world.ask = Question(reason="unusual")
        settings, actions = bench.services.settings, toy_actions(bench.world)
        bench.services = build(settings, clock=bench.clock, actions=actions, prepare=doom.attach)
        for number in numbers:
            bench.world.more, key, doom.left = [], f"{when}-{number}", number
            try:
                run = lived(bench, key)
            except Killed:
                _proves(bench, lived(bench, key))
                continue
            doom.left = 0
            _proves(bench, run)
            return number
    raise AssertionError(f"it makes more than {MOST} calls")


def _proves(bench: Bench, run: Run) -> None:
    asked = bench.services.ledger.questions(run.run_id)
    assert (run.state, run.asked) == (RunState.SUCCEEDED, {"things": 2})
    assert [(one.kinds, bool(one.answer)) for one in asked] == [({"create": 3}, True), ({"create": 4}, True)]
    made = [name for name, at in bench.world.made.values() if at >= run.started_at]
    assert sorted(made) == ["a", "b", "c", "d"]
    assert list(bench.services.ledger.asked_before(None)) == []
