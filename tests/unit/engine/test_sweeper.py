"""What becomes of runs whose driver died."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.domain.run import Run, RunState
from chalicelib.engine.sweeper import sweep
from chalicelib.errors import ActionError
from tests.unit.engine.durable_lab import Lab, refused

GRACE_S = 300


@pytest.fixture(name="lab")
def _lab() -> Iterator[Lab]:
    with mock_aws():
        lab = Lab(grace_s=GRACE_S)
        lab.open()
        yield lab


def silent(lab: Lab) -> Run:
    """Return a run whose first execution was started and never heard of again, just before it is given up."""
    run = lab.start()
    lab.services.launcher.start(run.run_id, 1)
    lab.clock.sleep(2 * GRACE_S)  # until then it was believed, and the grace time after it
    return run


def test_a_run_whose_execution_died_goes_on_in_the_next_generation_until_it_ends(lab: Lab) -> None:
    run = silent(lab)
    lab.clock.sleep(2)
    assert sweep(lab.services) == {"outcome": "swept", "restarted": [run.run_id], "left": [], "settled": []}
    assert list(lab.functions.executions)[1:] == [f"{run.run_id}_2"]
    tick = lab.services.engine.advance(run.run_id, 2)
    while not tick.ended:
        lab.clock.sleep(tick.wait_s)
        tick = lab.services.engine.advance(run.run_id, 2)
    assert lab.run_row(run).state is RunState.SUCCEEDED
    assert sorted(lab.world.applied) == ["a", "b", "c"]


def test_a_driver_is_believed_for_the_grace_time(lab: Lab) -> None:
    silent(lab)
    assert sweep(lab.services)["restarted"] == []


def test_a_successor_sends_nothing_before_what_its_predecessor_sent_has_ended(lab: Lab) -> None:
    run = silent(lab)
    lab.clock.sleep(2)
    sweep(lab.services)
    lab.services.engine.advance(run.run_id, 2)
    assert lab.world.applied == []


def test_two_sweeps_start_one_successor(lab: Lab) -> None:
    run = silent(lab)
    lab.clock.sleep(2)
    assert sweep(lab.services)["restarted"] == [run.run_id]
    assert sweep(lab.fresh())["restarted"] == []


def test_a_run_that_somebody_takes_over_during_the_sweep_is_theirs(lab: Lab) -> None:
    run = silent(lab)
    lab.clock.sleep(2)
    lab.services.engine.ledger = Outpaced(lab)
    assert sweep(lab.services)["restarted"] == []
    assert lab.run_row(run).holder == "local:laptop:boot:1"
    assert list(lab.functions.executions) == [f"{run.run_id}_1"]


class Outpaced:
    """A ledger in which a person takes each run over right after it was listed."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lab.services.ledger, name)

    def list_runs(self, **asked: Any) -> list[Run]:
        found = self._lab.services.ledger.list_runs(**asked)
        for run in found:
            self._lab.services.starter.take_over(run, holder="local:laptop:boot:1")
        return found


def test_a_run_that_was_released_is_taken_over_at_once(lab: Lab) -> None:
    run = lab.start()
    lab.services.ledger.release(run.run_id, "stuck")
    assert sweep(lab.services)["restarted"] == [run.run_id]


def test_a_run_on_somebodys_machine_is_left_to_them_and_told_about(lab: Lab) -> None:
    run = lab.start()
    lab.services.starter.take_over(run, holder="local:laptop:boot:1")
    lab.clock.sleep(10 * GRACE_S)
    assert sweep(lab.services) == {"outcome": "swept", "restarted": [], "left": [run.run_id], "settled": []}
    assert lab.heard.said("runs left to people") == [{"run_ids": [run.run_id]}]


def test_a_successor_that_cannot_be_started_is_raised_after_the_others_were_and_started_later(lab: Lab) -> None:
    first, second = lab.start("k1"), lab.start("k2")
    lab.clock.sleep(2 * GRACE_S + 2)
    lab.functions.refusals = [refused()]
    with pytest.raises(ActionError):
        sweep(lab.services)
    assert len(lab.functions.executions) == 1
    lab.clock.sleep(3 * GRACE_S)
    assert sorted(sweep(lab.services)["restarted"]) == sorted([first.run_id, second.run_id])


def test_a_run_that_has_ended_is_not_touched(lab: Lab) -> None:
    run = lab.start()
    row = lab.run_row(run)
    lab.services.ledger.finish(row.model_copy(update={"state": RunState.FAILED, "ended_at": lab.clock.now()}))
    lab.clock.sleep(10 * GRACE_S)
    assert sweep(lab.services)["restarted"] == []
