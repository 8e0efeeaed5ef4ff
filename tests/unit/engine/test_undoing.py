"""A run that takes back what it did: by its runbook when a step fails, or by order later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.base import Action, Review, Undo
from chalicelib.domain.change import ChangeKind, Obligation
from chalicelib.domain.run import Run, RunState, StepState, Stop
from chalicelib.engine.history import changes, record
from chalicelib.engine.local import drive, here, hold
from chalicelib.errors import ActionError, ErrorKind, RefusedError
from tests.fakes import START, unmaking
from tests.unit.engine.conftest import Bench

MAKE = "toy.make_things"
DENIED = ActionError("aws.denied", "you may not")


def step(name: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": MAKE, "with": {"names": list(names)}, **more}


BAD = step("bad", "x", on_failure="undo")
TWO = [step("first", "a", "b"), step("second", "c"), BAD]


@pytest.fixture(name="failing")
def _failing(bench: Bench) -> Bench:
    bench.world.fails = {"x"}
    return bench


def undo(bench: Bench, run: Run, reason: str = "the zone is back") -> Run:
    fresh = bench.services.ledger.load(run.run_id)
    assert fresh
    taken = bench.services.starter.undo(fresh, by="ana", reason=reason, holder=here())
    return drive(bench.services.engine, taken)


def states(bench: Bench, run: Run) -> dict[str, str]:
    return {name: row.state.value for name, row in bench.rows(run).items() if row.phase == "undo"}


def test_a_failed_step_takes_back_what_the_steps_did_the_last_first(failing: Bench) -> None:
    run = failing.run(steps=TWO, on_failure=[step("tell", "t")], always=[step("end", "e")])
    assert run.state is RunState.FAILED
    assert failing.world.unmade == ["x", "c", "b", "a"]
    assert sorted(failing.world.names()) == ["e", "t"]
    assert states(failing, run) == dict.fromkeys(["undo-bad", "undo-second", "undo-first"], "succeeded")
    assert "taken back" in run.message
    found = record(failing.services.ledger, run, failing.clock.now())
    phases = [(one.id, one.phase) for one in found.steps]
    assert phases == [
        *(("first", "steps"), ("second", "steps"), ("bad", "steps"), ("verify-1", "verify")),
        *(("undo-bad", "undo"), ("undo-second", "undo"), ("undo-first", "undo")),
        *(("tell", "on_failure"), ("end", "always")),
    ]
    made = [(one.step, one.change.key) for one in changes(failing.services.ledger, run, (0, 0, -1))]
    assert made[-2:] == [("undo-first", "unmake-b"), ("undo-first", "unmake-a")]


def test_a_step_that_only_stops_takes_nothing_back(failing: Bench) -> None:
    run = failing.run(steps=[step("first", "a"), step("bad", "x")])
    assert (failing.world.unmade, states(failing, run)) == ([], {})


def test_a_check_that_fails_may_take_back_too(bench: Bench) -> None:
    check = {"uses": "check.things", "with": {"names": ["z"]}, "on_failure": "undo"}
    run = bench.run(steps=[step("first", "a")], verify=[check])
    assert run.state is RunState.FAILED
    assert bench.world.unmade == ["a"]


def test_what_cannot_be_taken_back_is_named_and_the_rest_is_taken_back(failing: Bench) -> None:
    failing.world.lasting = {"b"}
    run = failing.run(steps=TWO)
    row = failing.rows(run)["undo-first"]
    assert (row.state, row.counts.done, row.counts.failed) == (StepState.PARTIAL, 1, 1)
    assert [(one.resource, one.code, one.message) for one in row.failures] == [("b", "undo.cannot", "b lasts for ever")]
    assert failing.world.unmade == ["x", "c", "a"]
    assert "not all of what was done could be taken back" in run.message


def test_what_was_built_on_something_is_taken_back_before_it(bench: Bench) -> None:
    bench.world.fails = {"x"}
    make: Any = bench.services.actions[MAKE]
    really = make._change
    make._change = lambda name, ctx, after=None: really(name, ctx, "first/z" if name == "a" else after)
    bench.run(steps=[step("first", "z", "a"), BAD])
    assert bench.world.unmade == ["x", "a", "z"], "a was made of z, and made last"


def test_what_was_built_on_something_that_stays_keeps_it(bench: Bench) -> None:
    bench.world.fails = {"x"}
    make: Any = bench.services.actions[MAKE]
    really = make._change
    make._change = lambda name, ctx, after=None: really(name, ctx, "first/a" if name == "b" else after)
    bench.world.refuse["unmake-b"] = [DENIED]
    run = bench.run(steps=[step("first", "a", "b"), BAD])
    assert bench.world.unmade == ["x"]
    codes = {one.resource: one.code for one in bench.rows(run)["undo-first"].failures}
    assert codes == {"id-b": "aws.denied", "id-a": "action.source_failed"}


def test_what_is_gone_already_counts_as_taken_back_and_lets_the_rest_go_on(bench: Bench) -> None:
    bench.world.fails = {"x"}
    make: Any = bench.services.actions[MAKE]
    really = make._change
    make._change = lambda name, ctx, after=None: really(name, ctx, "first/a" if name == "b" else after)
    bench.world.reviews["unmake-b"] = Review("moot", "b is gone")
    run = bench.run(steps=[step("first", "a", "b"), BAD])
    assert states(bench, run)["undo-first"] == "succeeded"
    assert bench.world.unmade == ["x", "a"]


def test_inverse_changes_of_one_effect_come_one_after_the_other(failing: Bench) -> None:
    make: Any = failing.services.actions[MAKE]
    failing.world.made["other"] = ("other", START)

    def undo_in_two(change: Any, _effect: Any, ctx: Any) -> Undo:
        first = unmaking(f"z-{change.key}", ctx.effect_id(change.key))
        return Undo(by="toy.unmake_things", changes=(first, unmaking(f"a-{change.key}", "other")))

    make.undo = undo_in_two
    failing.world.lose = {"unmake-z-x"}
    failing.run(steps=[BAD])
    assert failing.world.unmade == ["z-x", "a-x"]


def test_an_action_that_is_no_longer_there_is_named(failing: Bench) -> None:
    make: Any = failing.services.actions[MAKE]
    make.undo = lambda *_: Undo(by="toy.gone", changes=(unmaking("x", "y"),))
    run = failing.run(steps=[BAD])
    row = failing.rows(run)["undo-bad"]
    assert (row.state, row.code) == (StepState.FAILED, "undo.no_action")


def test_an_ended_run_is_taken_back_by_order_once(bench: Bench) -> None:
    run = bench.run(always=[step("end", "e")])
    assert run.state is RunState.SUCCEEDED
    undone = undo(bench, run)
    assert (undone.state, undone.message, undone.round) == (RunState.UNDONE, "the zone is back", 2)
    assert undone.undo
    assert (undone.undo.by, undone.undo.ordered) == ("ana", True)
    assert sorted(bench.world.unmade) == ["a", "b", "c"]
    assert bench.world.names() == ["e", "e"], "`always:` comes at the end of this round too"
    assert bench.rows(run)["verify-1"].state is StepState.SUCCEEDED, "what was verified then is still told"
    again = undo(bench, run)
    assert (again.round, again.generation) == (undone.round, undone.generation)
    assert len(bench.world.unmade) == 3


def test_its_rows_do_not_expire_while_it_is_taken_back_and_do_again_afterwards(bench: Bench) -> None:
    run = bench.run()
    table = bench.services.ledger.table
    first = {row["expires_at"] for row in table.query(f"RUN#{run.run_id}")}
    bench.clock.sleep(86400)
    fresh = bench.services.ledger.load(run.run_id)
    assert fresh
    bench.services.starter.undo(fresh, by="ana", reason="r", holder="somebody")
    assert {row.get("expires_at") for row in table.query(f"RUN#{run.run_id}")} == {None}
    bench.services.ledger.release(run.run_id, "test")
    taken = bench.services.ledger.load(run.run_id)
    assert taken
    drive(bench.services.engine, hold(taken, bench.services.starter, new=False))
    assert min(row["expires_at"] for row in table.query(f"RUN#{run.run_id}")) > max(first)


def test_what_could_not_be_taken_back_is_tried_again_by_another_order(bench: Bench) -> None:
    bench.world.refuse["unmake-b"] = [DENIED]
    run = bench.run()
    failed = undo(bench, run)
    assert (failed.state, failed.code) == (RunState.FAILED, "run.undo_incomplete")
    assert sorted(bench.world.unmade) == ["a", "c"]
    undone = undo(bench, run)
    assert undone.state is RunState.UNDONE
    assert sorted(bench.world.unmade) == ["a", "b", "c"]
    assert bench.rows(run)["undo-things"].failures == ()


def test_a_second_try_that_is_killed_after_its_effect_finds_it(bench: Bench) -> None:
    bench.world.refuse["unmake-b"] = [DENIED]
    run = undo(bench, bench.run())
    unmake: Any = bench.services.actions["toy.unmake_things"]
    really = unmake.apply

    def dies(*args: Any) -> Any:
        really(*args)
        raise KeyboardInterrupt

    unmake.apply = dies
    with pytest.raises(KeyboardInterrupt):
        undo(bench, run)
    other = bench.again()
    left = other.services.ledger.load(run.run_id)
    assert left
    ended = drive(other.services.engine, hold(left, other.services.starter, new=False))
    assert ended.state is RunState.UNDONE
    assert sorted(bench.world.unmade) == ["a", "b", "c"]


def test_a_running_run_is_not_undone_and_an_order_twice_is_one(bench: Bench) -> None:
    run = bench.start()
    with pytest.raises(RefusedError) as caught:
        bench.services.starter.undo(run, by="ana", reason="r", holder="h")
    assert caught.value.code == "undo.running"
    ended = drive(bench.services.engine, hold(run, bench.services.starter, new=True))
    first = bench.services.starter.undo(ended, by="ana", reason="r", holder="h")
    assert bench.services.starter.undo(first, by="ben", reason="s", holder="i") == first


def test_nothing_is_taken_back_of_a_run_that_was_refused_or_beside_another_of_its_runbook(bench: Bench) -> None:
    run = bench.run()
    refused = run.model_copy(update={"state": RunState.REFUSED})
    with pytest.raises(RefusedError, match="did nothing"):
        bench.services.starter.undo(refused, by="ana", reason="r", holder="h")
    other = bench.start("other")
    with pytest.raises(RefusedError, match=other.run_id):
        bench.services.starter.undo(run, by="ana", reason="r", holder="h")


def test_a_stop_ends_the_taking_back_and_it_can_be_continued(bench: Bench) -> None:
    run = bench.run()
    unmake: Any = bench.services.actions["toy.unmake_things"]
    really = unmake.apply

    def stopping(*args: Any) -> Any:
        bench.services.ledger.ask_stop(run.run_id, Stop(at=bench.clock.now(), by="ana", reason="wait"))
        bench.clock.sleep(31)  # the send window is over: the rest needs an intent of its own
        return really(*args)

    unmake.apply = stopping
    stopped = undo(bench, run)
    assert (stopped.state, bench.world.unmade) == (RunState.STOPPED, ["c"])
    unmake.apply = really
    ended = drive(bench.services.engine, hold(stopped, bench.services.starter, new=False))
    assert ended.state is RunState.UNDONE
    assert bench.world.unmade == ["c", "b", "a"]


def test_a_stopped_run_that_is_undone_makes_nothing_more(bench: Bench) -> None:
    run = hold(bench.start(steps=[step("first", "a"), step("second", "b")]), bench.services.starter, new=True)
    bench.services.engine.advance(run.run_id, run.generation)
    bench.services.ledger.ask_stop(run.run_id, Stop(at=bench.clock.now(), by="ana", reason="enough"))
    stopped = drive(bench.services.engine, run)
    assert stopped.state is RunState.STOPPED
    assert undo(bench, run).state is RunState.UNDONE
    assert (bench.world.applied, bench.world.unmade) == (["a"], ["a"])


def test_a_cause_does_not_join_a_run_that_is_being_or_was_undone(bench: Bench) -> None:
    guard = {"regions": ["us-east-1"], "cooldown": "1h"}
    run = bench.start(kind="alarm", guard=guard)
    ended = drive(bench.services.engine, hold(run, bench.services.starter, new=True))
    undo(bench, ended)
    assert bench.start("k2", kind="alarm", guard=guard).run_id != run.run_id


def owing(bench: Bench, name: str, **more: Any) -> Obligation:
    made = Obligation(name=f"look.{name}", why="w", uses="toy.unmake_things", change=unmaking("old", "old"), **more)
    bench.world.owes[name] = (made,)
    bench.world.made["old"] = ("old", START)
    return made


def test_what_was_owed_about_what_is_taken_back_is_void(bench: Bench) -> None:
    owing(bench, "a", due=START + timedelta(days=1))
    owing(bench, "b", due=START + timedelta(days=1))
    bench.world.lasting = {"b"}
    run = bench.run()
    assert set(bench.services.ledger.owed(run.run_id)) == {"look.a", "look.b"}
    undo(bench, run)
    assert set(bench.services.ledger.owed(run.run_id)) == {"look.b"}


def test_what_is_owed_is_not_done_while_it_is_taken_back_nor_is_it_taken_back_while_that_is_in_hand(
    bench: Bench,
) -> None:
    owing(bench, "a")
    bench.world.fails = {"x"}
    unmake: Any = bench.services.actions["toy.unmake_things"]
    really, seen, after = unmake.apply, list[tuple[str, str]](), list[float]()

    def sweeping(*args: Any) -> Any:
        seen.extend((one.outcome, one.said) for one in bench.services.engine.debts.sweep())
        after.append((bench.clock.now() - began).total_seconds())
        return really(*args)

    unmake.apply = sweeping
    began = START + timedelta(seconds=120)
    run = bench.run(steps=[step("first", "a"), BAD])
    assert ("left", "the run takes back what it did") in seen
    assert "old" not in bench.world.unmade
    assert after[0] >= bench.services.settings.pace.fence_s
    assert bench.services.ledger.owed(run.run_id) == {}


def test_what_was_left_behind_when_its_time_was_up_is_taken_back_too(bench: Bench) -> None:
    bench.world.takes_s = 7200
    run = bench.run(steps=[step("slow", "a", within="10m")])
    assert list(bench.services.ledger.owed(run.run_id)) == ["slow.a"]
    undo(bench, run)
    assert bench.world.unmade == ["a"]
    assert bench.services.ledger.owed(run.run_id) == {}


@pytest.mark.parametrize("at", range(1, 7))
def test_killed_anywhere_it_is_taken_back_once(failing: Bench, at: int) -> None:
    """Die before and after each effect of the taking back; another process goes on."""
    unmake: Any = failing.services.actions["toy.unmake_things"]
    really, calls = unmake.apply, []

    def dies(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == (at + 1) // 2 and at % 2:
            raise KeyboardInterrupt
        effect = really(*args)
        if len(calls) == at // 2 and not at % 2:
            raise KeyboardInterrupt
        return effect

    unmake.apply = dies
    run = failing.start(steps=TWO)
    with pytest.raises(KeyboardInterrupt):
        drive(failing.services.engine, hold(run, failing.services.starter, new=True))
    other = failing.again()
    left = other.services.ledger.load(run.run_id)
    assert left
    ended = drive(other.services.engine, hold(left, other.services.starter, new=False))
    assert ended.state is RunState.FAILED
    assert failing.world.unmade == ["x", "c", "b", "a"]


def test_an_action_that_has_no_inverse_says_so(bench: Bench) -> None:
    make: Any = bench.services.actions[MAKE]
    change = unmaking("a", "b").model_copy(update={"kind": ChangeKind.CREATE})
    assert "cannot be taken back" in Action.undo(make, change, None, None).cannot  # type: ignore[arg-type]


def test_throttled_it_is_tried_again(failing: Bench) -> None:
    failing.world.refuse["unmake-c"] = [ActionError("aws.throttled", "slow down", ErrorKind.THROTTLED)]
    failing.run(steps=TWO)
    assert failing.world.unmade == ["x", "c", "b", "a"]
