"""The ledger on DynamoDB: conditions that hold, lost answers that are safe, rows that expire when they may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from moto import mock_aws

from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation
from chalicelib.domain.owing import Owed
from chalicelib.domain.run import Intent, Run, RunCause, RunState, StepRow, StepState, Stop
from chalicelib.errors import InputError, RefusedError, StoreError, SupersededError
from chalicelib.settings import Settings
from chalicelib.stores.creation import create_table
from chalicelib.stores.ledger import DynamoLedger
from chalicelib.stores.rows import PAGE_BYTES, paged
from chalicelib.stores.table import Table
from tests.fakes import REGION, START

CAUSE = RunCause(kind="manual", key="k", occurred_at=START, summary="by hand")


def a_run(run_id: str = "r1", **values: object) -> Run:
    base = {"run_id": run_id, "key": "k", "runbook": "b", "region": REGION, "state": RunState.RUNNING, "cause": CAUSE}
    return Run.model_validate({**base, "started_at": START, "holder": "me", **values})


def change(key: str, **more: object) -> Change:
    base = {"key": key, "kind": ChangeKind.CREATE, "resource": key, "region": REGION, "reason": "test"}
    return Change.model_validate({**base, **more})


@pytest.fixture(name="ledger")
def _ledger() -> Iterator[DynamoLedger]:
    with mock_aws():
        aws = Aws(Settings(region=REGION, retry_mode="standard"))
        assert create_table(aws, REGION, "lifeboat", lambda _: None)
        assert not create_table(aws, REGION, "lifeboat", lambda _: None)
        yield DynamoLedger(Table(aws, REGION, "lifeboat"), REGION)


def test_a_run_comes_back_as_it_was_written(ledger: DynamoLedger) -> None:
    run = a_run(
        inputs={"zone": "a", "n": 3},
        intents={"s": [Intent(at=START, keys=("k",))]},
        opened={"s": START},
        beat_until=START,
        fence_until=START,
    )
    assert ledger.create(run, {"name": "b"}) == run
    assert ledger.load("r1") == run
    assert ledger.runbook("r1") == {"name": "b"}


def test_creating_a_run_twice_returns_the_first(ledger: DynamoLedger) -> None:
    first = ledger.create(a_run(holder="first"), {})
    assert ledger.create(a_run(holder="second"), {"other": 1}) == first


def test_a_run_whose_creation_was_cut_short_can_be_created_again(ledger: DynamoLedger) -> None:
    ledger.create(a_run(), {"name": "b"})
    ledger.table.delete("RUN#r1", "RUN")
    assert ledger.create(a_run(), {"name": "b"}) == a_run()


def test_saving_raises_the_tick_and_an_old_generation_cannot_save(ledger: DynamoLedger) -> None:
    run = ledger.save(ledger.create(a_run(), {}))
    assert run.tick == 1
    ledger.take(run, holder="other", beat_until=START, fence_until=None)
    for write in (ledger.save, ledger.finish, ledger.rest):
        with pytest.raises(SupersededError):
            write(run)
    with pytest.raises(SupersededError):
        ledger.intend(run, START)


def test_a_take_over_whose_answer_was_lost_is_still_ours(ledger: DynamoLedger) -> None:
    run = ledger.create(a_run(), {})
    first = ledger.take(run, holder="me", beat_until=START, fence_until=START)
    assert ledger.take(run, holder="me", beat_until=START, fence_until=START) == first
    assert first.generation == 2


def test_a_finish_whose_answer_was_lost_is_still_ours(ledger: DynamoLedger) -> None:
    run = ledger.create(a_run(), {}).model_copy(update={"state": RunState.SUCCEEDED, "ended_at": START})
    assert ledger.finish(run) == ledger.finish(run)


def test_an_intent_is_refused_once_a_stop_was_asked_for_that_it_does_not_know(ledger: DynamoLedger) -> None:
    run = ledger.create(a_run(), {})
    ledger.intend(run, START)
    stop = Stop(at=START, by="ana", reason="wrong")
    ledger.ask_stop("r1", stop)
    with pytest.raises(RefusedError) as caught:
        ledger.intend(run, START)
    assert caught.value.code == "run.stopping"
    ledger.intend(run.model_copy(update={"stop": stop}), START)


def test_stopping_a_run_that_is_not_there_is_said(ledger: DynamoLedger) -> None:
    with pytest.raises(InputError, match="nope"):
        ledger.ask_stop("nope", Stop(at=START, by="ana", reason="wrong"))


def test_a_plan_counts_only_with_its_step_row_and_the_first_commit_wins(ledger: DynamoLedger) -> None:
    row = StepRow(
        step_id="s", phase="steps", uses="x.y", state=StepState.RUNNING, started_at=START, pages=1, digest="1"
    )
    assert ledger.commit_plan("r1", row, [[change("a"), change("b")]]) == row
    later = row.model_copy(update={"digest": "2"})
    assert ledger.commit_plan("r1", later, [[change("c")]]) == row
    assert [c.key for c in ledger.page("r1", row, 0)] == ["a", "b"], (
        "the later plan did not overwrite the one that counts"
    )
    with pytest.raises(StoreError, match="Page 7"):
        ledger.page("r1", row, 7)


def test_pages_stay_small_enough_for_an_item() -> None:
    many = paged([change(f"k{n}") for n in range(450)])
    assert [len(page) for page in many] == [200, 200, 50]
    big = paged([change(f"k{n}", params={"text": "x" * (PAGE_BYTES // 2)}) for n in range(3)])
    assert [len(page) for page in big] == [1, 1, 1]
    assert paged([]) == []


def test_many_pages_are_written_whole(ledger: DynamoLedger) -> None:
    row = StepRow(step_id="s", phase="steps", uses="x.y", state=StepState.RUNNING, started_at=START, pages=60)
    ledger.commit_plan("r1", row, [[change(f"k{n}")] for n in range(60)])
    assert ledger.page("r1", row, 59)[0].key == "k59"


def test_effects_are_recorded_side_by_side(ledger: DynamoLedger) -> None:
    done = Effect(state=EffectState.DONE, id="snap-1", at=START, facts={"items": {"v": {"snapshot_id": "snap-1"}}})
    ledger.record("r1", "s", 0, {"a": done})
    ledger.record("r1", "s", 0, {"b": Effect(state=EffectState.FAILED, message="no")})
    assert ledger.effects("r1", "s", 0)["a"] == done
    assert set(ledger.effects("r1", "s", 0)) == {"a", "b"}
    assert ledger.effects("r1", "s", 1) == {}


def test_a_finished_run_expires_and_one_that_owes_something_does_not(ledger: DynamoLedger) -> None:
    for run_id in ("clean", "owing"):
        run = ledger.create(a_run(run_id), {})
        if run_id == "owing":
            ledger.owe(run_id, Obligation(name="shift", why="Cancel it."), START)
            ledger.owe(run_id, Obligation(name="shift", why="Again."), START)
        ledger.finish(run.model_copy(update={"state": RunState.SUCCEEDED, "ended_at": START}))
    until = int((START + timedelta(days=400)).timestamp())
    assert {row.get("expires_at") for row in ledger.table.query("RUN#clean")} == {until}
    assert {row.get("expires_at") for row in ledger.table.query("RUN#owing")} == {None}
    assert ledger.owed("owing") == {"shift": Owed(name="shift", why="Cancel it.", since=START)}
    ledger.settle("owing", "shift")
    assert ledger.owed("owing") == {}
    assert {row.get("expires_at") for row in ledger.table.query("RUN#owing")} == {until}


def test_a_lease_has_one_holder_until_its_run_ends(ledger: DynamoLedger) -> None:
    first, second = ledger.create(a_run("r1"), {}), ledger.create(a_run("r2"), {})
    assert ledger.lease("restore", "vol-1", "r1") == "r1"
    assert ledger.lease("restore", "vol-1", "r2") == "r1"
    assert ledger.lease("rotate", "vol-1", "r2") == "r2"
    ledger.finish(first.model_copy(update={"state": RunState.FAILED, "ended_at": START}))
    assert ledger.lease("restore", "vol-1", "r2") == "r2"
    assert second.run_id == "r2"


def test_releasing_breaks_leases_and_the_hold_and_keeps_the_reason(ledger: DynamoLedger) -> None:
    ledger.create(a_run("r1"), {})
    ledger.create(a_run("r2"), {})
    ledger.lease("restore", "vol-1", "r1")
    assert ledger.release("r1", "its host is gone") == ["restore#vol-1", "held by me"]
    freed = ledger.load("r1")
    assert freed is not None
    assert (freed.holder, freed.beat_until) == ("", None)
    assert ledger.lease("restore", "vol-1", "r2") == "r2"
    row = ledger.table.get("RUN#r1", "RUN")
    assert row is not None
    assert "its host is gone" in row["released"]
    with pytest.raises(InputError):
        ledger.release("nope", "why")


def test_runs_are_listed_newest_first_and_filtered(ledger: DynamoLedger) -> None:
    for n in range(3):
        ledger.create(a_run(f"r{n}", started_at=START + timedelta(hours=n), runbook="x" if n == 1 else "b"), {})
    ledger.finish(a_run("r0").model_copy(update={"state": RunState.SUCCEEDED, "ended_at": START}))
    assert [run.run_id for run in ledger.list_runs(limit=2)] == ["r2", "r1"]
    assert [run.run_id for run in ledger.list_runs(limit=9, runbook="b")] == ["r2", "r0"]
    assert [run.run_id for run in ledger.list_runs(limit=9, running=True)] == ["r2", "r1"]


def test_a_missing_table_says_how_to_make_it() -> None:
    with mock_aws():
        aws = Aws(Settings(region=REGION, retry_mode="standard"))
        with pytest.raises(StoreError, match="--create-ledger") as caught:
            DynamoLedger(Table(aws, REGION, "nowhere"), REGION).load("r1")
        assert caught.value.code == "store.no_table"


def test_forgotten_steps_are_gone_with_their_effects(ledger: DynamoLedger) -> None:
    row = StepRow(step_id="s", phase="always", uses="x.y", state=StepState.SUCCEEDED, started_at=START, pages=1)
    ledger.commit_plan("r1", row, [[change("a")]])
    ledger.record("r1", "s", 0, {"a": Effect(state=EffectState.DONE)})
    ledger.forget_steps("r1", ["s"])
    assert ledger.steps("r1") == []
    assert ledger.effects("r1", "s", 0) == {}


def test_causes_that_join_at_once_are_all_recorded_and_the_newest_are_kept(
    ledger: DynamoLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.stores.ledger.JOINED", 5)
    ledger.create(a_run(), {})
    real, raced = ledger.table.get, iter([CAUSE.model_copy(update={"key": "other"})])

    def get(pk: str, sk: str) -> object:
        row = real(pk, sk)
        for other in raced:
            ledger.join("r1", other)
        return row

    ledger.table.get = get  # type: ignore[method-assign, assignment]
    ledger.join("r1", CAUSE)
    ledger.join("r1", CAUSE)
    ledger.table.get = real  # type: ignore[method-assign]
    run = ledger.load("r1")
    assert run is not None
    assert sorted(cause.key for cause in run.joined) == ["k", "other"]
    for n in range(8):
        ledger.join("r1", CAUSE.model_copy(update={"key": f"flap-{n}"}))
    run = ledger.load("r1")
    assert run is not None
    assert len(run.joined) == 5
    assert run.joined[-1].key == "flap-7"


def test_a_person_who_is_released_keeps_the_name_so_that_nobody_goes_on_with_other_permissions(
    ledger: DynamoLedger,
) -> None:
    ledger.create(a_run(holder="local:laptop:0:1", beat_until=START), {})
    ledger.release("r1", "the laptop is gone")
    freed = ledger.load("r1")
    assert freed is not None
    assert (freed.holder, freed.beat_until) == ("local:laptop:0:1", None)


def test_running_runs_are_found_without_reading_those_that_ended(ledger: DynamoLedger) -> None:
    for n in range(3):
        ledger.create(a_run(f"r{n}", started_at=START + timedelta(hours=n)), {})
        ended = a_run(f"r{n}").model_copy(update={"state": RunState.SUCCEEDED, "ended_at": START})
        if n != 1:
            ledger.finish(ended)
    ledger.create(a_run("refused", state=RunState.REFUSED), {})
    assert [row["sk"] for row in ledger.table.query("RUNNING#us-east-1")] == ["r1"]
    assert [run.run_id for run in ledger.list_runs(limit=9, running=True)] == ["r1"]


def test_a_stopped_run_that_goes_on_is_found_among_the_running_again(ledger: DynamoLedger) -> None:
    run = ledger.create(a_run(), {})
    stopped = ledger.finish(run.model_copy(update={"state": RunState.STOPPED, "ended_at": START}))
    assert ledger.list_runs(limit=9, running=True) == []
    ledger.reopen(stopped, holder="me", beat_until=START, fence_until=None)
    assert [found.run_id for found in ledger.list_runs(limit=9, running=True)] == ["r1"]


def test_a_plan_of_long_tags_fits_an_item(ledger: DynamoLedger) -> None:
    tags = {f"key-{n:03}": "a long value of a tag " * 11 for n in range(50)}
    row = StepRow(step_id="s", phase="steps", uses="x.y", state=StepState.RUNNING, started_at=START, pages=1)
    big = change("i-1", yields=tuple({"item": f"vol-{n}", "tags": tags} for n in range(40)))
    ledger.commit_plan("r1", row, [[big]])
    assert ledger.page("r1", row, 0) == [big]


def test_releasing_strikes_out_what_is_owed_and_an_ended_run_may_expire_then(ledger: DynamoLedger) -> None:
    run = ledger.create(a_run(), {})
    ledger.owe("r1", Obligation(name="things.a", why="snap-1 was left behind."), START)
    ledger.finish(run.model_copy(update={"state": RunState.FAILED, "ended_at": START}))
    assert {row.get("expires_at") for row in ledger.table.query("RUN#r1")} == {None}
    assert ledger.release("r1", "I deleted it") == ["owes things.a"]
    assert None not in {row.get("expires_at") for row in ledger.table.query("RUN#r1")}


def test_a_superseded_process_cannot_let_a_living_run_expire(ledger: DynamoLedger) -> None:
    run = ledger.create(a_run(), {})
    ledger.take(run, holder="other", beat_until=START, fence_until=None)
    with pytest.raises(SupersededError):
        ledger.finish(run.model_copy(update={"state": RunState.SUCCEEDED, "ended_at": START}))
    assert {row.get("expires_at") for row in ledger.table.query("RUN#r1")} == {None}
