"""The runbook replace-unhealthy from start to report: a bad instance, a bad deployment, a flicker; and a dark zone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import Run, RunState
from chalicelib.engine.answering import take
from chalicelib.engine.local import drive, here
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import HOME, Stage, step
from tests.shared_box import empty

NOBODY_NOTICES = {"notice_s": 10**9}
LEAVE = [
    {"id": "leave", "uses": "asg.evacuate_zone", "with": {"zone": "use1-az1", "select": {"tags": {"app": "shop"}}}}
]


@dataclass(frozen=True)
class Said:
    """An answer to whatever is asked."""

    digest: str = ""
    choice: str = ""
    reason: str = "because"


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with empty() as control:
        estate = control.estate("small")
        front = control.estate("front")
        yield control, {**estate, "front": front, **control.estate("groups")}


class Shop:
    """The groups of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.scaling = stage.control.witness("autoscaling", HOME)
        self.first: list[str] = stage.estate["groups"]["web"]
        self.fewest = 12

    def group(self, name: str = "web") -> Any:
        [found] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return found

    def serving(self, name: str = "web") -> set[str]:
        return {one["InstanceId"] for one in self.group(name)["Instances"] if one["LifecycleState"] == "InService"}

    def watch(self) -> None:
        self.fewest = min(self.fewest, len(self.serving()))

    def sick(self, *instances: str, **more: Any) -> None:
        self.stage.control.weather(sick=list(instances), **more)

    def calls(self, operation: str) -> int:
        return sum(row["count"] for row in self.stage.control.calls()["by"] if row["operation"] == operation)

    def answer(self, run: Run, *, yes: bool) -> Callable[[], None]:
        """Return what answers the run's question as soon as it is asked."""

        def between() -> None:
            self.watch()
            services = self.stage.services
            fresh = services.engine.ledger.load(run.run_id)
            if fresh and services.engine.ledger.questions(run.run_id):
                take(services.engine.ledger, fresh, "rotate", Said(), yes=yes, by="tester", now=services.clock.now())

        return between


@pytest.fixture(name="shop")
def _shop(stage: Stage) -> Shop:
    return Shop(stage)


def outputs(found: RunRecord, step_id: str) -> dict[str, Any]:
    told: dict[str, Any] = dict(step(found, step_id).outputs)
    return told


def rotated(shop: Shop, between: Callable[[], None] | None = None) -> RunRecord:
    stage = shop.stage
    return stage.drive(stage.start(stage.book("replace-unhealthy")), between or shop.watch)


def test_one_bad_instance_of_twelve_is_rotated(shop: Shop) -> None:
    bad = shop.first[4]
    shop.sick(bad, scaling=NOBODY_NOTICES)
    found = rotated(shop)
    assert found.state is RunState.SUCCEEDED
    assert step(found, "hold").counts.planned == 0
    assert outputs(found, "rotate")["replaced"] == [bad]
    assert len(shop.serving()) == 12
    [new] = shop.serving() - set(shop.first)
    assert [(one.resource, one.replacement) for one in found.recovered] == [(bad, new)]
    assert (shop.calls("TerminateInstanceInAutoScalingGroup"), shop.fewest) == (1, 11)
    assert found.times.ended_at
    assert found.times.ended_at - found.times.started_at < timedelta(minutes=10)


def test_three_bad_ones_go_one_after_the_other(shop: Shop) -> None:
    shop.sick(*shop.first[:3], scaling=NOBODY_NOTICES)
    found = rotated(shop)
    assert found.state is RunState.SUCCEEDED
    assert sorted(outputs(found, "rotate")["replaced"]) == sorted(shop.first[:3])
    assert (len(shop.serving()), shop.fewest) == (12, 11)
    assert len({one.replacement for one in found.recovered}) == 3


def test_a_group_at_its_minimum_grows_first_and_goes_back(shop: Shop) -> None:
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=12)
    shop.sick(shop.first[0], scaling=NOBODY_NOTICES)
    found = rotated(shop)
    assert found.state is RunState.SUCCEEDED
    shop.stage.control.advance(120)
    assert (len(shop.serving()), shop.group()["DesiredCapacity"], shop.fewest) == (12, 12, 12)
    assert shop.first[0] not in shop.serving()


def test_eight_bad_of_twelve_hold_the_group_and_ask_and_a_no_leaves_them(shop: Shop) -> None:
    shop.sick(*shop.first[:8])
    run = shop.stage.start(shop.stage.book("replace-unhealthy"))
    found = shop.stage.drive(run, shop.answer(run, yes=False))
    assert found.state is RunState.FAILED
    assert (step(found, "rotate").code, step(found, "rotate").state.value) == ("ask.declined", "failed")
    [question] = shop.stage.services.engine.ledger.questions(run.run_id)
    assert "web has 8 unwell of 12 in service" in question.reason
    assert outputs(found, "hold")["held"] == ["web"]
    shop.stage.control.advance(3600)
    assert shop.serving() == set(shop.first)
    assert [one["ProcessName"] for one in shop.group()["SuspendedProcesses"]] == ["ReplaceUnhealthy"]
    assert shop.calls("TerminateInstanceInAutoScalingGroup") == 0
    assert "release.web" in found.owes


