"""asg.replace_unhealthy: instances of Auto Scaling groups that fail their health checks make place for new ones.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html. It has no
token and needs none: an instance can be terminated once. It runs the group's lifecycle hooks, and takes the new
instance from the warm pool if there is one; it minds neither protection from scale-in nor Standby, so Lifeboat does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.asg_aside import READ
from chalicelib.actions.asg_health import READS
from chalicelib.actions.asg_rotation_plan import GROW, TERMINATE, planned
from chalicelib.actions.asg_rotation_review import groups_of, refusal, reviewed
from chalicelib.actions.asg_rotation_watch import watched
from chalicelib.actions.asg_selection import GroupSelector
from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.aws.errors import translated
from chalicelib.aws.groups import SERVICE
from chalicelib.domain.change import Change, Effect, EffectState, Obligation, Plan
from chalicelib.domain.recovery import Recovery, shown
from chalicelib.domain.runbook_values import Share
from chalicelib.domain.types import InstanceId, Region
from chalicelib.errors import ActionError, ErrorKind

LAUNCH_S = 60  # when a first look at a replacement is worth a call


class ReplaceUnhealthyInput(ActionModel):
    """Which groups, and how carefully."""

    select: GroupSelector = Field(description="The groups: by tags or names.")
    max_unavailable: int = Field(
        1, ge=1, le=1000, description="So many of a group's wanted places may be empty, or not ready yet, at once."
    )
    min_healthy: Share = Field(
        50.0, description="Where fewer of a group's desired instances are well than this share, it asks first."
    )
    region: Region | None = Field(None, description="The groups' Region; the run's own when left out.")


class ReplaceUnhealthyOutput(ActionModel):
    """What became of what was unwell."""

    replaced: list[InstanceId] = Field(description="Instances whose place another one has taken, in service and well.")
    left_alone: list[InstanceId] = Field(
        description="Instances that were planned, and need no replacing any more or are left alone."
    )
    not_replaced: list[InstanceId] = Field(description="Instances that are not replaced; the failures say why.")
    recovered: list[Recovery] = Field(description="The same as `replaced`, with what took each one's place and when.")


class ReplaceUnhealthy(Action[ReplaceUnhealthyInput]):
    """Replace the instances of Auto Scaling groups that fail their health checks, few at a time.

    No quantities but numbers of instances; times are UTC, grace periods seconds. Unwell is what fails EC2's status
    checks, the checks of a target group, or what its group calls Unhealthy. Left alone: what is within its grace
    period, protected from scale-in, in Standby, waiting for a lifecycle hook, or in a warm pool; and what is in a zone
    that its group was taken out of, is shifted away from with `IgnoreUnhealthy`, or that its load balancer is shifted
    away from. With `ReplaceUnhealthy` a group replaces in a zone that it is shifted away from, and launches elsewhere.

    Just before each termination the instance's health and its group are read again. One that is well by then is left
    alone. Nothing is terminated while that would leave fewer in service than the group's minimum, more than
    `max_unavailable` places empty or not ready, or while too few are well, whichever run or person caused it. A group
    at its minimum gets one more instance first, and is taken back afterwards; without room for that nothing is done.
    When a new instance is unwell too, the rest of its group is left alone, since replacing does not help.

    It succeeds when each place is filled again by an instance in service that its target groups find healthy.
    """

    name: ClassVar[str] = "asg.replace_unhealthy"
    given: ClassVar[type[ActionModel]] = ReplaceUnhealthyInput
    returns: ClassVar[type[ActionModel]] = ReplaceUnhealthyOutput
    permissions: ClassVar[tuple[str, ...]] = (
        READ,
        *READS,
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
    )
    within: ClassVar[timedelta] = timedelta(hours=2)
    settle_s: ClassVar[int | None] = 60
    lease: ClassVar[str | None] = "rotation"
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan, before each wave, and each look: DescribeAvailabilityZones, DescribeAutoScalingGroups per 100, "
        "DescribeInstanceStatus twice per Region (what is impaired), DescribeTargetHealth per target group, "
        "DescribeInstances per 200 unwell or new ones. Plan and before each wave, when one in a group that is enrolled "
        "in zonal shift is unwell: ListManagedResources. Apply: DescribeAutoScalingGroups and "
        "TerminateInstanceInAutoScalingGroup per instance; SetDesiredCapacity twice for a group at its minimum."
    )

    def plan(self, given: ReplaceUnhealthyInput, ctx: StepContext) -> Plan:
        return planned(given.select, given.region or ctx.region, given.max_unavailable, given.min_healthy, ctx)

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - what they need is in the group
        return reviewed(changes, ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        group = groups_of([change], ctx).get((change.region, str(change.params["group"])))
        if group is None:
            raise ActionError("action.resource_gone", f"{change.resource}: its group {change.params['group']} is gone.")
        if change.params["do"] != TERMINATE:
            return self._resize(change, ctx)
        why = refusal(change, group, ctx)
        if why:
            raise ActionError("action.group_busy", f"{change.resource} waits: {group.resource}: {why}.", ErrorKind.BUSY)
        self._send(change, ctx)
        return Effect(
            state=EffectState.PENDING,
            id=change.resource,
            at=ctx.now,
            due=ctx.now + timedelta(seconds=LAUNCH_S),
            facts={"group": group.name},
        )

    def _resize(self, change: Change, ctx: StepContext) -> Effect:
        left = change.params.get("left")
        if left:
            raise ActionError("action.group_busy", f"{change.resource} waits for {left}.", ErrorKind.BUSY)
        self._send(change, ctx)
        owes = (_taken_back(change, ctx),) if change.params["do"] == GROW else ()
        return Effect(state=EffectState.PENDING, id=change.resource, at=ctx.now, owes=owes)

    def _send(self, change: Change, ctx: StepContext) -> None:
        [call] = self.calls_for(change, ctx)
        client = ctx.aws.client(SERVICE, change.region, "once")
        with translated(f"{change.resource} in {change.region}", service=SERVICE, sends=True):
            if change.params["do"] == TERMINATE:
                client.terminate_instance_in_auto_scaling_group(**call.params)
            else:
                client.set_desired_capacity(**call.params)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        if change.params["do"] == TERMINATE:
            params = {"InstanceId": change.params["instance"], "ShouldDecrementDesiredCapacity": False}
            return (ApiCall(SERVICE, "TerminateInstanceInAutoScalingGroup", change.region, params),)
        wanted = int(str(change.params["desired"])) + (change.params["do"] == GROW)
        params = {"AutoScalingGroupName": change.params["group"], "DesiredCapacity": wanted, "HonorCooldown": False}
        return (ApiCall(SERVICE, "SetDesiredCapacity", change.region, params),)

    def outputs(
        self,
        given: ReplaceUnhealthyInput,  # noqa: ARG002 - the plan says it all
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        of_instances = [(change, effect) for change, effect in made if change.params["do"] == TERMINATE]
        by_state = {
            name: [change.resource for change, effect in of_instances if effect.state in states]
            for name, states in (
                ("replaced", {EffectState.DONE}),
                ("left_alone", {EffectState.MOOT}),
                ("not_replaced", {EffectState.FAILED, EffectState.CONFLICT, EffectState.ABSENT}),
            )
        }
        done = [(change, effect) for change, effect in of_instances if effect.state is EffectState.DONE]
        return {**by_state, "recovered": shown(_recovery(change, effect) for change, effect in done if effect.at)}

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        return Undo(cannot=f"{change.resource} was terminated; what took its place stays.")


def _recovery(change: Change, effect: Effect) -> Recovery:
    return Recovery.model_validate(
        {
            "resource": change.resource,
            "replacement": effect.facts.get("replacement", ""),
            "region": change.region,
            "zone_id": effect.facts.get("zone_id", ""),
            "ready_at": effect.at,
        }
    )


def _taken_back(change: Change, ctx: StepContext) -> Obligation:
    """Return what is owed when a group was given one place more: that it is taken back, whatever becomes of the run."""
    group, wanted = str(change.params["group"]), int(str(change.params["desired"]))
    return Obligation(
        name=f"shrink.{group}",
        why=f"{change.resource} was given one instance more than the {wanted} it wanted, to stay above its minimum "
        "while unwell ones were replaced. It is taken back to that.",
        due=ctx.now + ReplaceUnhealthy.within,
        uses=ReplaceUnhealthy.name,
        change=change.model_copy(
            update={
                "key": f"{group}/owed-shrink",
                "params": {**change.params, "do": "shrink", "instances": []},
                "reason": f"{change.resource} goes back to {wanted} instances.",
            }
        ),
    )
