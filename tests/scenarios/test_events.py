"""Event in, AWS state and record out: schedules, repeated and late deliveries, EBS's own events."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.record import find_run, record
from chalicelib.cli.worker import work
from chalicelib.domain.run import RunState
from chalicelib.domain.schedule import parse
from tests.scenarios.conftest import Stage, exit_code

SCHEDULE = {
    "name": "nightly-backup",
    "expression": "cron(0 3 * * ? *)",
    "timezone": "Europe/Paris",
    "input": {
        "lifeboat": "schedule",
        "runbook": "nightly-backup",
        "trigger": 0,
        "scheduled_at": "<aws.scheduler.scheduled-time>",
    },
}


def due(stage: Stage, target: str, after: int = 0) -> list[dict[str, Any]]:
    return [each["event"] for each in stage.control.events(after) if each["target"] == target]


def at_the_next_firing(stage: Stage) -> list[dict[str, Any]]:
    fires = parse(SCHEDULE["expression"]).next_after(stage.control.now(), "Europe/Paris")  # type: ignore[arg-type]
    assert fires is not None
    stage.control.advance(to=fires + timedelta(seconds=90))
    return due(stage, "schedule")


def test_a_schedule_that_is_delivered_twice_makes_one_run_that_backs_up_everything(stage: Stage) -> None:
    stage.control.weather(events={"double_share": 1.0, "late_s": 30})
    stage.control.schedules([SCHEDULE])
    first, second = at_the_next_firing(stage)
    [run_id] = work(stage.control.url, first)
    assert work(stage.control.url, second) == []
    [run] = stage.services.ledger.list_runs(limit=9)
    found = record(stage.services, run)
    assert (found.run_id, exit_code(found), found.cause.kind) == (run_id, 0, "schedule")
    protected = set(stage.estate["protected"])
    assert stage.backed_up(run_id) == (protected, protected)
    assert len(stage.snapshots("us-east-1", run_id)) == len(protected)


def test_a_schedule_that_comes_days_late_is_recorded_and_refused(stage: Stage) -> None:
    stage.control.schedules([SCHEDULE])
    [event] = at_the_next_firing(stage)
    stage.control.advance(3 * 86_400)
    assert work(stage.control.url, event) == []
    [run] = stage.services.ledger.list_runs(limit=9)
    assert (run.state, run.code) == (RunState.REFUSED, "cause.too_old")
    assert stage.snapshots("us-east-1", run.run_id) == []


@pytest.fixture(name="own_runbooks")
def _own_runbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of runbooks with one that answers a failed snapshot."""
    for shipped in Path("runbooks").glob("*.yaml"):
        shutil.copy(shipped, tmp_path)
    (tmp_path / "tell-failed.yaml").write_text(
        """
version: 1
name: tell-failed
when:
  - event: {source: [aws.ec2], detail-type: [EBS Snapshot Notification], detail: {result: [failed]}}
guard: {regions: [us-east-1]}
steps:
  - {id: notice, uses: notify.send, with: {topic: oncall, subject: A snapshot failed}}
"""
    )
    monkeypatch.setenv("LIFEBOAT_RUNBOOKS", str(tmp_path))
    return tmp_path


def test_an_ebs_event_in_awss_own_shape_starts_the_runbook_whose_pattern_it_fits(
    stage: Stage, own_runbooks: Path
) -> None:
    assert own_runbooks.is_dir()
    ec2 = stage.control.witness("ec2", "us-east-1")
    volumes = ec2.describe_volumes(VolumeIds=stage.estate["protected"])["Volumes"]
    alone = next(v["VolumeId"] for v in volumes if not v["Attachments"])
    stage.control.weather(fail_snapshots=[alone])
    ec2.create_snapshot(VolumeId=alone)
    good = next(v["VolumeId"] for v in volumes if v["Attachments"])
    ec2.create_snapshot(VolumeId=good)
    stage.control.settle()
    events = due(stage, "event")
    assert {event["detail"]["result"] for event in events} == {"failed", "succeeded"}
    for event in events:
        assert json.loads(json.dumps(event)) == event
        work(stage.control.url, event)
    runs = stage.services.ledger.list_runs(limit=9)
    assert [run.runbook for run in runs] == ["tell-failed"]
    assert find_run(stage.services, runs[0].key).state is RunState.SUCCEEDED
    assert [message["subject"] for message in stage.control.published()] == ["A snapshot failed"]
