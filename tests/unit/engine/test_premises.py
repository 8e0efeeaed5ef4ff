"""What is no longer needed, no longer true, or somebody else's is not touched."""

from __future__ import annotations

from moto import mock_aws

from chalicelib.actions.base import Review
from chalicelib.domain.run import RunState, StepState
from tests.fakes import toy_runbook
from tests.unit.engine.conftest import make_bench


def test_a_change_that_is_no_longer_needed_is_moot_and_never_sent() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        bench.world.reviews["b"] = Review(state="moot", message="b: a newer one is there")
        run = bench.run(verify=[])
        assert run.state is RunState.SUCCEEDED
        assert bench.rows(run)["things"].counts.moot == 1
        assert "b" not in bench.world.applied


def test_what_follows_something_needless_is_needless_itself_and_no_failure() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        bench.world.reviews["b"] = Review(state="moot", message="b: it is healthy again")
        things = toy_runbook()["steps"][0]
        copies = {"id": "copies", "uses": "toy.make_things", "with": {"things": "${{ steps.things.things }}"}}
        run = bench.run(verify=[], steps=[things, copies])
        row = bench.rows(run)["copies"]
        assert (run.state, row.counts.moot, row.failures) == (RunState.SUCCEEDED, 1, ())
        assert "copy-of-b" not in bench.world.applied


def test_a_change_whose_premise_is_gone_is_a_conflict_and_fails_by_name() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        bench.world.reviews["b"] = Review(state="conflict", message="b: it is healthy again")
        run = bench.run(verify=[])
        [failure] = bench.rows(run)["things"].failures
        assert (failure.resource, failure.message) == ("b", "b: it is healthy again")


def test_what_a_review_had_to_leave_out_is_told_and_the_rest_is_made() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=0)
        lost = [("vol-9", "action.resource_gone", "vol-9 is gone")]
        bench.world.reviews["b"] = Review(params={"name": "b-less"}, lost=lost)
        run = bench.run(verify=[])
        row = bench.rows(run)["things"]
        assert "b-less" in bench.world.names()
        assert [failure.resource for failure in row.failures] == ["vol-9"]
        assert (row.state, row.counts.done, row.counts.failed) == (StepState.PARTIAL, 3, 1)


def test_waiting_changes_are_read_again_now_and_then() -> None:
    with mock_aws():
        bench = make_bench(review_every_s=120, window=1)
        bench.world.reviews["c"] = Review(state="moot", message="c: a newer one is there")
        bench.world.takes_s = 300
        run = bench.run(verify=[])
        assert bench.rows(run)["things"].counts.moot == 1
        assert "c" not in bench.world.applied


def test_a_leased_resource_is_refused_with_the_name_of_the_run_that_has_it() -> None:
    with mock_aws():
        bench = make_bench(lease="restore")
        other = bench.start("other")
        bench.services.ledger.lease("restore", "b", other.run_id)
        run = bench.run("mine", verify=[])
        [failure] = bench.rows(run)["things"].failures
        assert other.run_id in failure.message
        assert failure.code == "run.leased"
        assert sorted(bench.world.names()) == ["a", "c"]


def test_a_lease_of_an_ended_run_is_free() -> None:
    with mock_aws():
        bench = make_bench(lease="restore")
        bench.run("first")
        second = bench.run("second")
        assert second.state is RunState.SUCCEEDED
