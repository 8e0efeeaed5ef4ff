"""Killed before and after each call of the ledger around questions and answers: asked, answered and done once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.bootstrap import Services, build
from chalicelib.domain.change import Question
from chalicelib.domain.run import Run, RunState
from chalicelib.engine.answering import newest, take
from chalicelib.engine.local import hold
from tests.fakes import toy_actions
from tests.unit.engine.conftest import Bench, make_bench
from tests.unit.engine.test_asking import THINGS

MOST = 200  # calls that one run makes at most; more means that it does not end


class Killed(BaseException):
    """The process is no more."""


class Doom:
    """Kills at the n-th call to DynamoDB, before it is sent or after its answer came."""

    def __init__(self, when: str, number: int) -> None:
        self.when, self.left = when, number

    def attach(self, session: Any) -> None:
        session.register(f"{self.when}-call.dynamodb", self._count)

    def _count(self, **_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def services(bench: Bench, doom: Doom | None) -> Services:
    settings, actions = bench.services.settings, toy_actions(bench.world)
    return build(settings, clock=bench.clock, actions=actions, prepare=doom.attach if doom else None)


def lived(bench: Bench, joined: Services, key: str) -> Run:
    """Do what is left of a run: start it, drive it, answer what it asks. Its plan grows with the first yes."""
    on = Bench(joined, bench.world, bench.clock)
    run = on.start(key, steps=[THINGS], verify=[])
    run = hold(run.model_copy(update={"beat_until": None}), joined.starter, new=False)
    for _ in range(MOST):
        tick = joined.engine.advance(run.run_id, run.generation)
        found = joined.ledger.load(run.run_id)
        assert found is not None
        if tick.ended:
            return found
        asked = newest(joined.ledger, found, "things")
        if asked and asked.waits(found):
            bench.world.more = ["d"]
            words = SimpleNamespace(digest=asked.digest, choice="", reason="")
            take(joined.ledger, found, "things", words, yes=True, by="ana", now=bench.clock.now())
        bench.clock.sleep(tick.wait_s)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call_a_question_is_asked_once_and_what_was_approved_is_done_once(when: str) -> None:
    with mock_aws():
        bench = make_bench()
        bench.world.ask = Question(reason="unusual")
        for number in range(1, MOST):
            bench.world.more, key = [], f"{when}-{number}"
            try:
                run = lived(bench, services(bench, Doom(when, number)), key)
            except Killed:
                run = lived(bench, services(bench, None), key)
                killed = True
            else:
                killed = False
            _proves(bench, run)
            if not killed:
                break
        assert 20 < number < MOST - 1


def _proves(bench: Bench, run: Run) -> None:
    asked = bench.services.ledger.questions(run.run_id)
    assert (run.state, run.asked) == (RunState.SUCCEEDED, {"things": 2})
    assert [(one.number, one.kinds, bool(one.answer)) for one in asked] == [
        (1, {"create": 3}, True),
        (2, {"create": 4}, True),
    ]
    made = [name for name, at in bench.world.made.values() if at >= run.started_at]
    assert sorted(made) == ["a", "b", "c", "d"]
    assert list(bench.services.ledger.asked_before(None)) == []
