"""What becomes of an instance that was replaced: fenced as soon as its zone answers, its volumes kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.engine.obligations import Debts
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step
from tests.scenarios.recovery import backed_up, book, go_dark, heal, instances, launch, made_for, on_a_copy, volumes


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as prepared:
        names, truth = prepared[1]["names"], prepared[0].witness("ec2")
        prepared[1]["address"] = truth.allocate_address(Domain="vpc")["AllocationId"]
        truth.associate_address(AllocationId=prepared[1]["address"], InstanceId=names["web-1"])
        vpc = truth.describe_vpcs()["Vpcs"][0]["VpcId"]
        made = truth.create_security_group(GroupName="isolated", Description="Nothing in or out", VpcId=vpc)
        prepared[1]["isolation"] = made["GroupId"]
        prepared[0].settle()
        yield prepared


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def sweep(stage: Stage, rounds: int = 3) -> list[str]:
    """Let the sweeper do what is owed, and return what was settled."""
    done = []
    for _ in range(rounds):
        done += [one.name for one in Debts(stage.services.engine).sweep() if one.outcome == "settled"]
        stage.control.advance(900)
        stage.services.clock.sleep(900)
    return done


def holder(stage: Stage) -> str:
    asked = [stage.estate["address"]]
    return str(stage.control.witness("ec2").describe_addresses(AllocationIds=asked)["Addresses"][0]["InstanceId"])


def registered(stage: Stage) -> dict[str, str]:
    elb = stage.control.witness("elbv2")
    arn = stage.estate["front"]["target_groups"]["shop-web"]
    told = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in told}


def only(stage: Stage, name: str, **given: Any) -> dict[str, Any]:
    return launch(select={"ids": [stage.estate["names"][name]]}, **given)


def test_in_the_dark_the_fence_is_owed_and_what_points_to_the_old_one_moves(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    stage.control.reset_calls()
    found = stage.run(book(only(stage, "web-1")))
    assert found.state == "succeeded", step(found, "instances")
    assert "StopInstances" not in {row["operation"] for row in stage.control.calls()["by"]}
    assert stage.control.faults().get("zone_dark", 0) == 0  # no call went to the dark zone at all
    [new] = made_for(stage, web)
    assert holder(stage) == new["InstanceId"]
    assert registered(stage)[new["InstanceId"]] in {"initial", "healthy"}
    assert registered(stage)[web] == "draining"
    owed = {name: each.uses for name, each in stage.services.ledger.owed(found.run_id).items()}
    by, gone = "ec2.fence_old", "ec2.remove_restored"
    assert owed == {f"fence.{web}": by, f"keep.{web}": by, f"image.{web}": gone}
    assert sweep(stage) == []  # the zone is dark still
    assert instances(stage)[web]["State"]["Name"] == "running"
    assert set(stage.services.ledger.owed(found.run_id)) >= {f"fence.{web}", f"keep.{web}"}


def test_when_the_zone_answers_the_old_one_is_stopped_and_its_volumes_are_snapshotted_once(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    found = stage.run(book(only(stage, "web-1")))
    heal(stage)
    stage.services.clock.sleep(600)
    assert set(sweep(stage)) >= {f"fence.{web}", f"keep.{web}"}
    old = instances(stage)[web]
    assert (old["State"]["Name"], old["tags"]["lifeboat:fenced"]) == ("stopped", "stop")
    kept = [s for s in stage.snapshots("us-east-1", found.run_id) if s["tags"].get("lifeboat:kept") == web]
    assert {s["VolumeId"] for s in kept} == {stage.estate["names"]["web-1/xvda"], stage.estate["names"]["web-1/sdf"]}
    assert len(kept) == 2
    assert {stage.estate["names"]["web-1/xvda"], stage.estate["names"]["web-1/sdf"]} <= set(volumes(stage))
    stage.control.advance(5 * 3600)
    stage.services.clock.sleep(5 * 3600)
    assert sweep(stage, 2) == [f"image.{web}"]
    assert stage.control.witness("ec2").describe_images(Owners=["self"])["Images"] == []
    assert stage.services.ledger.owed(found.run_id) == {}


def test_an_instance_that_answers_is_fenced_before_anything_moves(stage: Stage) -> None:
    web, group = stage.estate["names"]["web-1"], stage.estate["isolation"]
    stage.control.reset_calls()
    found = stage.run(book(only(stage, "web-1", old="isolate", isolation_group=group)))
    assert found.state == "succeeded", step(found, "instances")
    order = [row["operation"] for row in stage.control.call_log() if row["outcome"] == "ok"]
    moves = [order.index(name) for name in ("RunInstances", "ModifyInstanceAttribute", "AssociateAddress")]
    assert moves == sorted(moves)
    assert order.index("ModifyInstanceAttribute") < order.index("RegisterTargets") < order.index("DeregisterTargets")
    old = instances(stage)[web]
    assert [g["GroupId"] for g in old["SecurityGroups"]] == [group]
    assert old["tags"]["lifeboat:fenced"].startswith("sg-")
    assert holder(stage) != web


def test_what_may_still_be_at_work_keeps_its_addresses(stage: Stage) -> None:
    web = stage.estate["names"]["web-1"]
    go_dark(stage)
    found = stage.run(book(only(stage, "web-1", old="leave")))
    assert found.state == "succeeded"
    assert len(made_for(stage, web)) == 1
    assert holder(stage) == web
    assert set(stage.services.ledger.owed(found.run_id)) == {f"keep.{web}", f"image.{web}"}
    assert any("old: leave" in note for note in step(found, "instances").notes)


def test_what_somebody_else_has_moved_is_left_there(stage: Stage) -> None:
    names, truth = stage.estate["names"], stage.control.witness("ec2")
    go_dark(stage)
    moved = False

    def between() -> None:
        nonlocal moved
        if not moved and made_for(stage, names["web-1"]):
            truth.associate_address(AllocationId=stage.estate["address"], InstanceId=names["batch-1"])
            moved = True

    found = stage.drive(stage.start(book(only(stage, "web-1")), "k"), between)
    assert moved
    assert found.state == "failed"
    assert [f.resource for f in step(found, "instances").failures] == [stage.estate["address"]]
    assert holder(stage) == names["batch-1"]


FAILS = {"id": "bad", "uses": "check.volumes", "with": {"select": {"volumes": ["vol-0123456789abcdef0"]}}}


def undone(stage: Stage, name: str, **given: Any) -> Any:
    """Replace an instance in a run that fails afterwards and takes everything back."""
    steps = ({**only(stage, name, **given), "on_failure": "undo"}, {**FAILS, "on_failure": "undo"})
    return stage.run(book(*steps), "undone")


def test_what_a_run_made_is_taken_back_and_the_old_one_is_at_work_again(stage: Stage) -> None:
    web, before = stage.estate["names"]["web-1"], set(volumes(stage))
    found = undone(stage, "web-1")
    assert found.state == "failed"
    stage.control.settle()
    every = instances(stage)
    assert made_for(stage, web) == []
    assert set(volumes(stage)) == before
    assert every[web]["State"]["Name"] == "running"
    assert "lifeboat:fenced" not in every[web]["tags"]
    assert holder(stage) == web
    assert registered(stage)[web] in {"initial", "healthy"}
    assert stage.control.witness("ec2").describe_images(Owners=["self"])["Images"] == []
    assert stage.services.ledger.owed(found.run_id) == {}


def test_isolation_is_taken_back_with_the_groups_that_were(stage: Stage) -> None:
    web, group = stage.estate["names"]["web-1"], stage.estate["isolation"]
    before = instances(stage)[web]["SecurityGroups"]
    undone(stage, "web-1", old="isolate", isolation_group=group)
    assert instances(stage)[web]["SecurityGroups"] == before
    assert holder(stage) == web


def test_answers_that_are_lost_are_looked_for_and_nothing_is_made_twice(stage: Stage) -> None:
    web, before = stage.estate["names"]["web-1"], set(volumes(stage))
    stage.control.weather(lost_answer_share=0.6)
    found = stage.run(book(only(stage, "web-1")))
    assert found.state == "succeeded", step(found, "instances")
    stage.control.weather(lost_answer_share=0.0)
    [new] = made_for(stage, web)
    assert len(set(volumes(stage)) - before) == 2
    assert holder(stage) == new["InstanceId"]
    assert instances(stage)[web]["State"]["Name"] == "stopped"
    assert step(found, "instances").counts.adopted > 0


def test_what_changed_since_the_plan_is_left_alone(stage: Stage) -> None:
    names, truth = stage.estate["names"], stage.control.witness("ec2")
    go_dark(stage)
    stage.control.weather(throttle_share=1.0)  # planned, and nothing made yet
    changed = False

    def between() -> None:
        nonlocal changed
        if changed:
            return
        truth.create_tags(Resources=[names["web-1"]], Tags=[{"Key": "lifeboat:hands-off", "Value": ""}])
        truth.terminate_instances(InstanceIds=[names["db-2"]])
        image = instances(stage)[names["web-2"]]["ImageId"]
        tags = [{"Key": "lifeboat:restored", "Value": names["db-1"]}, {"Key": "lifeboat:run", "Value": "another"}]
        spec = [{"ResourceType": "instance", "Tags": tags}]
        truth.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=spec)
        stage.control.settle()
        stage.control.weather(throttle_share=0.0)
        changed = True

    found = stage.drive(stage.start(book(launch()), "k"), between)
    assert changed
    said = " ".join(f.message for f in step(found, "instances").failures)
    assert "tagged lifeboat:hands-off since the plan" in said
    assert "is terminated since the plan" in said or "is gone since the plan" in said
    assert "made by run another" in said
    assert made_for(stage, names["web-1"]) == []
    assert len(made_for(stage, names["db-1"])) == 1