def test_eight_bad_of_twelve_are_replaced_in_turn_after_a_yes_and_the_group_is_released(shop: Shop) -> None:
    shop.sick(*shop.first[:8])
    steps = json.loads(shop.stage.book("replace-unhealthy").model_dump_json(by_alias=True))["steps"]
    steps[1]["with"]["max_unavailable"] = 4
    run = shop.stage.start(shop.stage.book("replace-unhealthy", steps=steps))
    found = shop.stage.drive(run, shop.answer(run, yes=True))
    assert found.state is RunState.SUCCEEDED
    assert (len(shop.serving()), shop.serving() & set(shop.first[:8]), shop.fewest) == (12, set(), 8)
    assert outputs(found, "release")["released"] == ["web"]
    assert shop.group()["SuspendedProcesses"] == []


def test_a_group_that_is_mended_while_held_is_released_by_the_next_run(shop: Shop) -> None:
    shop.sick(*shop.first[:8])
    run = shop.stage.start(shop.stage.book("replace-unhealthy"))
    shop.stage.drive(run, shop.answer(run, yes=False))
    shop.sick()
    found = shop.stage.run(shop.stage.book("replace-unhealthy"), key="k2")
    assert (found.state, shop.serving()) == (RunState.SUCCEEDED, set(shop.first))
    assert shop.group()["SuspendedProcesses"] == []


def test_one_that_became_well_between_plan_and_effect_is_left_alone(shop: Shop) -> None:
    first, second = shop.first[:2]
    shop.sick(first, second, scaling=NOBODY_NOTICES)

    def mended() -> None:
        shop.watch()
        gone = {first, second} - shop.serving()
        shop.sick(*gone)  # whoever is still there is well as soon as the other one is terminated

    found = rotated(shop, mended)
    told = outputs(found, "rotate")
    assert found.state is RunState.SUCCEEDED
    assert (len(told["replaced"]), len(told["left_alone"])) == (1, 1)
    assert told["left_alone"][0] in shop.serving()
    assert step(found, "rotate").counts.moot == 1
    assert shop.calls("TerminateInstanceInAutoScalingGroup") == 1


def test_a_bad_launch_template_stops_after_one(shop: Shop) -> None:
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", HealthCheckGracePeriod=0)
    shop.sick(*shop.first[:3], scaling=NOBODY_NOTICES)

    def all_new_ones_fail() -> None:
        shop.watch()
        shop.sick(*shop.first[:3], *(shop.serving() - set(shop.first)))

    found = rotated(shop, all_new_ones_fail)
    assert found.state is RunState.FAILED
    assert shop.calls("TerminateInstanceInAutoScalingGroup") == 1
    codes = Counter(failure.code for failure in step(found, "rotate").failures)
    assert codes == {"action.replacement_unwell": 1, "action.conflict": 2}


def test_groups_leave_a_dark_zone_while_its_calls_hang(stage: Stage, shop: Shop) -> None:
    stage.control.disaster("az_dark", zone="use1-az1")
    stage.control.weather(dark={"hang_share": 1})
    found = stage.run(stage.book("replace-unhealthy", steps=LEAVE))
    assert found.state is RunState.SUCCEEDED
    assert sorted(outputs(found, "leave")["groups"]) == ["api", "web"]
    zones = Counter(o["AvailabilityZoneId"] for o in shop.group()["Instances"] if o["LifecycleState"] == "InService")
    assert (sum(zones.values()), zones["use1-az1"]) == (12, 0)
    assert "hung" not in {row["outcome"] for row in stage.control.calls()["by"]}
    assert sorted(found.owes) == ["return.api.use1-az1", "return.web.use1-az1"]
    assert {one.resource for one in found.recovered} == {"asg:api", "asg:web"}


def test_undoing_the_run_returns_groups_to_what_they_were(stage: Stage, shop: Shop) -> None:
    before = shop.group()
    run = stage.start(stage.book("replace-unhealthy", steps=LEAVE))
    stage.drive(run)
    assert shop.group()["VPCZoneIdentifier"] != before["VPCZoneIdentifier"]
    starter = stage.services.starter
    ended = stage.services.engine.ledger.load(run.run_id)
    assert ended is not None
    undone = drive(stage.services.engine, starter.undo(ended, by="tester", reason="the zone is well", holder=here()))
    assert undone.state is RunState.UNDONE
    stage.control.advance(1200)
    after = shop.group()
    assert (after["VPCZoneIdentifier"], after["Tags"]) == (before["VPCZoneIdentifier"], before["Tags"])
    zones = Counter(one["AvailabilityZoneId"] for one in after["Instances"] if one["LifecycleState"] == "InService")
    assert set(zones.values()) == {4}
    assert not stage.services.engine.ledger.owed(run.run_id)
