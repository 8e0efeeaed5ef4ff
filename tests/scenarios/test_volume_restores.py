"""Volumes are restored from one complete set, attached where they belong, and initialised only later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.engine.local import drive, here
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step
from tests.scenarios.recovery import (
    BACKUP,
    HEALTHY,
    OTHER,
    POLICY,
    backed_up,
    book,
    go_dark,
    launch,
    made_for,
    on_a_copy,
    volumes,
)

CHECK = {"id": "check", "uses": "check.volumes"}


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as prepared:
        yield prepared


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def restore(stage: Stage, *names: str, **given: Any) -> dict[str, Any]:
    asked = {"volumes": [stage.estate["names"][name] for name in names]}
    return {
        "id": "restored",
        "uses": "ebs.restore_volumes",
        "with": {"select": asked, "policy": POLICY, "to_zone": HEALTHY, **given},
    }


def restored(stage: Stage) -> dict[str, Any]:
    """Return the restored volumes by the one that each stands in for."""
    found = volumes(stage).values()
    return {one["tags"]["lifeboat:restored"]: one for one in found if "lifeboat:restored" in one["tags"]}


def test_a_volume_comes_back_as_it_was_in_the_stated_zone_and_once(stage: Stage) -> None:
    names = stage.estate["names"]
    go_dark(stage)
    found = stage.run(book(restore(stage, "db-1/sdf", "db-1/xvda")))
    assert found.state == "succeeded"
    made, before = restored(stage), volumes(stage)
    for name in ("db-1/sdf", "db-1/xvda"):
        new, old = made[names[name]], before[names[name]]
        facts = ("VolumeType", "Size", "Iops", "Encrypted", "KmsKeyId", "Throughput")
        assert {k: new.get(k) for k in facts} == {k: old.get(k) for k in facts}
        assert (new["AvailabilityZoneId"], new["State"]) == (HEALTHY, "available")
        assert new["tags"]["Name"] == old["tags"]["Name"]
    again = stage.run(book(restore(stage, "db-1/sdf", "db-1/xvda")))
    assert (again.run_id, len(restored(stage))) == (found.run_id, 2)
    [told, _] = found.recovered
    assert told.rpo_s is not None
    assert told.point is not None


def test_available_and_fully_initialised_are_two_times(stage: Stage) -> None:
    quick = restore(stage, "db-1/sdf", initialised_within="5m", wait_for="initialised")
    found = stage.run(book(quick), "quick")
    [told] = found.recovered
    assert told.initialised_at is not None
    assert told.initialised_at > told.ready_at
    [volume] = restored(stage).values()
    assert volume["VolumeInitializationRate"] >= 100


def test_check_volumes_tells_what_is_not_attached_or_not_read_in_yet(stage: Stage) -> None:
    go_dark(stage)
    made = stage.run(book(restore(stage, "db-1/sdf")))
    assert made.recovered[0].initialised_at is None
    selected = {"tags": {"lifeboat:restored": stage.estate["names"]["db-1/sdf"]}}
    found = stage.run(book({**CHECK, "with": {"select": selected, "initialised": True}}), "check")
    [finding] = step(found, "check").findings
    assert finding.code == "check.volume_not_attached"
    found = stage.run(book({**CHECK, "with": {"select": selected, "attached": False, "initialised": True}}), "check2")
    [finding] = step(found, "check").findings
    assert finding.code == "check.volume_not_initialised"
    assert int(str(finding.facts["progress"])) < 100
    stage.control.advance(7200)
    found = stage.run(book({**CHECK, "with": {"select": selected, "attached": False, "initialised": True}}), "check3")
    assert found.state == "succeeded"
    dark = {"volumes": [stage.estate["names"]["web-1/sdf"]]}
    found = stage.run(book({**CHECK, "with": {"select": dark}}), "check4")
    assert step(found, "check").findings[0].code == "check.volume_impaired"
    found = stage.run(book({**CHECK, "with": {"select": dark, "not_in_zone": "use1-az6"}}), "check5")
    assert step(found, "check").findings[0].code == "check.volume_in_zone"


def attach(stage: Stage, **given: Any) -> dict[str, Any]:
    names = stage.estate["names"]
    instead = {"instances": {names["db-1"]: names["web-2"]}, **given}
    return {
        "id": "attached",
        "uses": "ebs.attach_volumes",
        "with": {"volumes": "${{ steps.restored.restored }}", **instead},
    }


def stop(stage: Stage, name: str) -> str:
    instance = str(stage.estate["names"][name])
    stage.control.witness("ec2").stop_instances(InstanceIds=[instance])
    stage.control.settle()
    return instance


def test_restored_volumes_go_to_a_stopped_instance_under_their_recorded_names(stage: Stage) -> None:
    host = stop(stage, "web-2")
    stage.control.witness("ec2").detach_volume(VolumeId=stage.estate["names"]["web-2/sdf"])
    stage.control.settle()
    found = stage.run(book(restore(stage, "db-1/sdf"), attach(stage)))
    assert found.state == "succeeded", step(found, "attached")
    [volume] = restored(stage).values()
    [held] = volume["Attachments"]
    assert (held["InstanceId"], held["Device"]) == (host, "/dev/sdf")


def test_what_is_taken_running_or_elsewhere_is_left_alone(stage: Stage) -> None:
    names = stage.estate["names"]
    found = stage.run(book(restore(stage, "db-1/sdf"), attach(stage)), "running")
    assert "is running" in step(found, "attached").failures[0].message
    stop(stage, "web-2")
    found = stage.run(book(restore(stage, "db-1/sdf"), attach(stage)), "device")
    assert "has another volume as /dev/sdf" in step(found, "attached").failures[0].message
    stage.control.witness("ec2").detach_volume(VolumeId=names["web-2/sdf"])
    stage.control.settle()
    found = stage.run(book(restore(stage, "db-1/sdf", to_zone=OTHER), attach(stage)), "zone")
    assert "restore it there" in step(found, "attached").failures[0].message
    held = [v for v in restored(stage).values() if v["Attachments"]]
    assert held == []
    mine = {"volume_id": names["web-1/sdf"], "instance_id": names["web-2"], "device": "/dev/sdf"}
    asked = {"id": "attached", "uses": "ebs.attach_volumes", "with": {"volumes": [mine]}}
    found = stage.run(book(asked), "elsewhere")
    assert "it is left there" in step(found, "attached").failures[0].message
    there = {"volume_id": names["web-2/xvda"], "instance_id": names["web-2"], "device": "/dev/xvda"}
    found = stage.run(book({**asked, "with": {"volumes": [there]}}), "already")
    assert step(found, "attached").counts.moot == 1


def test_an_older_point_is_restored_when_a_time_is_stated(stage: Stage) -> None:
    first = stage.services.clock.now()
    stage.control.advance(24 * 3600)
    stage.run(book(BACKUP), "second night")
    stage.control.settle()
    found = stage.run(book(restore(stage, "db-1/sdf", at=first.isoformat())), "past")
    newest = stage.run(book(restore(stage, "db-1/sdf")), "newest")
    assert found.recovered[0].point is not None
    assert newest.recovered[0].point is not None
    assert found.recovered[0].point < first < newest.recovered[0].point


def test_what_cannot_be_restored_is_named_and_a_gone_volume_comes_back(stage: Stage) -> None:
    names = stage.estate["names"]
    truth = stage.control.witness("ec2")
    truth.terminate_instances(InstanceIds=[names["web-2"]])
    stage.control.settle()
    truth.delete_volume(VolumeId=names["web-2/sdf"])
    found = stage.run(book(restore(stage, "web-2/sdf", "batch-1/sdg")))
    done = step(found, "restored")
    assert [f.code for f in done.failures] == ["action.no_point"]
    assert set(restored(stage)) == {names["web-2/sdf"]}


def test_what_was_restored_and_attached_is_taken_back(stage: Stage) -> None:
    names = stage.estate["names"]
    stop(stage, "web-2")
    stage.control.witness("ec2").detach_volume(VolumeId=names["web-2/sdf"])
    stage.control.settle()
    bad = {"id": "bad", "uses": "check.volumes", "with": {"select": {"volumes": ["vol-0123456789abcdef0"]}}}
    steps = [{**each, "on_failure": "undo"} for each in (restore(stage, "db-1/sdf"), attach(stage), bad)]
    found = stage.run(book(*steps))
    assert found.state == "failed"
    assert restored(stage) == {}
    held = stage.control.witness("ec2").describe_volumes(VolumeIds=[names["db-1/sdf"]])["Volumes"][0]
    assert held["State"] == "in-use"  # the old one was not touched


def test_lost_answers_make_no_second_volume_and_no_second_attachment(stage: Stage) -> None:
    host = stop(stage, "web-2")
    stage.control.witness("ec2").detach_volume(VolumeId=stage.estate["names"]["web-2/sdf"])
    stage.control.settle()
    stage.control.weather(lost_answer_share=1.0)
    found = stage.run(book(restore(stage, "db-1/sdf"), attach(stage)))
    assert found.state == "succeeded", step(found, "attached")
    [volume] = restored(stage).values()
    assert [a["InstanceId"] for a in volume["Attachments"]] == [host]


def test_a_volume_of_several_instances_is_restored_once_and_attached_to_the_new_ones(stage: Stage) -> None:
    go_dark(stage)
    names = stage.estate["names"]
    pair = {"select": {"ids": [names["db-1"], names["db-2"]]}, "to_zones": [HEALTHY]}
    launched = stage.run(book(launch(**pair)), "launch")
    assert launched.state == "succeeded", [(one.message, one.failures) for one in launched.steps]
    assert any("attach it to each" in note for one in launched.steps for note in one.notes)
    back = stage.run(book(restore(stage, "shared")), "restore")
    assert back.state == "succeeded", [(one.message, one.failures, one.notes) for one in back.steps]
    [new] = [one for old, one in restored(stage).items() if old == names["shared"]]
    old = volumes(stage)[names["shared"]]
    assert (new["MultiAttachEnabled"], new["VolumeType"], new["Iops"]) == (True, old["VolumeType"], old["Iops"])
    hosts = sorted(made_for(stage, names[one])[0]["InstanceId"] for one in ("db-1", "db-2"))
    stage.control.witness("ec2").stop_instances(InstanceIds=hosts)
    stage.control.advance(600)
    given = [{"volume_id": new["VolumeId"], "instance_id": host, "device": "/dev/sdx"} for host in hosts]
    found = stage.run(book({"id": "attached", "uses": "ebs.attach_volumes", "with": {"volumes": given}}), "attach")
    assert (found.state, step(found, "attached").counts.done) == ("succeeded", 2)
    assert sorted(one["InstanceId"] for one in volumes(stage)[new["VolumeId"]]["Attachments"]) == hosts
    services, run = stage.services, stage.services.ledger.load(found.run_id)
    assert run
    taken = services.starter.undo(run, by="ana", reason="the zone is back", holder=here())
    assert drive(services.engine, taken).state == "undone"
    assert volumes(stage)[new["VolumeId"]]["Attachments"] == []
