"""Groups: replace-unhealthy killed at each AWS call and started again, in calm and storm; and sequences of changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import create_table
from tests.rotations import Lab, Script, scripts, told
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.plan import FAR, PERCENT, SEED, WHENS, sampled
from tests.sweep.steering import Truth

pytestmark = pytest.mark.sweep
HOME = "us-east-1"
START = datetime(2031, 1, 6, 2, 30, tzinfo=UTC)
STORM = {"throttle_share": 0.3, "throttle_reads_share": 0.1, "lost_answer_share": 0.2, "visibility_s": 60}
STORMS = range(1, 1 + max(1, 8 * PERCENT // 100))
SEQUENCES = max(5, 500 * PERCENT // 100)
USER, SIZE = "a user request", "a decrease of capacity"


class Estate:
    """A sandbox with groups, three of whose instances are sick; `api` is at its minimum, so that it must grow first."""

    def __init__(self, box: Sandbox, engines: Engines) -> None:
        self.box, self.engines, self.truth = box, engines, Truth()
        self.truth.steering.url = box.url
        box.control.estate("small")
        box.control.estate("front")
        self.first: dict[str, list[str]] = box.control.estate("groups")["groups"]
        create_table(self.truth, HOME, "lifeboat", lambda _seconds: None)
        self.scaling = self.truth.client("autoscaling", HOME)
        self.scaling.update_auto_scaling_group(AutoScalingGroupName="api", MinSize=6)
        self.bad = {"web": set(self.first["web"][:2]), "api": {self.first["api"][0]}}
        self.sick = sorted(one for some in self.bad.values() for one in some)
        box.control.weather(sick=self.sick, scaling={"notice_s": 10**9})

    def worked(
        self, kill: tuple[int, str] | None = None, weather: dict[str, Any] | None = None
    ) -> tuple[list[Outcome], str]:
        """Carry the runbook out on a copy, killed once if asked; tell how it ended and what is wrong then."""
        control: Control = self.box.control.fork()
        cause = Cause("schedule/0/replace-unhealthy", self.box.control.now(), runbook="replace-unhealthy")
        try:
            control.weather(**(weather or {}))
            if kill:
                control.kill(*kill)
            outcomes = self.engines.run(control.url, [cause])
            control.kill(None)
            if outcomes[0].killed:
                outcomes += self.engines.run(control.url, [cause])
            self.truth.steering.url = control.url
            control.advance(600)
            return outcomes, self.wrong(outcomes)
        finally:
            self.truth.steering.url = self.box.url
            control.quit()

    def wrong(self, outcomes: list[Outcome]) -> str:
        """Say what is wrong; "" when just the sick were replaced, once each, and the groups are what they were."""
        said = [] if outcomes[-1].state == "succeeded" else [f"ended with {outcomes[-1]}"]
        for name, bad in self.bad.items():
            [group] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
            serving = {one["InstanceId"] for one in group["Instances"] if one["LifecycleState"] == "InService"}
            if len(serving) != len(self.first[name]) or group["DesiredCapacity"] != len(self.first[name]):
                said.append(f"{name} has {len(serving)} in service and wants {group['DesiredCapacity']}")
            gone = self.terminated(name)
            if Counter(bad) != gone[USER]:
                said.append(f"terminated in {name}: {dict(gone[USER])}, sick were {sorted(bad)}")
            if sum(gone[SIZE].values()) != (name == "api"):
                said.append(f"taken out of {name} when it went back: {dict(gone[SIZE])}")
        return "; ".join(said)

    def terminated(self, name: str) -> dict[str, Counter[str]]:
        """Return how often each instance of a group was terminated, by the cause."""
        found = {USER: Counter[str](), SIZE: Counter[str]()}
        for one in self.scaling.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]:
            for cause, counted in found.items():
                if cause in one["Cause"]:
                    counted[one["Description"].rsplit(" ", 1)[-1]] += 1
        return found


@pytest.fixture(name="estate", scope="module")
def _estate() -> Iterator[Estate]:
    with Sandbox.start(seed=SEED, start=START.isoformat()) as box, Engines() as engines:
        yield Estate(box, engines)


@pytest.mark.parametrize("when", WHENS)
def test_a_rotation_killed_at_any_call_replaces_the_sick_and_nobody_else(estate: Estate, when: str) -> None:
    killed, wrong = 0, list[str]()
    for at in sorted({at for shard in range(8) for at in sampled(when, shard)}):
        outcomes, said = estate.worked((at, when))
        wrong += [f"{when} {at}: {said}"] if said else []
        if len(outcomes) == 1:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    print(f"swept rotation {when}: {killed} kills, {PERCENT} % with seed {SEED}, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("seed", STORMS)
def test_a_storm_over_a_rotation_changes_nothing_about_the_end_also_when_killed(estate: Estate, seed: int) -> None:
    for kill in (None, (30 + seed, "after")):
        _, said = estate.worked(kill, {**STORM, "seed": seed})
        assert not said, said


@pytest.fixture(name="lab", scope="module")
def _lab() -> Iterator[Lab]:
    with Sandbox.start(seed=SEED) as box:
        box.control.estate("small")
        box.control.estate("front")
        yield Lab(box.control, box.control.estate("groups"))


@settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=scripts())
def test_no_sequence_of_changes_makes_a_rotation_go_too_far(lab: Lab, script: Script) -> None:
    story = lab.played(script)
    assert not story.wrong, told(story, script)
