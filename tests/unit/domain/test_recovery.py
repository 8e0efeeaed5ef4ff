"""What a recovery took, measured from the beginning of the trouble."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.notice import NoticeKind, of_run
from chalicelib.domain.recovery import SHOWN, Recovery, measured, recoveries_in, shown
from chalicelib.domain.report import record_of
from chalicelib.domain.run import RunState, StepRow, StepState
from chalicelib.domain.runbook import Runbook
from tests.fakes import START, toy_runbook
from tests.unit.domain.test_run import a_run

BOOK = Runbook.model_validate(toy_runbook(objectives={"rpo": "24h", "rto": "30m"}))


def recovery(resource: str, after_min: int, lost_h: int | None = None, **more: object) -> Recovery:
    point = START - timedelta(hours=lost_h) if lost_h is not None else None
    ready = START + timedelta(minutes=after_min)
    return Recovery.model_validate(
        {"resource": resource, "region": "us-east-1", "point": point, "ready_at": ready, **more}
    )


def step(name: str, *recoveries: Recovery) -> StepRow:
    return StepRow(
        step_id=name,
        phase="steps",
        uses="toy.make_things",
        state=StepState.SUCCEEDED,
        started_at=START,
        outputs={"recovered": shown(recoveries)},
    )


def test_recoveries_are_measured_from_the_beginning_of_the_trouble_the_slowest_first() -> None:
    found = measured([recovery("i-1", 5, 3), recovery("i-2", 20)], START)
    assert [(one.resource, one.rto_s, one.rpo_s) for one in found] == [("i-2", 1200, None), ("i-1", 300, 10800)]


def test_being_attached_and_being_initialised_are_two_times() -> None:
    [one] = measured([recovery("i-1", 5, initialised_at=START + timedelta(hours=2))], START)
    assert (one.rto_s, one.initialised_s) == (300, 7200)


def test_a_time_before_the_trouble_counts_as_at_once() -> None:
    [one] = measured([recovery("i-1", 5)], START + timedelta(hours=1))
    assert one.rto_s == 0


def test_the_record_holds_the_worst_against_the_objectives() -> None:
    cause = a_run().cause.model_copy(update={"since": START - timedelta(minutes=15)})
    run = a_run(state=RunState.SUCCEEDED, ended_at=START, cause=cause)
    rows = [step("a", recovery("i-1", 5, 30)), step("b", recovery("db-1", 20))]
    record = record_of(run, BOOK, rows, {}, START)
    assert record.times.troubled_since == START - timedelta(minutes=15)
    assert record.objectives.rto.model_dump() == {"objective_s": 1800, "measured_s": 2100, "met": False}
    assert (record.objectives.rpo.measured_s, record.objectives.rpo.met) == (30 * 3600 - 15 * 60, False)
    assert [one.resource for one in record.recovered] == ["db-1", "i-1"]


def test_a_recovery_that_lost_nothing_has_no_rpo() -> None:
    record = record_of(a_run(), BOOK, [step("a", recovery("db-1", 20))], {}, START)
    assert record.objectives.rpo.measured_s is None
    assert record.objectives.rto.met is True


def test_outputs_of_other_shapes_tell_of_no_recovery() -> None:
    assert recoveries_in({"recovered": 3}) == []
    assert recoveries_in({"recovered": [{"resource": "i-1"}]}) == []
    assert recoveries_in({}) == []


def test_outputs_hold_so_many_and_those_are_the_slowest() -> None:
    held = shown(recovery(f"i-{n}", n) for n in range(SHOWN + 5))
    assert len(held) == SHOWN
    assert held[0]["resource"] == f"i-{SHOWN + 4}"


def test_a_notice_tells_what_is_back_and_what_was_lost() -> None:
    record = record_of(a_run(), BOOK, [step("a", recovery("i-1", 5, 3, replacement="i-9"))], {}, START)
    lines = of_run(record, NoticeKind.SUCCEEDED, "1", START).lines
    assert "+ i-1 as i-9 in us-east-1: back after 5m, 3h lost" in lines
