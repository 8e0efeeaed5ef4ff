"""The newest point of what is too large to be read in soon is fast before anything happens, and stays so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws import sending
from chalicelib.domain.report import RunRecord
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step, tags_of
from tests.scenarios.recovery import (
    BACKUP,
    DARK,
    HEALTHY,
    OTHER,
    POLICY,
    book,
    go_dark,
    launch,
    on_a_copy,
    staged,
    volumes,
)
from tests.shared_box import with_estate

BIG_GIB = 2048  # optimized in two hours, and then a credit every two hours
OBJECTIVE = timedelta(minutes=15)
TAG = f"lifeboat:fast-restore.{HEALTHY}"
NAMES = {HEALTHY: "us-east-1b", OTHER: "us-east-1c"}


def keep(**given: Any) -> dict[str, Any]:
    asked = {
        "select": {"tags": {"backup": "nightly"}},
        "policy": POLICY,
        "zones": [HEALTHY],
        "initialised_within": "15m",
    }
    return {"id": "fast", "uses": "ebs.keep_fast_restore", "with": {**asked, **given}}


NIGHT = book(BACKUP, keep())


def after_a_night(control: Control) -> dict[str, Any]:
    """Let the first night pass, in which the point of the big volume is made fast."""
    estate = control.estate("small")
    tagged = [{"ResourceType": "volume", "Tags": [{"Key": "backup", "Value": "nightly"}]}]
    asked = {"AvailabilityZone": "us-east-1a", "Size": BIG_GIB, "VolumeType": "gp3", "TagSpecifications": tagged}
    estate["big"] = control.witness("ec2").create_volume(**asked)["VolumeId"]
    control.settle()
    with staged(control, estate) as stage:
        found = stage.run(NIGHT, "first")
        assert found.state == "succeeded", found
    return estate


@pytest.fixture(name="stage")
def _stage() -> Iterator[Stage]:
    with with_estate(after_a_night) as morning, on_a_copy(morning) as stage:
        yield stage


def pairs(stage: Stage) -> dict[tuple[str, str], str]:
    """Return the true state of every pair that is on, by snapshot and zone."""
    shown = stage.control.witness("ec2").describe_fast_snapshot_restores()["FastSnapshotRestores"]
    on = {"enabling", "optimizing", "enabled"}
    return {(one["SnapshotId"], one["AvailabilityZoneId"]): one["State"] for one in shown if one["State"] in on}


def points(stage: Stage, volume: str) -> list[str]:
    """Return the points of a volume, the newest first."""
    asked = [{"Name": "volume-id", "Values": [volume]}]
    found = stage.control.witness("ec2").describe_snapshots(OwnerIds=["self"], Filters=asked)["Snapshots"]
    return [one["SnapshotId"] for one in sorted(found, key=lambda one: one["StartTime"], reverse=True)]


def tagged(stage: Stage, snapshot: str) -> bool:
    """Return True when a snapshot says that Lifeboat enabled it once."""
    [shown] = stage.control.witness("ec2").describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    return TAG in tags_of(shown)


def by_hand(stage: Stage, zone: str, *snapshots: str) -> None:
    truth = stage.control.witness("ec2")
    truth.enable_fast_snapshot_restores(AvailabilityZones=[NAMES[zone]], SourceSnapshotIds=[*snapshots])


def night(stage: Stage, key: str = "second") -> RunRecord:
    stage.control.advance(86_400)
    return stage.run(NIGHT, key)


def calls(stage: Stage, operation: str) -> int:
    return sum(row["count"] for row in stage.control.calls()["by"] if row["operation"] == operation)


def test_the_newest_point_of_what_cannot_be_read_in_soon_is_fast_and_nothing_else(stage: Stage) -> None:
    assert pairs(stage) == {(points(stage, stage.estate["big"])[0], HEALTHY): "enabled"}


def test_a_night_later_the_new_point_takes_over_and_at_no_moment_nothing_is_fast(stage: Stage) -> None:
    [old] = points(stage, stage.estate["big"])
    moments: list[tuple[float, set[str]]] = []

    def look() -> None:
        enabled = {snapshot for (snapshot, _), state in pairs(stage).items() if state == "enabled"}
        moments.append((stage.services.clock.now().timestamp(), enabled))

    stage.control.advance(86_400)
    found = stage.drive(stage.start(NIGHT, "second"), look)
    assert found.state == "succeeded", found
    [new, _] = points(stage, stage.estate["big"])
    assert pairs(stage) == {(new, HEALTHY): "enabled"}
    assert step(found, "fast").outputs == {"enabled": [new], "disabled": [old]}
    since = next(at for at, enabled in moments if new in enabled)
    alone = [at for at, enabled in moments if old not in enabled]
    assert all(enabled for _, enabled in moments)
    assert min(alone) - since > 1.5 * 3600  # not before the new one has had time for a credit
    again = stage.run(NIGHT.model_copy(update={"steps": NIGHT.steps[1:]}), "again")
    assert step(again, "fast").counts.planned == 0


def restore(stage: Stage, **given: Any) -> dict[str, Any]:
    asked = {"select": {"volumes": [stage.estate["big"]]}, "policy": POLICY, "to_zone": HEALTHY}
    return {"id": "restored", "uses": "ebs.restore_volumes", "with": {**asked, "initialised_within": "15m", **given}}


def test_a_volume_that_no_rate_reads_in_soon_enough_is_initialised_within_the_objective(stage: Stage) -> None:
    stage.control.advance(3 * 3600)
    began = stage.control.now()
    found = stage.run(book(restore(stage, wait_for="initialised")), "fast")
    [told] = found.recovered
    assert told.initialised_at is not None
    assert told.initialised_at - began < OBJECTIVE
    assert volumes(stage)[told.replacement]["FastRestored"]
    stage.control.advance(60)
    elsewhere = stage.run(book(restore(stage, to_zone=OTHER)), "elsewhere")
    assert "ebs.keep_fast_restore" in " ".join(step(elsewhere, "restored").notes)
    assert elsewhere.recovered[0].initialised_at is None


def test_a_volume_without_a_credit_is_not_said_to_be_initialised(stage: Stage) -> None:
    stage.control.advance(3 * 3600)
    stage.run(book(restore(stage)), "takes the credit")
    found = stage.run(book(restore(stage)), "none left")
    [told] = found.recovered
    assert told.initialised_at is None
    assert "no credit left" in told.note
    assert not volumes(stage)[told.replacement]["FastRestored"]
    patient = {**restore(stage, wait_for="initialised"), "within": "12h"}
    late = stage.run(book(patient), "waits for all its data").recovered[0]
    assert late.initialised_at is not None
    assert late.initialised_at - late.ready_at > OBJECTIVE
    assert "no credit left" in late.note


@pytest.mark.parametrize(("waits_s", "slow"), [(3600, False), (420, True)])
def test_a_replacement_tells_which_of_its_volumes_are_not_fast(stage: Stage, waits_s: float, *, slow: bool) -> None:
    names = stage.estate["names"]
    by_hand(stage, HEALTHY, *(points(stage, names[name])[0] for name in ("db-1/xvda", "db-1/sdf")))
    stage.control.advance(waits_s)  # 100 GiB are optimized in six minutes, and have a credit six minutes later
    go_dark(stage, 0)
    stage.control.advance(60 if slow else 120)
    asked = launch(select={"ids": [names["db-1"]]}, to_zones=[HEALTHY], initialised_within="1m", old="leave")
    [told] = stage.run(book(asked), "db").recovered
    assert (told.initialised_at is None) is slow
    assert (f"no credit left for {names['db-1/sdf']}:" in told.note) is slow


def test_what_a_person_enabled_is_used_and_left_on(stage: Stage) -> None:
    names, big = stage.estate["names"], stage.estate["big"]
    [old] = points(stage, big)
    by_hand(stage, OTHER, old)
    mine = points(stage, names["db-1/sdf"])[0]
    by_hand(stage, HEALTHY, mine)
    assert night(stage).state == "succeeded"
    new = points(stage, big)[0]
    assert pairs(stage).keys() == {(new, HEALTHY), (old, OTHER), (mine, HEALTHY)}
    by_hand(stage, HEALTHY, old)  # which Lifeboat had enabled once: its tag is there still
    assert tagged(stage, old)
    assert night(stage, "third").state == "succeeded"
    assert (old, HEALTHY) in pairs(stage)


def test_without_room_in_the_quota_the_old_point_stays_fast_and_it_is_said(stage: Stage) -> None:
    [old] = points(stage, stage.estate["big"])
    four = [points(stage, one)[0] for one in stage.estate["protected"][:4]]
    by_hand(stage, HEALTHY, *four)
    found = night(stage)
    assert found.state == "failed"
    [failure] = step(found, "fast").failures
    assert failure.code == "action.quota_full"
    assert f"{old} stays fast" in failure.message
    assert pairs(stage).keys() == {(one, HEALTHY) for one in (*four, old)}


def test_a_refusal_within_an_answer_of_200_is_a_failure_with_the_words_of_aws(stage: Stage) -> None:
    stage.control.weather(quotas={"fast_restores": 1})
    found = night(stage)
    failed = [one for one in step(found, "fast").failures if one.code == "action.quota_full"]
    assert "You have reached the limit of 1 snapshots" in failed[0].message
    assert pairs(stage).keys() == {(points(stage, stage.estate["big"])[1], HEALTHY)}


class Killed(BaseException):
    """The process is no more."""


def test_killed_between_tag_and_enabling_it_goes_on_and_does_nothing_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends = sending.send

    def dies(aws: Any, service: str, region: str, operation: str, *more: Any) -> Any:
        if operation == "EnableFastSnapshotRestores":
            raise Killed
        return sends(aws, service, region, operation, *more)

    stage.control.advance(86_400)
    run = stage.start(NIGHT, "second")
    before = calls(stage, "EnableFastSnapshotRestores")
    monkeypatch.setattr("chalicelib.actions.ebs_fast_restore.send", dies)
    with pytest.raises(Killed):
        stage.drive(run)
    monkeypatch.undo()
    [new, old] = points(stage, stage.estate["big"])
    assert pairs(stage).keys() == {(old, HEALTHY)}
    assert tagged(stage, new)
    found = stage.run(NIGHT, "second")
    assert (found.run_id, found.state) == (run.run_id, "succeeded")
    assert pairs(stage) == {(new, HEALTHY): "enabled"}
    assert calls(stage, "EnableFastSnapshotRestores") == before + 1


def test_lost_answers_are_found_by_looking(stage: Stage) -> None:
    stage.control.advance(86_400)
    stage.run(book(BACKUP), "second")
    before = calls(stage, "EnableFastSnapshotRestores"), calls(stage, "DisableFastSnapshotRestores")
    stage.control.weather(lost_answer_share=1.0)
    found = stage.run(book(keep()), "deaf")
    assert found.state == "succeeded", found
    assert pairs(stage) == {(points(stage, stage.estate["big"])[0], HEALTHY): "enabled"}
    after = calls(stage, "EnableFastSnapshotRestores"), calls(stage, "DisableFastSnapshotRestores")
    assert after == (before[0] + 1, before[1] + 1)


def test_what_a_run_enabled_is_taken_back(stage: Stage) -> None:
    bad = {"id": "bad", "uses": "check.volumes", "with": {"select": {"volumes": ["vol-0123456789abcdef0"]}}}
    steps = [BACKUP, {**keep(zones=[HEALTHY, OTHER]), "on_failure": "undo"}, {**bad, "on_failure": "undo"}]
    stage.control.advance(86_400)
    found = stage.run(book(*steps), "undone")
    assert found.state == "failed"
    [new, old] = points(stage, stage.estate["big"])
    assert (new, HEALTHY) not in pairs(stage)
    assert (new, OTHER) not in pairs(stage)
    [cannot] = step(found, "undo-fast").failures
    assert (cannot.resource, "Enable it by hand" in cannot.message) == (old, True)


def test_the_dark_zone_of_the_estate_is_no_target(stage: Stage) -> None:
    """Nothing was enabled in a zone that was not named."""
    assert DARK not in {zone for _, zone in pairs(stage)}
