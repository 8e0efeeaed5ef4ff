"""Groups when EC2 has no capacity: an event of Auto Scaling that starts a runbook, and an evacuation that says why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.record import find_run, record
from chalicelib.cli.worker import work
from chalicelib.domain.run import RunState
from tests.scenarios import test_groups
from tests.scenarios.conftest import Stage, step
from tests.scenarios.test_groups import LEAVE, NOBODY_NOTICES, Shop, outputs

ZONE = "use1-az1"
_prepared, _shop = test_groups._prepared, test_groups._shop


@pytest.fixture(name="own_runbooks")
def _own_runbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of runbooks with one that answers launches that fail."""
    for shipped in Path("runbooks").glob("*.yaml"):
        shutil.copy(shipped, tmp_path)
    (tmp_path / "after-failed-launch.yaml").write_text(
        """
version: 1
name: after-failed-launch
when:
  - event:
      source: [aws.autoscaling]
      detail-type: [EC2 Instance Launch Unsuccessful]
      detail: {AutoScalingGroupName: [web]}
guard: {regions: [us-east-1], max_share: 100%, cooldown: 10m}
steps:
  - {id: rotate, uses: asg.replace_unhealthy, with: {select: {groups: [web]}}}
"""
    )
    monkeypatch.setenv("LIFEBOAT_RUNBOOKS", str(tmp_path))
    return tmp_path


def scaling_events(stage: Stage) -> list[dict[str, Any]]:
    every = [one["event"] for one in stage.control.events() if one["target"] == "event"]
    return [one for one in every if one["source"] == "aws.autoscaling"]


def test_a_launch_that_fails_starts_the_runbook_that_replaces_what_is_unwell(
    stage: Stage, shop: Shop, own_runbooks: Path
) -> None:
    assert own_runbooks.is_dir()
    bad = shop.first[0]
    shop.sick(bad, scaling=NOBODY_NOTICES, no_capacity=[f"{ZONE}/*"])
    shop.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=15)
    stage.control.advance(120)
    events = scaling_events(stage)
    kinds = {one["detail-type"] for one in events}
    assert {"EC2 Instance Launch Unsuccessful", "EC2 Instance Launch Successful"} <= kinds
    assert len([one for one in events if one["detail-type"] == "EC2 Instance Launch Unsuccessful"]) > 1
    started = [run_id for event in (*events, *events) for run_id in work(stage.control.url, event)]
    assert len(set(started)) == 1  # the others joined it
    [run] = stage.services.ledger.list_runs(limit=9)
    assert run.runbook == "after-failed-launch"
    assert (run.cause.about["group"], find_run(stage.services, run.key).state) == ("web", RunState.SUCCEEDED)
    assert outputs(record(stage.services, run), "rotate")["replaced"] == [bad]
    assert bad not in shop.serving()


def test_an_evacuation_for_which_there_is_no_capacity_fails_with_the_groups_own_words(stage: Stage, shop: Shop) -> None:
    stage.control.weather(no_capacity=["use1-az2/*", "use1-az6/*"])
    found = stage.run(stage.book("replace-unhealthy", steps=[{**LEAVE[0], "within": "30m"}]))
    assert found.state is RunState.FAILED
    leave = step(found, "leave")
    assert {failure.code for failure in leave.failures} == {"step.deadline"}
    said = {failure.resource: failure.message for failure in leave.failures}["asg:web"]
    assert f"8 of 12 are in service outside {ZONE}" in said
    assert "InsufficientInstanceCapacity - We currently do not have sufficient m6i.large capacity" in said
    assert "another instance type" in said
    assert (outputs(found, "leave")["groups"], found.recovered) == ([], ())
    assert {f"return.web.{ZONE}", f"return.api.{ZONE}"} <= set(found.owes)
    assert len(shop.serving()) == 12  # what serves in the zone goes on until something stands in for it
    assert shop.calls("DescribeScalingActivities") <= shop.calls("DescribeAutoScalingGroups") * 2
    stage.control.weather(no_capacity=[])
    stage.control.advance(900)
    assert ZONE not in {one["AvailabilityZoneId"] for one in shop.group()["Instances"]}
