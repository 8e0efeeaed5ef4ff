"""The groups `web` (12) and `api` (6) behind a load balancer, as the tests of actions look at and disturb them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from chalicelib.actions.base import Action, StepContext
from chalicelib.aws import tags
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from tests.unit.actions.world import HOME, World

SHOP: dict[str, Any] = {"tags": {"app": "shop"}}


@dataclass
class Groups(World):
    """One AWS with groups."""

    @property
    def scaling(self) -> Any:
        return self.truth(HOME, "autoscaling")

    def group(self, name: str = "web") -> dict[str, Any]:
        found: dict[str, Any]
        [found] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return found

    def members(self, name: str = "web") -> list[str]:
        """Return who was in a group at the beginning."""
        found: list[str] = self.estate["groups"][name]
        return found

    def serving(self, name: str = "web") -> list[dict[str, Any]]:
        return [one for one in self.group(name)["Instances"] if one["LifecycleState"] == "InService"]

    def ids(self, name: str = "web") -> set[str]:
        return {one["InstanceId"] for one in self.group(name)["Instances"]}

    def zones(self, name: str = "web") -> dict[str, int]:
        return dict(Counter(one["AvailabilityZoneId"] for one in self.serving(name)))

    def put(self, name: str, **changes: Any) -> None:
        self.scaling.update_auto_scaling_group(AutoScalingGroupName=name, **changes)

    def tags(self, name: str = "web") -> dict[str, str]:
        return tags.of(self.group(name))

    def suspend(self, name: str, *processes: str) -> None:
        self.scaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=list(processes))

    def suspended(self, name: str = "web") -> list[str]:
        return [one["ProcessName"] for one in self.group(name)["SuspendedProcesses"]]

    def sick(self, *instances: str, noticed: bool = False) -> None:
        """Let instances fail their checks; their groups notice only when they are to."""
        self.control.weather(sick=list(instances), scaling={"notice_s": 180 if noticed else 10**9})

    def pass_time(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.control.advance(to=self.clock.now())

    def effect_of(self, action: Action[Any], change: Change, ctx: StepContext) -> Effect:
        """Review and apply one change, as the engine does."""
        review = action.review([change], {}, ctx).get(change.key)
        if review and review.state:
            return Effect(state=EffectState(review.state), at=ctx.now, message=review.message)
        if review and review.params is not None:
            change = change.model_copy(update={"params": dict(review.params)})
        return action.apply(change, {}, ctx)

    def carried(self, action: Action[Any], plan: Plan, ctx: StepContext, every_s: float = 30) -> dict[str, Effect]:
        """Review, apply and observe all changes of a plan, one after the other, until all are settled."""
        known: dict[str, Effect] = {}
        for change in plan.changes:
            ctx = self.later(ctx, 1)
            effect = self.effect_of(action, change, ctx)
            for _ in range(100):
                if effect.settled:
                    break
                ctx = self.later(ctx, every_s)
                effect = action.observe([(change, effect)], ctx).get(change.key, effect)
            known[change.key] = effect
        return known
