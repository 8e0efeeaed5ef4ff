"""What runs owe: written down before the effect counts, done as soon as it can be, once, and told of when it cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.change import EffectState, Obligation
from chalicelib.domain.notice import Notice
from chalicelib.domain.owing import Owed
from chalicelib.domain.run import Pause, Run, RunState
from chalicelib.engine.intake import SWEEP, WATCHDOG, on_schedule
from chalicelib.engine.local import drive, here
from chalicelib.engine.telling import Teller
from chalicelib.errors import ActionError, ErrorKind
from tests.fakes import START, unmaking
from tests.unit.engine.conftest import Bench

LATER = timedelta(minutes=5)


class Told:
    """Somebody who wants to be told, and hears everything."""

    channels = ("people",)

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def tell(self, notice: Notice, channel: str) -> None:
        self.notices.append(notice)


@pytest.fixture(name="told")
def _told(bench: Bench) -> Told:
    told, engine = Told(), bench.services.engine
    engine.teller = Teller(engine.ledger, told, engine.journal)
    return told


def owing(bench: Bench, name: str = "a", made_as: str = "", **more: Any) -> Obligation:
    """Let making a thing leave something to be done: to unmake what an earlier run made."""
    each = Obligation(
        name=f"unmake.{name}",
        why=f"Take {name} back.",
        uses="toy.unmake_things",
        change=unmaking(name, made_as),
        **more,
    )
    bench.world.owes[name] = (each,)
    return each


@pytest.fixture(name="made_as")
def _made_as(bench: Bench) -> str:
    """A thing that an earlier run made, and which is to go."""
    bench.world.made["old"] = ("a", START)
    return "old"


def sweep(bench: Bench) -> list[str]:
    bench.clock.sleep(LATER.total_seconds())
    settled: list[str] = on_schedule(SWEEP, bench.services)["settled"]
    return settled


def owed(bench: Bench, run: Run) -> dict[str, Owed]:
    return bench.services.ledger.owed(run.run_id)


def test_what_an_effect_owes_is_written_down_and_done_by_the_next_sweep(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    run = bench.run()
    assert run.state is RunState.SUCCEEDED
    assert list(owed(bench, run)) == ["unmake.a"]
    assert sweep(bench) == [f"{run.run_id} unmake.a"]
    assert bench.world.unmade == ["a"]
    assert owed(bench, run) == {}
    assert sweep(bench) == []


def test_an_obligation_is_written_before_its_effect_counts(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    ledger: Any = bench.services.ledger
    really, seen = ledger.record, []

    def record(run_id: str, *args: Any) -> None:
        seen.append(list(ledger.owed(run_id)))
        really(run_id, *args)

    ledger.record = record
    bench.run()
    assert seen[0] == ["unmake.a"]


def test_it_waits_for_its_time(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as, due=START + timedelta(hours=1))
    bench.run()
    assert sweep(bench) == []
    bench.clock.sleep(3600)
    assert len(sweep(bench)) == 1


def test_what_is_there_already_is_settled_without_another_effect(bench: Bench) -> None:
    owing(bench, made_as="never made")
    run = bench.run()
    assert sweep(bench) == [f"{run.run_id} unmake.a"]
    assert bench.world.unmade == []


def test_a_lost_answer_is_found_by_the_next_sweep_and_nothing_is_done_twice(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    bench.world.lose = {"unmake-a"}
    run = bench.run()
    assert sweep(bench) == []
    assert owed(bench, run)["unmake.a"].tries == 1
    assert sweep(bench) == [f"{run.run_id} unmake.a"]
    assert bench.world.unmade == ["a"]


def test_of_two_sweeps_one_does_it(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    run = bench.run()
    other, outcomes = bench.again(), []
    action: Any = bench.services.actions["toy.unmake_things"]
    really = action.apply

    def while_another_sweeps(*args: Any) -> Any:
        outcomes.extend(other.services.engine.debts.sweep())
        return really(*args)

    action.apply = while_another_sweeps
    assert [one.outcome for one in bench.services.engine.debts.sweep()] == ["settled"]
    assert [(one.outcome, one.said) for one in outcomes] == [("left", "another has it in hand")]
    assert bench.world.unmade == ["a"]
    assert owed(bench, run) == {}


def test_a_sweep_that_died_with_it_in_hand_is_followed_by_another(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    run = bench.run()
    now = bench.clock.now()
    assert bench.services.ledger.claim_owed(run.run_id, "unmake.a", now, now + timedelta(minutes=3))
    assert len(sweep(bench)) == 1


def test_what_cannot_be_done_is_tried_every_time_and_told_of_once(bench: Bench, told: Told, made_as: str) -> None:
    owing(bench, made_as=made_as)
    bench.world.refuse["unmake-a"] = [ActionError("aws.denied", "you may not")] * 5
    run = bench.run()
    told.notices.clear()
    for _ in range(5):
        assert sweep(bench) == []
    [notice] = told.notices
    assert "Take a back." in notice.lines
    assert "you may not" in notice.lines[1]
    assert owed(bench, run)["unmake.a"].tries == 5
    assert len(sweep(bench)) == 1


def test_what_does_not_answer_does_not_hold_up_the_rest(bench: Bench) -> None:
    silent = ActionError("aws.no_answer", "nothing heard", ErrorKind.IN_DOUBT)
    for name in "abc":
        bench.world.made[f"old-{name}"] = (name, START)
        bench.world.owes[name] = (owing(bench, name, f"old-{name}"),)
        bench.world.refuse[f"unmake-{name}"] = [silent]
    bench.run()
    bench.world.answer_s = 25
    assert [one.outcome for one in bench.services.engine.debts.sweep()] == ["in_vain", "in_vain"]
    assert len(sweep(bench)) == 2, "the one that was not tried came first, and did not answer either"
    assert len(sweep(bench)) == 1


def test_a_pause_holds_it_back(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    bench.run()
    bench.services.ledger.pause(Pause(runbook=None, at=bench.clock.now(), by="ana", reason="migration"))
    assert sweep(bench) == []
    bench.services.ledger.resume(None)
    assert len(sweep(bench)) == 1


def test_what_is_read_again_and_no_longer_needed_is_settled(bench: Bench, made_as: str) -> None:
    from chalicelib.actions.base import Review

    owing(bench, made_as=made_as)
    bench.world.reviews["unmake-a"] = Review(EffectState.MOOT.value, "somebody keeps it")
    run = bench.run()
    assert len(sweep(bench)) == 1
    assert (bench.world.unmade, owed(bench, run)) == ([], {})


def test_by_hand_one_is_tried_before_its_time(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as, due=START + timedelta(days=1))
    run = bench.run()
    assert bench.services.engine.debts.of_run(run.run_id) == []
    [tried] = bench.services.engine.debts.of_run(run.run_id, "unmake.a")
    assert tried.outcome == "settled"


def test_what_doing_it_leaves_to_be_done_is_owed_before_it_is_settled_and_void_with_it(
    bench: Bench, made_as: str
) -> None:
    owing(bench, made_as=made_as)
    unmake: Any = bench.services.actions["toy.unmake_things"]
    really = unmake.apply
    following = Obligation(name="unmake.a.next", why="Once more.", due=START + timedelta(days=9))

    def leaving(*args: Any) -> Any:
        return really(*args).model_copy(update={"owes": (following,)})

    unmake.apply = leaving
    run = bench.run()
    assert len(sweep(bench)) == 1
    assert list(owed(bench, run)) == ["unmake.a.next"]
    unmake.apply = really
    fresh = bench.services.ledger.load(run.run_id)
    assert fresh
    drive(bench.services.engine, bench.services.starter.undo(fresh, by="ana", reason="r", holder=here()))
    assert owed(bench, run) == {}


def test_what_only_people_can_do_is_left_to_them(bench: Bench) -> None:
    bench.world.owes["a"] = (Obligation(name="look", why="Look at it."),)
    run = bench.run()
    assert sweep(bench) == []
    assert bench.services.engine.debts.of_run(run.run_id, "look")[0].outcome == "left"
    assert list(owed(bench, run)) == ["look"]


def test_what_is_late_is_a_breach_until_it_is_done(bench: Bench, told: Told, made_as: str) -> None:
    owing(bench, made_as=made_as)
    bench.world.refuse["unmake-a"] = [ActionError("aws.denied", "you may not")]
    run = bench.run()
    bench.services.engine.debts.sweep()
    bench.clock.sleep(1200)
    assert _breaches(bench) == [f"owes.{run.run_id}.unmake.a"]
    [breach] = [one for one in told.notices if one.kind.value == "breach" and one.facts["breach"] in _breaches(bench)]
    assert "you may not" in breach.lines[0]
    sweep(bench)
    assert _breaches(bench) == []


def _breaches(bench: Bench) -> list[str]:
    names: list[str] = on_schedule(WATCHDOG, bench.services)["breaches"]
    return [name for name in names if name.startswith("owes")]


def test_an_obligation_of_an_earlier_version_is_still_shown(bench: Bench) -> None:
    run = bench.run()
    row = {"pk": f"RUN#{run.run_id}", "sk": "OWES#things.a", "settled": False}
    bench.services.ledger.table.put({**row, "body": '{"left_behind": "snap-1", "at": "2031-01-06T03:00:00+00:00"}'})
    bench.services.ledger.table.put({**row, "sk": "OWES#odd", "body": "{}"})
    found = owed(bench, run)
    assert (found["things.a"].why, found["things.a"].since) == ("snap-1 was left behind in AWS.", START)
    assert found["odd"].why == "odd was left behind in AWS."


def test_an_index_row_without_an_open_obligation_goes(bench: Bench, made_as: str) -> None:
    each = owing(bench, made_as=made_as)
    run = bench.run()
    sweep(bench)
    bench.services.ledger.owe(run.run_id, each, START)  # what a process does that was killed before and comes back
    assert list(bench.services.ledger.owing()) == []
    assert list(bench.services.ledger.table.query("OWING#us-east-1")) == []


def test_what_another_run_has_leased_waits_for_it(bench: Bench, made_as: str) -> None:
    owing(bench, made_as=made_as)
    bench.run()
    action: Any = bench.services.actions["toy.unmake_things"]
    action.lease = "toy"
    other = bench.start("other")
    bench.services.ledger.lease("toy", "id-a", other.run_id)
    [tried] = bench.services.engine.debts.sweep()
    assert "leased by run" in tried.said
    bench.services.ledger.release(other.run_id, "done")
    assert len(sweep(bench)) == 1
