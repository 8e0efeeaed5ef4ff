"""What the watchdog cannot see is not well: what is not valid, not tagged, not there, or not to be looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.actions.base import StepContext
from chalicelib.actions.coverage import Coverage, CoverageInput
from chalicelib.api.health import health
from chalicelib.api.service import Request
from chalicelib.cli.options import Place
from chalicelib.cli.world import sandboxed
from chalicelib.domain.change import Finding
from chalicelib.domain.protection import protections
from chalicelib.domain.runbook import Runbook
from chalicelib.engine import watchdog
from chalicelib.engine.intake import WATCHDOG, on_schedule
from chalicelib.engine.local import drive, hold
from chalicelib.engine.telling import Teller
from chalicelib.errors import ActionError, ErrorKind
from chalicelib.sandbox.client import Control
from chalicelib.settings import Settings
from tests.scenarios.conftest import AWAY, HOME, Notes, Stage
from tests.scenarios.test_notices import GONE, Faulty
from tests.scenarios.test_watchdog import FIRST, NIGHT, PERIOD, RPO, about, at, fire, told, wait, watch

OVERDUE, MISSED = f"rpo.{NIGHT}.snapshots", f"schedule.{NIGHT}"
LATE = FIRST + timedelta(days=2)


@pytest.fixture(name="shelf")
def _shelf(tmp_path: Path) -> Path:
    """A directory of runbooks that a test may change: the night's alone."""
    shipped = Settings().runbooks / f"{NIGHT}.yaml"
    return Path(shutil.copy(shipped, tmp_path / shipped.name)).parent


@pytest.fixture(name="watched")
def _watched(prepared: tuple[Control, dict[str, Any]], shelf: Path) -> Iterator[Stage]:
    """A deployment of that directory whose first night went well, and that tells of breaches."""
    original, estate = prepared
    notes: list[tuple[str, dict[str, Any]]] = []
    control = original.fork()
    with ExitStack() as stack:
        stack.callback(control.quit)
        services = stack.enter_context(sandboxed(Place(sandbox=True, runbooks=shelf), lambda _: Notes(notes), control))
        stage = Stage(control, estate, services, notes)
        tell_by(stage)
        wait(stage, FIRST - timedelta(hours=1))
        watch(stage)
        wait(stage, FIRST)
        fire(stage, FIRST)
        watch(stage)
        yield stage


def tell_by(stage: Stage, **failing: ActionError) -> Faulty:
    services = stage.services
    notices = Faulty(services.aws, HOME, stage.estate["topic"], "default", **failing)
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    return notices


def checks(stage: Stage) -> dict[str, str]:
    return {check.name: check.status for check in health(stage.services, Request(None)).checks}


def test_a_second_night_that_goes_well_is_no_breach_at_any_moment_of_it(watched: Stage) -> None:
    second = FIRST + timedelta(days=1)
    assert at(watched, second) == []
    firing = {"lifeboat": "schedule", "runbook": NIGHT, "trigger": 0, "scheduled_at": f"{second:%Y-%m-%dT%H:%M:%SZ}"}
    [started] = on_schedule(firing, watched.services)["runs"]
    run = watched.services.ledger.load(started["run_id"])
    assert run is not None
    seen: list[list[str]] = []
    drive(watched.services.engine, hold(run, watched.services.starter, new=True), lambda: seen.append(watch(watched)))
    assert len(seen) > 5
    assert [each for each in seen if each] == []
    assert told(watched, "breach")[1:] == []  # the first was before the first night


def test_a_runbook_that_is_no_longer_valid_is_a_breach_and_keeps_those_that_it_had(watched: Stage, shelf: Path) -> None:
    assert at(watched, LATE) == [OVERDUE, MISSED]
    cleared = len(told(watched, "cleared"))
    file = shelf / f"{NIGHT}.yaml"
    valid = file.read_text()
    file.write_text(valid + "\nnonsense: 1\n")
    assert watch(watched) == [OVERDUE, f"runbook.{NIGHT}", MISSED]
    assert "nonsense" in about(watched, "breach", f"runbook.{NIGHT}")[0]
    assert len(told(watched, "cleared")) == cleared
    file.write_text(valid)
    assert watch(watched) == [OVERDUE, MISSED]
    [well] = about(watched, "cleared", f"runbook.{NIGHT}")
    assert "It was: " in well
    file.unlink()
    assert watch(watched) == []
    subjects = [one["subject"] for one in told(watched, "cleared")[-2:]]
    assert all("is no longer watched" in subject for subject in subjects)


def test_tags_that_were_removed_are_a_breach_and_not_the_end_of_one(watched: Stage) -> None:
    ec2 = watched.control.witness("ec2", HOME)
    ids = [*watched.estate["protected"], *watched.estate["names"].values()]
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "backup"}])
    assert at(watched, FIRST + timedelta(hours=3)) == [OVERDUE]
    assert "selects nothing in us-east-1" in about(watched, "breach", OVERDUE)[-1]
    ec2.create_tags(Resources=watched.estate["protected"], Tags=[{"Key": "backup", "Value": "nightly"}])
    assert at(watched, FIRST + timedelta(hours=4)) == []


def test_copies_that_are_gone_from_the_other_region_are_a_breach(watched: Stage) -> None:
    assert at(watched, FIRST + timedelta(hours=2)) == []
    ec2 = watched.control.witness("ec2", AWAY)
    for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
        ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
    assert at(watched, FIRST + timedelta(hours=3)) == [OVERDUE]
    count = len(watched.estate["protected"])
    message = about(watched, "breach", OVERDUE)[-1]
    assert f"{count} of {count} that {NIGHT} protects" in message
    assert AWAY in message


