"""How a record and progress look: what a person must find in them, within 100 columns."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from chalicelib.cli.endings import code_of
from chalicelib.cli.progress import Progress
from chalicelib.cli.show import show_record
from chalicelib.domain.change import Failure, Finding
from chalicelib.domain.recovery import Measured
from chalicelib.domain.report import Objective, Objectives, RunRecord, StepRecord, Times
from chalicelib.domain.run import CallCount, Counts, Run, RunCause, RunState, StepRow, StepState
from tests.fakes import START, FakeClock

CAUSE = RunCause(kind="manual", key="k1", occurred_at=START, summary="by hand, ana")
LOST = Failure(
    resource="vol-1", code="action.missing", message="vol-1 is gone. Take it out of the selector. [not markup]"
)

LEASED = Failure(resource="vol-2", code="run.leased", message="vol-2 is leased by run r-2.")


def record_of(state: RunState, *steps: StepRecord, rpo_s: int | None = 600, ended: bool = True) -> RunRecord:
    objective = Objective(objective_s=3600, measured_s=rpo_s, met=None if rpo_s is None else rpo_s <= 3600)
    return RunRecord(
        run_id="us-east-1_nightly-backup_0123456789ab",
        key="k1",
        runbook="nightly-backup",
        region="us-east-1",
        mode="run",
        state=state,
        cause=CAUSE,
        times=Times(
            caused_at=START, troubled_since=START, started_at=START, ended_at=START if ended else None, duration_s=75
        ),
        inputs={"tier": "nightly"},
        objectives=Objectives(rpo=objective),
        steps=steps,
        calls=(CallCount(service="ec2", operation="DescribeVolumes", region="us-east-1", count=3),),
        generation=1,
    )


def step_of(state: StepState, code: str = "", failures: tuple[Failure, ...] = ()) -> StepRecord:
    counts = Counts(planned=3, done=2, failed=len(failures))
    return StepRecord(
        id="snapshots", phase="steps", uses="ebs.x", state=state, code=code, counts=counts, failures=failures
    )


def shown(record: RunRecord) -> str:
    page = io.StringIO()
    show_record(record, Console(file=page, width=100, highlight=False))
    return page.getvalue()


def test_a_failure_is_shown_with_its_resource_code_and_what_to_do() -> None:
    page = shown(record_of(RunState.FAILED, step_of(StepState.PARTIAL, failures=(LOST,))))
    assert "vol-1 is gone. Take it out of the selector. [not markup] [action.missing]" in page
    assert "with another key" in page


def test_many_failures_are_counted_beyond_those_that_are_named() -> None:
    many = tuple(LOST.model_copy(update={"resource": f"vol-{n}", "message": "gone"}) for n in range(25))
    page = shown(record_of(RunState.FAILED, step_of(StepState.FAILED, failures=many)))
    assert "vol-19: gone" in page
    assert "vol-20" not in page
    assert "... and 5 more" in page


@pytest.mark.parametrize(
    ("measured_s", "said"),
    [(600, "measured 10m, met"), (7200, "measured 2h, NOT met"), (None, "not measured by this run")],
)
def test_an_objective_stands_beside_what_was_measured(measured_s: int | None, said: str) -> None:
    assert f"objective 1h, {said}" in shown(record_of(RunState.SUCCEEDED, rpo_s=measured_s))


def test_findings_are_counted_and_the_bad_ones_named() -> None:
    bad = Finding(resource="vol-2", region="us-west-2", ok=False, code="check.stale", message="no point since 03:00")
    good = Finding(resource="vol-1", region="us-west-2", ok=True, message="fine")
    step = step_of(StepState.PARTIAL).model_copy(
        update={"findings": (bad, good), "counts": Counts(planned=2, done=1, failed=1)}
    )
    page = shown(record_of(RunState.FAILED, step))
    assert "2 findings, 1 is not well" in page
    assert "vol-2 in us-west-2: no point since 03:00 [check.stale]" in page
    assert "fine" not in page


def test_a_run_that_nobody_drives_says_how_to_go_on() -> None:
    page = shown(record_of(RunState.RUNNING, step_of(StepState.RUNNING), ended=False))
    assert "lifeboat runs continue us-east-1_nightly-backup_0123456789ab" in page


def test_no_line_is_wider_than_100_columns() -> None:
    long = LOST.model_copy(update={"message": "word " * 80})
    page = shown(record_of(RunState.FAILED, step_of(StepState.FAILED, failures=(long,))))
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (record_of(RunState.SUCCEEDED), 0),
        (record_of(RunState.RUNNING), 0),
        (record_of(RunState.FAILED, step_of(StepState.PARTIAL)), 1),
        (record_of(RunState.FAILED, step_of(StepState.FAILED, "aws.denied")), 1),
        (record_of(RunState.FAILED, step_of(StepState.FAILED, "guard.regions")), 3),
        (record_of(RunState.FAILED, step_of(StepState.FAILED, "run.leased")), 3),
        (record_of(RunState.FAILED, step_of(StepState.FAILED, "step.failures", (LEASED,))), 3),
        (record_of(RunState.FAILED, step_of(StepState.FAILED, "step.failures", (LEASED, LOST))), 1),
        (record_of(RunState.REFUSED), 3),
        (record_of(RunState.STOPPED), 130),
    ],
)
def test_each_end_of_a_run_has_its_exit_code(record: RunRecord, code: int) -> None:
    assert code_of(record) == code


def row_of(state: StepState, **counts: int) -> StepRow:
    return StepRow(
        step_id="snapshots", phase="steps", uses="ebs.x", state=state, started_at=START, counts=Counts(**counts)
    )


def a_run() -> Run:
    return Run(
        run_id="r", key="k1", runbook="toy", region="us-east-1", state=RunState.RUNNING, cause=CAUSE, started_at=START
    )


def test_without_a_terminal_a_state_is_told_at_once_and_mere_progress_now_and_then() -> None:
    page, clock = io.StringIO(), FakeClock(datetime(2031, 1, 6, 3, 0, tzinfo=UTC))
    progress = Progress(Console(file=page, width=100, highlight=False)).timed_by(clock)
    for done in range(4):
        progress.progress(a_run(), [row_of(StepState.RUNNING, planned=4, done=done, pending=4 - done)])
        clock.sleep(20)
    progress.progress(a_run(), [row_of(StepState.SUCCEEDED, planned=4, done=4)])
    assert page.getvalue().splitlines() == [
        "03:00:00 snapshots running: 0/4 done, 4 in flight",
        "03:00:40 snapshots running: 2/4 done, 2 in flight",
        "03:01:20 snapshots succeeded: 4/4 done",
    ]


def test_on_a_terminal_a_table_moves_and_is_gone_at_the_end() -> None:
    page, clock = io.StringIO(), FakeClock()
    paper = Console(file=page, width=100, force_terminal=True, highlight=False)
    with Progress(paper).timed_by(clock) as progress:
        clock.time += timedelta(seconds=90)
        progress.progress(a_run(), [row_of(StepState.RUNNING, planned=4, done=2, pending=2)])
        progress.say("a word")
    text = page.getvalue()
    assert "━━━━━━━━━━" in text
    assert "1m 30s" in text
    assert "a word" in text
    assert text.count("\x1b[2K") >= 3


def test_what_was_brought_back_is_shown_beside_what_was_wanted_with_what_its_owner_must_know() -> None:
    slow = Measured(
        resource="i-0aa",
        replacement="i-0bb",
        region="us-east-1",
        zone_id="use1-az2",
        ready_at=START,
        rpo_s=7200,
        rto_s=540,
        note="its private address is 10.0.2.9, was 10.0.1.4",
    )
    quick = Measured(resource="db:orders", region="us-east-1", ready_at=START, rto_s=95)
    record = record_of(RunState.SUCCEEDED).model_copy(update={"recovered": (slow, quick)})
    page = shown(record)
    assert "i-0aa" in page
    assert "use1-az2" in page
    assert "9m" in page
    assert "nothing" in page
    assert "the same" in page
    assert "note of i-0aa: its private address is 10.0.2.9, was 10.0.1.4" in page
    many = record.model_copy(update={"recovered": (slow,) * 45})
    assert "... and 5 more" in shown(many)
