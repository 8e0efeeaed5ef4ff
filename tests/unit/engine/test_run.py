"""Runs through the local loop: what a run comes to."""

from __future__ import annotations

from chalicelib.domain.run import RunState, StepState
from tests.unit.engine.conftest import Bench


def test_a_run_makes_each_thing_once_and_ends_succeeded(bench: Bench) -> None:
    run = bench.run()
    assert run.state is RunState.SUCCEEDED
    assert sorted(bench.world.names()) == ["a", "b", "c"]
    assert {row.state for row in bench.rows(run).values()} == {StepState.SUCCEEDED}
