"""Event in, runs out: what an impaired zone sends, in AWS's own shapes, and how many runs come of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.record import record
from chalicelib.cli.worker import Teller, WorkerLauncher, take_in
from chalicelib.cli.world import sandboxed
from chalicelib.domain.run import Run, RunState
from tests.scenarios.conftest import Stage

BOOK = """
version: 1
name: failover
when:
  - {alarm: "az-*-impaired", for: 5m}
  - {alarm: any-az-impaired, for: 5m}
  - {alarm: shop-latency}
  - event: {source: [aws.health], detail: {statusCode: [open]}}
  - event: {source: [aws.arc-zonal-shift], detail-type: [Autoshift In Progress]}
guard: {regions: [us-east-1], cooldown: 1h}
steps:
  - {id: notice, uses: notify.send, with: {topic: oncall, subject: A zone is impaired}}
"""


@pytest.fixture(name="zone")
def _zone(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One runbook that only tells; returns the ID of the zone of web-1."""
    (tmp_path / "failover.yaml").write_text(BOOK)
    monkeypatch.setenv("LIFEBOAT_RUNBOOKS", str(tmp_path))
    zones: dict[str, str] = stage.control.estate("front")["zone_ids"]
    return zones[stage.estate["zones"][0]]


class Post:
    """Delivers what is due to the service, once."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.seen = stage, 0

    def deliver(self) -> None:
        due = self.stage.control.events(self.seen)
        launcher = WorkerLauncher()
        with sandboxed(Place(sandbox=True), Teller, self.stage.control, launcher) as services:
            for each in due:
                self.seen = each["n"]
                take_in(each["event"], services, launcher)

    def runs(self) -> list[Run]:
        return self.stage.services.ledger.list_runs(limit=99)


def subjects(stage: Stage) -> list[str]:
    return [message["subject"] for message in stage.control.published()]


@pytest.mark.usefixtures("zone")
def test_an_alarm_that_flaps_20_times_in_10_minutes_makes_one_run(stage: Stage) -> None:
    post = Post(stage)
    stage.control.weather(events={"double_share": 0.3, "late_s": 20})
    stage.control.disaster("flapping_alarm", name="shop-latency", times=20, within_s=600)
    for _ in range(6):
        stage.control.advance(120)
        post.deliver()
    [run] = post.runs()
    assert (run.state, len(run.joined)) == (RunState.SUCCEEDED, 19)
    assert subjects(stage) == ["A zone is impaired"]


def test_two_alarms_and_health_about_one_zone_make_one_run_that_knows_since_when(stage: Stage, zone: str) -> None:
    post = Post(stage)
    fell = stage.control.disaster("az_dark", zone=zone, health_after_s=900, health_pages=2)
    stage.control.advance(240)
    post.deliver()
    stage.control.advance(900)
    post.deliver()
    [run] = post.runs()
    assert run.state is RunState.SUCCEEDED
    assert Counter(cause.kind for cause in run.joined) == {"alarm": 1, "event": 1}  # of four deliveries
    assert run.cause.about["alarm"] == f"az-{zone}-impaired"
    dark_at = datetime.fromisoformat(fell["since"])
    assert run.cause.since is not None
    assert timedelta() <= dark_at - run.cause.since < timedelta(minutes=1)
    assert record(stage.services, run).times.troubled_since == run.cause.since
    assert {cause.about.get("zone") for cause in run.joined if cause.kind == "event"} == {fell["zone"]}
    assert run.lasting_at is not None
    assert run.lasting_at - run.cause.occurred_at >= timedelta(minutes=5)


def test_a_zone_that_is_back_before_the_time_is_up_is_left_alone_and_its_ok_does_nothing(
    stage: Stage, zone: str
) -> None:
    post = Post(stage)
    stage.control.disaster("az_dark", zone=zone, health_after_s=None)
    stage.control.advance(240)
    alarms = stage.control.events()
    stage.control.disaster("heal", zone=zone)
    stage.control.advance(240)
    post.deliver()
    assert alarms
    assert {(run.state, run.code) for run in post.runs()} == {(RunState.REFUSED, "cause.not_lasting")}
    assert subjects(stage) == []


def test_a_20_hour_old_alarm_is_refused(stage: Stage, zone: str) -> None:
    stage.control.disaster("az_dark", zone=zone, health_after_s=None)
    stage.control.advance(240)
    stage.control.events()
    stage.control.advance(20 * 3600)
    post = Post(stage)
    post.deliver()
    assert {(run.state, run.code) for run in post.runs()} == {(RunState.REFUSED, "cause.too_old")}
    assert subjects(stage) == []


def test_an_autoshift_starts_a_run_that_knows_the_zone(stage: Stage, zone: str) -> None:
    post = Post(stage)
    fell: dict[str, Any] = stage.control.disaster("az_dark", zone=zone, health_after_s=None, autoshift=True)
    post.deliver()
    [run] = post.runs()
    assert run.cause.about == {"autoshift": True, "away_from": zone}
    assert run.cause.since == datetime.fromisoformat(fell["since"])
