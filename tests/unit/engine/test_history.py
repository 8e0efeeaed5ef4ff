"""Runs as people look at them: every change once, in the order of the plan, from any place on."""

from __future__ import annotations

from chalicelib.domain.change import EffectState
from chalicelib.engine.history import changes, record
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import Bench

START = (0, 0, -1)
STREAMED = {"id": "copies", "uses": "toy.make_things", "with": {"things": "${{ steps.things.things }}"}}


def test_every_change_comes_once_in_order_and_from_any_place_on(bench: Bench) -> None:
    bench.world.fails = {"b"}
    run = bench.run(steps=[toy_runbook()["steps"][0], STREAMED])
    every = list(changes(bench.services.ledger, run, START))
    names = [(made.step, made.change.key) for made in every]
    assert names == [
        *(("things", name) for name in "abc"),
        *(("copies", f"copy-of-{name}") for name in "abc"),
    ]
    assert {made.change.key for made in every if made.effect.state is EffectState.FAILED} == {"b", "copy-of-b"}
    for at, made in enumerate(every):
        assert list(changes(bench.services.ledger, run, made.place)) == every[at + 1 :]


def test_the_record_of_a_run_is_made_of_the_ledger_alone(bench: Bench) -> None:
    run = bench.run()
    found = record(bench.services.ledger, run, bench.clock.now())
    assert (found.run_id, found.state, found.steps[0].id) == (run.run_id, run.state, "things")
