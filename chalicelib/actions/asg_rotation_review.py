"""Whether an instance may be terminated now: its premise read again, and the bounds held against AWS at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from chalicelib.actions.asg_aside import left_to_evacuation, with_aside
from chalicelib.actions.asg_health import Health, read_health
from chalicelib.actions.asg_rotation_plan import GROW, NEEDED, TERMINATE
from chalicelib.actions.base import Review, StepContext
from chalicelib.aws import tags
from chalicelib.aws.groups import ScalingGroup, by_name
from chalicelib.domain.change import Change
from chalicelib.domain.rotation import Bounds, Standing, floor_of, mostly_unwell, objection


def groups_of(changes: Sequence[Change], ctx: StepContext) -> dict[tuple[str, str], ScalingGroup]:
    """Read the groups of changes, by Region and name; those that are gone are left out."""
    found: dict[tuple[str, str], ScalingGroup] = {}
    for region in sorted({change.region for change in changes}):
        names = {str(change.params["group"]) for change in changes if change.region == region}
        found |= {(region, name): group for name, group in by_name(ctx.aws, region, names).items()}
    return found


def reviewed(changes: Sequence[Change], ctx: StepContext) -> dict[str, Review]:
    """Read the groups and the health of their instances again, and judge each change."""
    groups = groups_of(changes, ctx)
    found: dict[str, Review] = {}
    for region in sorted({change.region for change in changes}):
        here = [group for (where, _), group in groups.items() if where == region]
        health = with_aside(ctx.aws, region, here, read_health(ctx.aws, region, here, ctx.now))
        for change in (one for one in changes if one.region == region):
            group = groups.get((region, str(change.params["group"])))
            judge = _of_instance if change.params["do"] == TERMINATE else _of_size
            found[change.key] = judge(change, group, health, ctx)
    return found


def _of_instance(change: Change, group: ScalingGroup | None, health: Health, ctx: StepContext) -> Review:
    instance = str(change.params["instance"])
    member = group.member(instance) if group else None
    if group is None or member is None or not member.serves:
        state = member.lifecycle if member else "gone from its group"
        return Review("moot", f"{instance} is {state}: it needs no replacing any more.")
    if instance not in health.unwell:
        return Review("moot", f"{instance} in {group.resource} is well again; it is left alone.")
    if instance in health.aside:
        return Review("moot", f"{instance} in {group.resource} is left alone, since {health.aside[instance]}.")
    why = _not_allowed(group, protected=member.protected) or _in_vain(change, group, health, ctx)
    if why:
        return Review("conflict", f"{instance} in {group.resource} is left alone: {why}")
    ids = {one.instance_id for one in group.serving}
    seen = {
        "seen": sorted(ids),
        "unwell": sorted(ids & health.unwell.keys()),
        "unready": sorted(ids & (health.unready | health.young.keys())),
    }
    return Review(params={**change.params, **seen})


def _not_allowed(group: ScalingGroup, *, protected: bool) -> str:
    if tags.HANDS_OFF in group.tags:
        return f"the group was tagged {tags.HANDS_OFF}."
    if protected:
        return "it was protected from scale-in."
    off = [process for process in NEEDED if process in group.suspended]
    return f"the group's process {' and '.join(off)} was suspended; nobody would take its place." if off else ""


def _in_vain(change: Change, group: ScalingGroup, health: Health, ctx: StepContext) -> str:
    """Say why replacing does not help; "" while it may."""
    mine = {str(change.params["instance"]), *health.aside}
    new = [one for one in unwell_since(group, health, ctx.started_at) if one not in mine]
    if new:
        return (
            f"{new[0]}, launched since this run began, is unwell too ({health.unwell[new[0]]}), so replacing does not "
            "help. Look at what the group launches: its launch template, and what was deployed last."
        )
    floor = floor_for(change, group, ctx)
    if mostly_unwell(health.standing(group), floor):
        return f"most of the group is unwell now, and fewer than {floor} are not. Run it again: it will ask first."
    return ""


def unwell_since(group: ScalingGroup, health: Health, since: datetime) -> list[str]:
    """Return the members that are unwell although they were launched since an instant."""
    mine = {one.instance_id for one in group.serving} & health.unwell.keys()
    return sorted(one for one in mine if one in health.launched and health.launched[one] > since)


def floor_for(change: Change, group: ScalingGroup, ctx: StepContext) -> int:
    """Return how many must be well; none when a person has said yes to replacing all the same."""
    approved = ctx.answered is not None and ctx.answered.yes
    return 0 if approved else floor_of(group.desired, float(str(change.params["min_healthy"])))


def _of_size(change: Change, group: ScalingGroup | None, health: Health, ctx: StepContext) -> Review:  # noqa: ARG001 - judged as instances are
    wanted = int(str(change.params["desired"]))
    if group is None:
        return Review("moot", f"{change.resource} is gone.")
    if change.params["do"] == GROW:
        changed = group.desired not in {wanted, wanted + 1}
        why = f"{change.resource} wants {group.desired} instances now, and wanted {wanted} when this was planned."
        return Review("conflict", f"{why} Run it again.") if changed else Review()
    if group.desired <= wanted:
        return Review("moot", f"{change.resource} wants {group.desired} instances already.")
    asked = set(_listed(change.params, "instances"))
    left = sorted({one.instance_id for one in group.serving} & (health.unwell.keys() - health.aside.keys()) & asked)
    left += ["new instances"] if health.standing(group).empty else []
    return Review(params={**change.params, "left": left})


def refusal(change: Change, group: ScalingGroup, ctx: StepContext) -> str:
    """Say why an instance may not be terminated at this moment; "" when it may.

    What was found of health when the premise was read is held against the group as it is now; a member that nobody has
    looked at since does not count as ready.
    """
    member = group.member(str(change.params["instance"]))
    moved = left_to_evacuation(group, member) if member else ""
    if moved:
        return moved  # since its premise was read; the next reading leaves it alone
    ids = {one.instance_id for one in group.serving}
    unwell = ids & set(_listed(change.params, "unwell"))
    fresh = ids - set(_listed(change.params, "seen"))
    unready = (ids & set(_listed(change.params, "unready")) | fresh) - unwell
    standing = Standing(desired=group.desired, serving=len(ids), unwell=len(unwell), unready=len(unready))
    bounds = Bounds(
        minimum=group.minimum,
        max_unavailable=int(str(change.params["max_unavailable"])),
        floor=floor_for(change, group, ctx),
    )
    return objection(standing, bounds)


def _listed(params: Mapping[str, object], name: str) -> list[str]:
    found = params.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []
