"""What goes wrong is said by name, with what to do; everything else is backed up and copied."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.run import StepState
from tests.scenarios.conftest import AWAY, HOME, Stage, exit_code, step


def the_rest_is_backed_up(stage: Stage, run_id: str, *lost: str) -> None:
    rest = set(stage.estate["protected"]) - set(lost)
    assert stage.backed_up(run_id) == (rest, rest)


def test_a_quiet_night_backs_up_everything_and_exits_0(stage: Stage) -> None:
    found = stage.run(stage.book())
    assert exit_code(found) == 0
    the_rest_is_backed_up(stage, found.run_id)
    assert found.objectives.rpo.met
    assert [message["topic"].rsplit(":", 1)[-1] for message in stage.control.published()] == ["backups"]


def test_a_selector_that_selects_nothing_fails_and_says_what_it_looked_for(stage: Stage) -> None:
    steps: list[dict[str, Any]] = [
        {
            "id": "snapshots",
            "uses": "ebs.create_snapshots",
            "with": {"select": {"tags": {"backup": "nigthly"}}, "policy": "nightly"},
        }
    ]
    found = stage.run(stage.book(steps=steps))
    said = step(found, "snapshots")
    assert exit_code(found) == 1
    assert said.code == "action.nothing_selected"
    assert "backup=nigthly" in said.message
    assert HOME in said.message
    assert stage.control.published()[0]["topic"].endswith(":oncall")
    assert "nigthly" in stage.control.published()[0]["message"]


def test_a_missing_key_fails_before_the_first_copy_and_the_snapshots_are_made(stage: Stage) -> None:
    book = stage.book()
    steps = [dict(line) for line in stage.book().model_dump(mode="json", by_alias=True)["steps"]]
    steps[1]["with"] = {**steps[1]["with"], "kms_key": "alias/recovry"}
    found = stage.run(stage.book(steps=steps))
    said = step(found, "copies")
    assert exit_code(found) == 1
    assert said.code == "action.key_unusable"
    assert "alias/recovry" in said.message
    assert AWAY in said.message
    here, away = stage.backed_up(found.run_id)
    assert (here, away) == (set(stage.estate["protected"]), set())
    assert book.name == found.runbook


def test_a_volume_deleted_between_plan_and_apply_is_named_and_the_rest_of_its_set_is_backed_up(stage: Stage) -> None:
    ec2 = stage.control.witness("ec2", HOME)
    volumes = ec2.describe_volumes(VolumeIds=stage.estate["protected"])["Volumes"]
    attached = [v for v in volumes if len(v["Attachments"]) == 1]
    data = next(v for v in attached if v["Attachments"][0]["Device"] != "/dev/xvda")
    gone, instance = data["VolumeId"], data["Attachments"][0]["InstanceId"]
    stage.control.weather(throttle_share=1.0)
    run = stage.start(stage.book())
    stage.services.engine.advance(run.run_id, 1)
    assert not stage.snapshots(HOME, run.run_id, "pending"), "planned, and nothing applied yet"
    ec2.detach_volume(VolumeId=gone, InstanceId=instance, Device=data["Attachments"][0]["Device"])
    stage.control.settle()
    ec2.delete_volume(VolumeId=gone)
    stage.control.weather(throttle_share=0.0)
    found = stage.drive(run)
    said = step(found, "snapshots")
    assert exit_code(found) == 1
    assert said.state is StepState.PARTIAL
    [failure] = said.failures
    assert (failure.resource, failure.code) == (gone, "action.resource_gone")
    assert gone in failure.message
    the_rest_is_backed_up(stage, found.run_id, gone)
    sizes = {s["tags"]["lifeboat:set-size"] for s in stage.snapshots(HOME, found.run_id) if s["VolumeId"] != gone}
    assert sizes, "the sets say how many members they really have"
    assert all(finding.ok for finding in step(found, "verify-1").findings if finding.resource != gone)


def test_a_snapshot_that_ends_in_error_fails_its_whole_set_by_name_and_nothing_else(stage: Stage) -> None:
    ec2 = stage.control.witness("ec2", HOME)
    bad = next(v for v in ec2.describe_volumes(VolumeIds=stage.estate["protected"])["Volumes"] if v["Attachments"])
    instance = bad["Attachments"][0]["InstanceId"]
    stage.control.weather(fail_snapshots=[bad["VolumeId"]])
    found = stage.run(stage.book())
    said = step(found, "snapshots")
    assert exit_code(found) == 1
    assert said.state is StepState.PARTIAL
    [failure] = said.failures
    assert failure.resource == instance
    assert bad["VolumeId"] in failure.message
    members = {s["VolumeId"] for s in stage.snapshots(HOME, found.run_id, "error")}
    assert bad["VolumeId"] in members
    the_rest_is_backed_up(stage, found.run_id, *members)
    assert {f.code for f in step(found, "copies").failures} == {"action.source_failed"}


def test_a_copy_that_fails_later_is_told_with_awss_reason(stage: Stage) -> None:
    bad = stage.estate["protected"][0]
    stage.control.weather(fail_copies=[bad])
    found = stage.run(stage.book())
    [failure] = step(found, "copies").failures
    assert exit_code(found) == 1
    assert bad in failure.message
    here, away = stage.backed_up(found.run_id)
    assert here - away == {bad}


def test_a_step_past_its_deadline_names_what_is_open_and_the_rest_is_there(stage: Stage) -> None:
    steps = [dict(line) for line in stage.book().model_dump(mode="json", by_alias=True)["steps"]]
    steps[1]["within"] = "15m"
    found = stage.run(stage.book(steps=steps))
    said = step(found, "copies")
    here, away = stage.backed_up(found.run_id)
    late = {failure.resource for failure in said.failures}
    assert exit_code(found) == 1
    assert said.state is StepState.PARTIAL
    assert {failure.code for failure in said.failures} == {"step.deadline"}
    assert here == set(stage.estate["protected"])
    assert late, "something was late"
    assert away, "something was in time"
    assert found.owes, "what was left behind in AWS is owed"


def test_what_aws_listed_too_late_to_be_found_was_made_twice_and_that_is_told(stage: Stage) -> None:
    """The limit of the promise: no token, a lost answer, and a listing that lags for longer than the settle time."""
    stage.control.weather(lost_answer_share=1.0, visibility_s=500)
    run = stage.start(stage.book())
    stage.services.engine.advance(run.run_id, 1)
    stage.control.weather(lost_answer_share=0.0)
    found = stage.drive(run)
    twice = [failure for failure in step(found, "snapshots").failures if failure.code == "action.duplicate"]
    made = [s["VolumeId"] for s in stage.snapshots(HOME, run.run_id)]
    doubled = {volume for volume in made if made.count(volume) > 1}
    assert doubled, "the weather was bad enough"
    assert exit_code(found) == 1
    assert all(any(s["SnapshotId"] in f.message for f in twice) for s in surplus(stage, run.run_id))


def surplus(stage: Stage, run_id: str) -> list[dict[str, Any]]:
    """Return the snapshots of volumes that have an older one of the same run."""
    made = sorted(stage.snapshots(HOME, run_id), key=lambda s: (s["StartTime"], s["SnapshotId"]))
    seen: set[str] = set()
    return [s for s in made if s["VolumeId"] in seen or seen.add(s["VolumeId"])]  # type: ignore[func-returns-value]