def looking_raises(monkeypatch: pytest.MonkeyPatch, kind: ErrorKind) -> None:
    def refuse(*_: Any) -> Any:
        raise ActionError("action.denied", "AWS refused DescribeVolumes", kind)

    monkeypatch.setattr(watchdog, "standing_of", refuse)


def blind(stage: Stage, after: timedelta) -> list[str]:
    wait(stage, FIRST + after)
    with pytest.raises(ActionError, match="DescribeVolumes"):
        on_schedule(WATCHDOG, stage.services)
    return sorted(stage.services.ledger.breaches())


def test_what_must_not_be_looked_at_is_a_breach_at_once_and_the_watch_is_not_complete(
    watched: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at(watched, FIRST + RPO + PERIOD) == [OVERDUE]
    beat = watched.services.ledger.last_beat()
    with monkeypatch.context() as patch:
        looking_raises(patch, ErrorKind.TERMINAL)
        seen = len(watched.notes)
        assert blind(watched, RPO + 2 * PERIOD) == [OVERDUE, f"watch.{NIGHT}.snapshots"]
    sentences = [sentence for sentence, _ in watched.notes[seen:]]
    assert "watched" in sentences
    assert "looked at everything" not in sentences
    assert watched.services.ledger.last_beat() == beat
    assert "AWS refused DescribeVolumes" in about(watched, "breach", "watch.")[0]
    assert watch(watched) == [OVERDUE]
    assert "looked at everything" in [sentence for sentence, _ in watched.notes]
    assert len(about(watched, "cleared", "watch.")) == 1


def test_what_is_too_busy_to_be_looked_at_is_told_when_it_lasts(
    watched: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at(watched, FIRST + timedelta(hours=2)) == []
    looking_raises(monkeypatch, ErrorKind.THROTTLED)
    assert blind(watched, timedelta(hours=2) + PERIOD) == []
    assert blind(watched, timedelta(hours=2) + 3 * PERIOD) == [f"watch.{NIGHT}.snapshots"]


def test_a_channel_that_fails_has_nobody_told_of_a_breach_twice_nor_keeps_one_that_is_over(watched: Stage) -> None:
    tell_by(watched, bus=GONE)
    wait(watched, LATE)
    for _ in range(8):
        watched.services.clock.sleep(PERIOD.total_seconds())
        watch(watched)
    assert len(about(watched, "breach", MISSED)) == 1
    assert watched.services.ledger.breaches()[MISSED].told_at is not None  # the bus was given up
    fire(watched, LATE)
    assert watch(watched) == []
    assert MISSED not in checks(watched)
    for _ in range(8):
        watched.services.clock.sleep(PERIOD.total_seconds())
        watch(watched)
    assert len(about(watched, "cleared", MISSED)) == 1
    assert watched.services.ledger.breaches(over=True) == {}


def test_a_watchdog_that_never_looked_fails_health_after_three_of_its_periods(stage: Stage) -> None:
    on_schedule({"lifeboat": "sweep"}, stage.services)
    assert checks(stage)["watchdog"] == "warn"
    stage.services.clock.sleep(3 * PERIOD.total_seconds() + 60)
    assert checks(stage)["watchdog"] == "fail"
    watch(stage)
    assert checks(stage)["watchdog"] == "pass"


def test_steps_that_nobody_can_look_after_are_named_by_health(watched: Stage, shelf: Path) -> None:
    assert "unwatched" not in checks(watched)
    file = shelf / f"{NIGHT}.yaml"
    file.write_text(file.read_text().replace("{tags: {backup: nightly}}", '{tags: {backup: "${{ run.id }}"}}', 1))
    [said] = [check for check in health(watched.services, Request(None)).checks if check.name == "unwatched"]
    assert (said.status, f"snapshots of {NIGHT}" in said.detail) == ("warn", True)


def test_what_has_nothing_that_a_snapshot_holds_is_not_covered_and_a_missing_rpo_is_said(watched: Stage) -> None:
    ec2 = watched.control.witness("ec2", HOME)
    bare = watched.estate["names"]["batch-1"]
    [like] = ec2.describe_instances(InstanceIds=[bare])["Reservations"][0]["Instances"]
    for device in like["BlockDeviceMappings"]:
        ec2.detach_volume(VolumeId=device["Ebs"]["VolumeId"])
    watched.services.clock.sleep(600)
    found = covered(watched, watched.book())
    assert (found[bare].ok, found[bare].code) == (False, "check.not_protectable")
    one = watched.estate["protected"][0]
    assert (found[one].ok, "no RPO" in found[one].message) == (True, False)
    without = covered(watched, watched.book(objectives={}))
    assert "states no RPO, so a point of any age counts" in without[one].message


def covered(stage: Stage, book: Runbook) -> dict[str, Finding]:
    now, services = stage.services.clock.now(), stage.services
    ctx = StepContext(
        run_id="r",
        step_id="s",
        runbook="coverage",
        region=HOME,
        started_at=now,
        now=now,
        aws=services.aws.reading(),
        limits=services.settings.limits,
        protections=protections([book], HOME),
    )
    return {one.resource: one for one in Coverage().check(CoverageInput(regions=[HOME]), ctx).findings}
