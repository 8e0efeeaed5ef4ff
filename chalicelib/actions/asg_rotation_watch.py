"""What has become of instances that were to be replaced, and of the room that was made for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from chalicelib.actions.asg_health import Health, launch_times, read_health
from chalicelib.actions.asg_rotation_plan import GROW, TERMINATE
from chalicelib.actions.asg_rotation_review import groups_of, unwell_since
from chalicelib.actions.base import StepContext
from chalicelib.aws.groups import ScalingGroup
from chalicelib.domain.change import Change, Effect, EffectState

LEAVING = "Terminating"  # and Terminating:Wait, Terminating:Proceed
SLACK = timedelta(seconds=30)  # between our clock and AWS's


def watched(asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Effect]:
    """Return what AWS shows of each change; left out is what had no effect yet."""
    groups = groups_of([change for change, _ in asked], ctx)
    found: dict[str, Effect] = {}
    for region in sorted({change.region for change, _ in asked}):
        here = [group for (where, _), group in groups.items() if where == region]
        health = read_health(ctx.aws, region, here, ctx.now)
        launched = launch_times(ctx.aws, region, [one.instance_id for group in here for one in group.serving])
        taken: set[str] = set()
        for change, effect in (one for one in asked if one[0].region == region):
            group = groups.get((region, str(change.params["group"])))
            if group is None:
                found[change.key] = effect.moved(EffectState.MOOT, ctx.now, message=f"{change.resource} is gone.")
                continue
            look = _Look(group, health, launched, taken, ctx)
            after = (
                look.at_instance(change, effect) if change.params["do"] == TERMINATE else look.at_size(change, effect)
            )
            if after is not None:
                found[change.key] = after
    return found


class _Look:
    """One look at one group."""

    def __init__(
        self, group: ScalingGroup, health: Health, launched: Mapping[str, datetime], taken: set[str], ctx: StepContext
    ) -> None:
        self.group, self.health, self.launched, self.taken, self.ctx = group, health, launched, taken, ctx

    def at_instance(self, change: Change, effect: Effect) -> Effect | None:
        """Return how far the replacement of an instance is."""
        group, now = self.group, self.ctx.now
        member = group.member(change.resource)
        if member is not None and not member.lifecycle.startswith(LEAVING):
            return effect if effect.id else None
        since = (effect.at or now) - SLACK
        new = unwell_since(group, self.health, since)
        if new:
            why = f"{change.resource} was replaced by {new[0]}, which is unwell too ({self.health.unwell[new[0]]}). "
            return effect.moved(
                EffectState.FAILED,
                now,
                id=change.resource,
                code="action.replacement_unwell",
                message=why + "Look at what the group launches.",
            )
        known = effect.model_copy(update={"id": change.resource, "adopted": effect.adopted or not effect.id})
        if self.health.standing(group).empty:
            return known.model_copy(update={"state": EffectState.PENDING, "due": None})
        return known.moved(EffectState.DONE, now, facts={**effect.facts, **self._replacement(since)}, due=None)

    def _replacement(self, since: datetime) -> dict[str, str]:
        """Name what took the place: one that was launched since, and that no other change has claimed."""
        ready = [one for one in self.group.serving if one.instance_id not in self.health.unwell]
        new = [one for one in ready if one.instance_id in self.launched and one.instance_id not in self.taken]
        new = [one for one in new if self.launched[one.instance_id] >= since]
        if not new:
            return {}
        first = min(new, key=lambda one: (self.launched[one.instance_id], one.instance_id))
        self.taken.add(first.instance_id)
        return {"replacement": first.instance_id, "zone_id": first.zone_id}

    def at_size(self, change: Change, effect: Effect) -> Effect | None:
        """Return whether a group has the size that was asked for."""
        wanted = int(str(change.params["desired"]))
        known = effect.model_copy(update={"id": change.resource, "adopted": effect.adopted or not effect.id})
        if change.params["do"] != GROW:
            return known.moved(EffectState.DONE, self.ctx.now) if self.group.desired <= wanted else None
        if self.group.desired <= wanted:
            return (
                None if not effect.id else known.moved(EffectState.CONFLICT, self.ctx.now, message=self._undone(wanted))
            )
        if self.health.standing(self.group).empty:
            return known.model_copy(update={"state": EffectState.PENDING})
        return known.moved(EffectState.DONE, self.ctx.now)

    def _undone(self, wanted: int) -> str:
        return (
            f"{self.group.resource} wants {self.group.desired} instances again instead of {wanted + 1}: somebody set "
            "it back. Run it again."
        )
