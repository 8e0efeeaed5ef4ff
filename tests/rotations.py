"""Sequences of what happens to a group while asg.replace_unhealthy works on it, and what it must never do meanwhile.

The action is the real one, and is asked in the engine's order: planned, reviewed in waves, applied, observed. Between
two ticks somebody disturbs the group. Whenever an instance was terminated, the group is looked at as it was before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from chalicelib.actions.asg_rotation import ReplaceUnhealthy, ReplaceUnhealthyInput
from chalicelib.actions.asg_rotation_plan import TERMINATE
from chalicelib.actions.base import StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change, Effect, EffectState
from chalicelib.errors import ActionError, ErrorKind
from chalicelib.sandbox.client import Control, VirtualClock, attach
from chalicelib.settings import Limits, Settings
from tests.sweep.steering import NOWHERE, LateClock, Steering, Truth

HOME, GROUP = "us-east-1", "api"
NAMED = {"AutoScalingGroupName": GROUP}
TICK_S, TICKS_AFTER = 30.0, 4
ROTATE = ReplaceUnhealthy()

DISTURBANCES = ("sick", "sick", "mend", "mend", "kill", "kill", "standby", "protect", "desire", "minimum", "nothing")
Disturbance = tuple[str, int, int]  # what, to whom (or how much), and how many ticks pass then


@dataclass(frozen=True)
class Script:
    """One sequence. `approved`: a person said yes, so that the floor does not hold it back."""

    steps: tuple[Disturbance, ...]
    first: int  # so many are unwell at the beginning
    minimum: int
    max_unavailable: int
    approved: bool
    notices: bool  # whether the group itself notices, and replaces, what is unwell


# Whom each bound has to stop: found once, and kept.
TIGHT = Script((("standby", 2, 2), ("kill", 0, 1)), 2, 4, 3, approved=True, notices=False)
MENDED = Script((("kill", 1, 1), ("kill", 5, 0), ("mend", 0, 0), ("kill", 1, 2)), 3, 6, 1, approved=True, notices=False)


def scripts(most: int = 8) -> st.SearchStrategy[Script]:
    """Return sequences of up to so many disturbances of a group of six."""
    one = st.tuples(st.sampled_from(DISTURBANCES), st.integers(0, 8), st.integers(0, 2))
    return st.builds(
        Script,
        steps=st.lists(one, min_size=2, max_size=most).map(tuple),
        first=st.integers(1, 4),
        minimum=st.integers(3, 6),
        max_unavailable=st.integers(1, 3),
        approved=st.booleans(),
        notices=st.booleans(),
    )


@dataclass
class Story:
    """What came of a sequence: what was wrong, and how many instances Lifeboat terminated."""

    wrong: list[str] = field(default_factory=list)
    terminated: int = 0


class Lab:
    """One prepared sandbox, and clients that are led from copy to copy of it."""

    def __init__(self, origin: Control, estate: dict[str, Any]) -> None:
        self.origin, self.estate = origin, estate
        self.steering, self.late, self.truth = Steering(), LateClock(), Truth()
        before = os.environ.get("AWS_ENDPOINT_URL")
        os.environ["AWS_ENDPOINT_URL"] = NOWHERE
        self.aws = Aws(Settings(region=HOME, retry_mode="standard"), prepare=self._prepare)
        for service, manner in (("autoscaling", "read"), ("autoscaling", "once"), ("ec2", "read"), ("elbv2", "read")):
            self.aws.client(service, HOME, manner)
        os.environ.pop("AWS_ENDPOINT_URL")
        if before is not None:
            os.environ["AWS_ENDPOINT_URL"] = before

    def _prepare(self, session: Any) -> None:
        attach(session, self.late)  # type: ignore[arg-type]
        self.steering.attach(session)

    def played(self, script: Script) -> Story:
        """Play a sequence on a copy of the sandbox."""
        control = self.origin.fork()
        try:
            self.steering.url = self.truth.steering.url = control.url
            self.late.clock = VirtualClock(control.url)
            return _Play(self, control, script).story
        finally:
            control.quit()


class _Play:
    """One sequence, as it is played."""

    def __init__(self, lab: Lab, control: Control, script: Script) -> None:
        self.lab, self.control, self.script, self.story = lab, control, script, Story()
        self.scaling = lab.truth.client("autoscaling", HOME)
        self.sick = set(self.serving()[: script.first])
        control.weather(sick=sorted(self.sick), scaling={"notice_s": 60 if script.notices else 10**9})
        self.scaling.update_auto_scaling_group(**NAMED, MinSize=script.minimum)
        self.runs, self.changes, self.known = 0, list[Change](), dict[str, Effect]()
        for what, who, ticks in script.steps:
            self.disturb(what, who)
            for _ in range(ticks + 1):
                self.tick()
        for _ in range(TICKS_AFTER):
            self.tick()

    def group(self) -> dict[str, Any]:
        found: dict[str, Any]
        [found] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
        return found

    def serving(self, group: dict[str, Any] | None = None) -> list[str]:
        """Return who is in service, sorted by when they came."""
        members = (group or self.group())["Instances"]
        return [one["InstanceId"] for one in members if one["LifecycleState"] == "InService"]

    def disturb(self, what: str, who: int) -> None:
        """Let something happen; what AWS refuses does not happen."""
        serving = self.serving()
        one = serving[who % len(serving)] if serving else ""
        if what in {"sick", "mend"}:
            there = sorted(self.sick & set(serving))
            self.sick = (
                self.sick | {one} if what == "sick" else self.sick - {there[-1 - who % len(there)]} if there else set()
            )
            self.control.weather(sick=sorted(self.sick))
            return
        calls: dict[str, Any] = {
            "kill": lambda: self.scaling.terminate_instance_in_auto_scaling_group(
                InstanceId=one, ShouldDecrementDesiredCapacity=False
            ),
            "standby": lambda: self.scaling.enter_standby(
                **NAMED, InstanceIds=[one], ShouldDecrementDesiredCapacity=True
            ),
            "protect": lambda: self.scaling.set_instance_protection(
                **NAMED, InstanceIds=[one], ProtectedFromScaleIn=True
            ),
            "desire": lambda: self.scaling.set_desired_capacity(**NAMED, DesiredCapacity=who + 1),
            "minimum": lambda: self.scaling.update_auto_scaling_group(**NAMED, MinSize=min(who, len(serving))),
        }
        if what in calls and serving:
            try:
                calls[what]()
            except self.scaling.exceptions.ClientError:
                return

    def context(self) -> StepContext:
        now = self.lab.late.now()
        yes = Answer(yes=True, by="somebody", at=now) if self.script.approved else None
        return StepContext(
            run_id=f"run-{self.runs}",
            step_id="rotate",
            runbook="replace-unhealthy",
            region=HOME,
            started_at=self.began,
            now=now,
            aws=self.lab.aws,
            limits=Limits(),
            answered=yes,
        )

    def tick(self) -> None:
        """Do what the engine does in one tick: look, then review and send a wave; plan anew when all is settled."""
        if all(self.state(change).settled for change in self.changes):
            self.runs, self.began, self.known = self.runs + 1, self.lab.late.now(), {}
            given = ReplaceUnhealthyInput.model_validate(
                {"select": {"groups": [GROUP]}, "max_unavailable": self.script.max_unavailable}
            )
            plan = ROTATE.plan(given, self.context())
            asks = plan.ask is not None and not self.script.approved
            self.changes = [] if asks else list(plan.changes)
        asked = [(change, self.state(change)) for change in self.changes if change.key in self.known]
        asked = [one for one in asked if not one[1].settled]
        if asked:
            self.known |= ROTATE.observe(asked, self.context())
        self.send()
        self.lab.late.sleep(TICK_S)
        self.control.advance(to=self.lab.late.now())

    def state(self, change: Change) -> Effect:
        return self.known.get(change.key, Effect())

    def send(self) -> None:
        """Review what is ready in one wave, and apply each."""
        wave = [one for one in self.changes if one.key not in self.known and self.ready(one)]
        reviews = ROTATE.review(wave, {}, self.context()) if wave else {}
        for change in sorted(wave, key=lambda one: (one.order, one.key)):
            review = reviews.get(change.key)
            if review and review.state:
                self.known[change.key] = Effect(state=EffectState(review.state), message=review.message)
                continue
            params = dict(review.params) if review and review.params is not None else change.params
            self.apply(change.model_copy(update={"params": params}))

    def ready(self, change: Change) -> bool:
        needs = [need.removeprefix("rotate/") for need in change.after]
        ended = [self.known.get(need, Effect()) for need in needs]
        if any(one.settled and one.state is not EffectState.DONE for one in ended):
            self.known[change.key] = Effect(state=EffectState.FAILED)
            return False
        return all(one.state is EffectState.DONE for one in ended)

    def apply(self, change: Change) -> None:
        before = self.group()
        try:
            effect = ROTATE.apply(change, {}, self.context())
        except ActionError as error:
            if error.kind is ErrorKind.TERMINAL:
                self.known[change.key] = Effect(state=EffectState.FAILED, message=error.message)
            return
        self.known[change.key] = effect
        if change.params["do"] == TERMINATE:
            self.judge(change.resource, before)

    def judge(self, instance: str, before: dict[str, Any]) -> None:
        """Hold a termination against the group as it truly was just before."""
        self.story.terminated += 1
        members = {one["InstanceId"]: one for one in before["Instances"]}
        left = len(self.serving(before)) - 1
        empty = max(0, before["DesiredCapacity"] - left)
        unwell = instance in self.sick or members[instance]["HealthStatus"] != "Healthy"
        told = [
            (left < before["MinSize"], f"{left} are left in service and the minimum is {before['MinSize']}"),
            (empty > self.script.max_unavailable, f"{empty} of {before['DesiredCapacity']} places are empty"),
            (not unwell, f"{instance} was well"),
            (members[instance]["ProtectedFromScaleIn"], f"{instance} was protected"),
            (members[instance]["LifecycleState"] != "InService", f"{instance} was not in service"),
        ]
        self.story.wrong += [said for wrong, said in told if wrong]


def told(story: Story, script: Script) -> str:
    """Return what a failure says."""
    return f"{'; '.join(story.wrong)}: {script}"
