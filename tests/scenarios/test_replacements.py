"""A zone goes dark: its stateful instances are brought back in another one, once, and the old ones are fenced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step
from tests.scenarios.recovery import (
    HEALTHY,
    OTHER,
    backed_up,
    book,
    go_dark,
    heal,
    instances,
    launch,
    made_for,
    on_a_copy,
    volumes,
)


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as prepared:
        yield prepared


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def test_the_instances_of_a_dark_zone_run_elsewhere_with_their_volumes_of_last_night(stage: Stage) -> None:
    names, before = stage.estate["names"], volumes(stage)
    go_dark(stage)
    found = stage.run(book(launch()))
    assert found.state == "succeeded", step(found, "instances")
    every = instances(stage)
    for name in ("web-1", "db-1", "db-2"):
        old, [new] = every[names[name]], made_for(stage, names[name])
        assert new["State"]["Name"] == "running"
        assert new["Placement"]["AvailabilityZoneId"] == HEALTHY
        assert (new["InstanceType"], new["IamInstanceProfile"]["Arn"]) == (
            old["InstanceType"],
            old["IamInstanceProfile"]["Arn"],
        )
        assert [g["GroupId"] for g in new["SecurityGroups"]] == [g["GroupId"] for g in old["SecurityGroups"]]
        assert new["tags"]["Name"] == name
        assert old["State"]["Name"] == "running"  # nothing reaches it
    disks = {b["DeviceName"]: b["Ebs"]["VolumeId"] for b in made_for(stage, names["db-1"])[0]["BlockDeviceMappings"]}
    after = volumes(stage)
    assert set(disks) == {"/dev/xvda", "/dev/sdf"}  # /dev/sdg is shared with another instance
    for device, old_id in (("/dev/xvda", names["db-1/xvda"]), ("/dev/sdf", names["db-1/sdf"])):
        new, old = after[disks[device]], before[old_id]
        facts = ("VolumeType", "Size", "Iops", "Encrypted", "KmsKeyId", "Throughput")
        assert {k: new.get(k) for k in facts} == {k: old.get(k) for k in facts}
        assert (new["tags"]["lifeboat:restored"], new["tags"]["backup"]) == (old_id, "nightly")
    assert set(before) <= set(after)  # old volumes are kept


def failures(found: Any) -> dict[str, str]:
    return {f.resource: f.message for f in step(found, "instances").failures}


def test_the_first_zone_with_room_is_taken_and_other_types_only_after_all_have_refused(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    stage.control.weather(no_capacity=[f"{HEALTHY}/m6i.large"])
    only = {"ids": [web]}
    found = stage.run(book(launch(select=only, types=["m6i.xlarge"])), "zone")
    [new] = made_for(stage, web)
    assert (new["InstanceType"], new["Placement"]["AvailabilityZoneId"]) == ("m6i.large", OTHER)
    assert "InsufficientInstanceCapacity" in found.recovered[0].note
    db = stage.estate["names"]["db-1"]
    stage.control.weather(no_capacity=[f"{HEALTHY}/r6i.xlarge", f"{OTHER}/r6i.xlarge"])
    found = stage.run(book(launch(select={"ids": [db]}, types=["r6i.2xlarge"])), "type")
    [new] = made_for(stage, db)
    assert (new["InstanceType"], new["Placement"]["AvailabilityZoneId"]) == ("r6i.2xlarge", HEALTHY)


def test_without_room_it_goes_on_trying_and_takes_no_type_that_nobody_named(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    stage.control.weather(no_capacity=[f"{HEALTHY}/m6i.large", f"{OTHER}/m6i.large"])
    began = stage.services.clock.now()

    def room() -> None:
        if (stage.services.clock.now() - began).total_seconds() > 1200:
            stage.control.weather(no_capacity=[])

    found = stage.drive(stage.start(book(launch(select={"ids": [web]})), "k"), room)
    assert found.state == "succeeded"
    [new] = made_for(stage, web)
    assert new["InstanceType"] == "m6i.large"
    assert found.recovered[0].rto_s > 1200


def test_an_instance_that_is_healthy_again_is_left_alone(stage: Stage) -> None:
    go_dark(stage)
    run = stage.start(book(launch()))
    planned = False

    def between() -> None:
        nonlocal planned
        if not planned and stage.services.ledger.steps(run.run_id):
            planned = True

    stage.control.weather(throttle_share=1.0)  # nothing can be made before the zone is back
    healed = False

    def back() -> None:
        nonlocal healed
        between()
        if planned and not healed:
            heal(stage)
            stage.control.weather(throttle_share=0.0)
            healed = True

    found = stage.drive(run, back)
    assert healed
    counts = step(found, "instances").counts
    assert failures(found) == {}
    assert (found.state, counts.moot, counts.done) == ("succeeded", counts.planned, 0)
    assert [one for one in instances(stage).values() if "lifeboat:restored" in one["tags"]] == []


def test_there_is_never_a_second_replacement(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    first = stage.run(book(launch(select={"ids": [web]})), "one")
    again = stage.run(book(launch(select={"ids": [web]})), "one")
    other = stage.run(book(launch(select={"ids": [web]})), "two")
    assert (first.run_id, len(made_for(stage, web))) == (again.run_id, 1)
    assert other.state == "succeeded"
    assert any("has a replacement already" in note for note in step(other, "instances").notes)


def test_two_runs_at_once_make_one_replacement(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    rival = stage.start(book(launch(select={"ids": [web]})), "rival")
    stage.services.ledger.lease("recovery", web, rival.run_id)
    found = stage.run(book(launch(select={"ids": [web]})), "mine")
    assert rival.run_id in failures(found)[web]
    assert made_for(stage, web) == []


def test_what_belongs_to_a_group_or_is_hands_off_or_elsewhere_is_not_touched(stage: Stage) -> None:
    names, truth = stage.estate["names"], stage.control.witness("ec2")
    truth.create_tags(Resources=[names["web-1"]], Tags=[{"Key": "aws:autoscaling:groupName", "Value": "web"}])
    truth.create_tags(Resources=[names["db-1"]], Tags=[{"Key": "lifeboat:hands-off", "Value": ""}])
    go_dark(stage)
    found = stage.run(book(launch()))
    assert found.state == "succeeded"
    replaced = {one["tags"].get("lifeboat:restored") for one in instances(stage).values()} - {None}
    assert replaced == {names["db-2"]}
    notes = " ".join(step(found, "instances").notes)
    assert names["web-1"] in notes
    assert names["db-1"] in notes


def test_a_point_that_is_too_old_asks_first(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    asked = launch(select={"ids": [web]}, max_age="10m")
    run = stage.start(book({**asked, "approved_in_advance": "a day may be lost"}), "approved")
    assert stage.drive(run).state == "succeeded"
    assert len(made_for(stage, web)) == 1
    db = stage.estate["names"]["db-1"]
    waiting = stage.start(book(launch(select={"ids": [db]}, max_age="10m")), "asked")

    class Waits(Exception):  # noqa: N818 - ends the drive while the run waits for a person
        pass

    def asked_now() -> None:
        if stage.services.ledger.questions(waiting.run_id):
            raise Waits

    with pytest.raises(Waits):
        stage.drive(waiting, asked_now)
    [question] = stage.services.ledger.questions(waiting.run_id)
    assert "10m is allowed" in question.reason
    assert made_for(stage, db) == []
