"""Silence is an alarm: backups that do not come are told of, once, until they come again. And what nothing protects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.health import health
from chalicelib.api.service import Request
from chalicelib.domain.change import Finding
from chalicelib.domain.run import Pause
from chalicelib.engine.breaches import PERIOD_MINUTES
from chalicelib.engine.intake import WATCHDOG, on_schedule
from chalicelib.engine.local import drive, hold
from chalicelib.engine.telling import Teller
from chalicelib.stores.notices import Notices
from tests.scenarios.conftest import HOME, Stage, step
from tests.unit.cli.conftest import invoke

NIGHT = "nightly-backup"
FIRST = datetime(2031, 1, 8, 2, 0, tzinfo=UTC)  # 03:00 in Paris
PERIOD = timedelta(minutes=PERIOD_MINUTES)
RPO = timedelta(hours=30)


@pytest.fixture(name="watched")
def _watched(stage: Stage) -> Stage:
    """A deployment whose first night went well, and that tells of breaches."""
    services = stage.services
    notices = Notices(services.aws, HOME, stage.estate["topic"], "")
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    wait(stage, FIRST - timedelta(hours=1))
    watch(stage)
    wait(stage, FIRST)
    fire(stage, FIRST)
    return stage


def wait(stage: Stage, until: datetime) -> None:
    stage.services.clock.sleep((until - stage.services.clock.now()).total_seconds())


def watch(stage: Stage) -> list[str]:
    names: list[str] = on_schedule(WATCHDOG, stage.services)["breaches"]
    return [name for name in names if NIGHT in name or name.startswith("pause")]


def fire(stage: Stage, at: datetime) -> None:
    """Deliver the schedule's event, and drive what it starts."""
    firing = {"lifeboat": "schedule", "runbook": NIGHT, "trigger": 0, "scheduled_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    [started] = on_schedule(firing, stage.services)["runs"]
    run = stage.services.ledger.load(started["run_id"])
    assert run is not None
    drive(stage.services.engine, hold(run, stage.services.starter, new=True))


def told(stage: Stage, kind: str) -> list[dict[str, Any]]:
    return [one for one in stage.control.published() if one["attributes"].get("lifeboat_kind") == kind]


def about(stage: Stage, kind: str, name: str) -> list[str]:
    return [one["message"] for one in told(stage, kind) if name in one["attributes"]["lifeboat_notice"]]


def at(stage: Stage, moment: datetime) -> list[str]:
    wait(stage, moment)
    return watch(stage)


def test_two_days_of_dropped_schedules_are_a_breach_within_one_period_and_the_next_good_run_clears_it(
    watched: Stage,
) -> None:
    assert watch(watched) == []
    assert at(watched, FIRST + RPO - PERIOD) == []
    seen = at(watched, FIRST + RPO + PERIOD)  # the second night's event was dropped
    assert seen == [f"rpo.{NIGHT}.snapshots"]
    _, message = about(watched, "breach", f"rpo.{NIGHT}")  # the first was before the first night
    assert f"of {len(watched.estate['protected'])} that {NIGHT} protects" in message
    missed_at = FIRST + timedelta(days=1, hours=20)  # its steps may take 20 hours
    assert f"schedule.{NIGHT}" not in at(watched, missed_at - PERIOD)
    assert f"schedule.{NIGHT}" in at(watched, missed_at + PERIOD)
    [message] = about(watched, "breach", f"schedule.{NIGHT}")
    assert "should have run at 2031-01-09 02:00 UTC" in message
    checks = {check.name: check.status for check in health(watched.services, Request(None)).checks}
    assert checks[f"schedule.{NIGHT}"] == checks[f"rpo.{NIGHT}.snapshots"] == "fail"
    at(watched, FIRST + timedelta(days=2, hours=-1))
    assert len(about(watched, "breach", f"schedule.{NIGHT}")) == 1  # told once, until a day has passed
    third = FIRST + timedelta(days=2)
    wait(watched, third)
    fire(watched, third)
    assert watch(watched) == []
    assert about(watched, "cleared", f"schedule.{NIGHT}")
    assert about(watched, "cleared", f"rpo.{NIGHT}")
    assert NIGHT not in {check.name.split(".")[1] for check in failing(watched) if "." in check.name}


def failing(stage: Stage) -> list[Any]:
    return [check for check in health(stage.services, Request(None)).checks if check.status == "fail"]


def test_a_lifeboat_that_never_ran_is_a_breach_and_so_is_a_watchdog_that_is_silent(stage: Stage) -> None:
    wait(stage, FIRST - timedelta(hours=1))
    assert watch(stage) == [f"rpo.{NIGHT}.snapshots"]  # nothing has a point at all
    late = FIRST + timedelta(hours=20) + PERIOD
    assert f"schedule.{NIGHT}" in at(stage, late)
    assert stage.services.ledger.breaches()[f"schedule.{NIGHT}"].detail.count("it never succeeded") == 1
    stage.services.clock.sleep(4 * PERIOD.total_seconds())
    [silent] = [check for check in failing(stage) if check.name == "watchdog"]
    assert "it is silent" in silent.detail


def test_a_breach_that_lasts_is_told_again_every_day_and_a_forgotten_pause_is_one(watched: Stage) -> None:
    ledger = watched.services.ledger
    ledger.pause(Pause(runbook=NIGHT, at=watched.services.clock.now(), by="ana", reason="migration"))
    assert at(watched, FIRST + timedelta(hours=23)) == []
    assert f"pause.{NIGHT}" in at(watched, FIRST + timedelta(days=1, hours=4))
    [message] = about(watched, "breach", "pause.")
    assert "by ana: migration" in message
    at(watched, FIRST + timedelta(days=2, hours=3))
    assert len(about(watched, "breach", "pause.")) == 1
    at(watched, FIRST + timedelta(days=2, hours=5))
    assert len(about(watched, "breach", "pause.")) == 2
    ledger.resume(NIGHT)
    assert f"pause.{NIGHT}" not in watch(watched)
    assert len(about(watched, "cleared", "pause.")) == 1


def test_what_no_runbook_selects_and_what_has_no_point_is_found_grouped_and_explained(watched: Stage) -> None:
    watched.control.estate("databases")
    given = {"regions": [HOME], "group_by": "backup", "ignore": {"app": "lab"}}
    steps = [{"id": "coverage", "uses": "check.coverage", "with": given}]
    found = step(watched.run(watched.book(steps=steps, verify=[], on_failure=[], always=[])), "coverage")
    by = {finding.resource: finding for finding in found.findings}
    bare = {name: finding for name, finding in by.items() if finding.code == "check.not_selected"}
    volumes = set(watched.estate["volumes"]) - set(watched.estate["protected"])
    assert {name for name in bare if name.startswith("vol-")} == volumes
    assert [name for name in bare if name.startswith("i-")] == [watched.estate["names"]["batch-1"]]
    assert {name for name, finding in by.items() if finding.code == "check.no_point"} == {
        "cluster:events",
        "db:accounts",
        "db:orders",
    }
    assert "nightly-databases selects it, and yet" in by["db:orders"].message
    assert "db:scratch" not in by  # knowingly not protected
    groups = {(one["tag"], one["uncovered"]) for one in _groups(found.outputs["groups"])}
    assert ("(none)", len(volumes)) in groups
    assert found.outputs["ignored"] == 1
    assert found.outputs["uncovered"] == len([finding for finding in by.values() if not finding.ok])


def _groups(value: Any) -> list[dict[str, Any]]:
    return list(value)


def test_the_command_prints_coverage_and_ends_with_1_when_something_is_not_covered(
    watched: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFEBOAT_SANDBOX_URL", watched.control.url)
    ended = invoke("coverage", "--sandbox", "--regions", HOME, "--group-by", "app", "--json")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["uncovered"] == len([one for one in told["findings"] if not one["ok"]])
    assert {Finding.model_validate(one).region for one in told["findings"]} == {HOME}
    assert "resources are not covered" in invoke("coverage", "--sandbox", "--regions", HOME).out
    assert invoke("coverage", "--sandbox", "--regions", "nowhere").code == 2
