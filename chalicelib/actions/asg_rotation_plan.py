"""What asg.replace_unhealthy would do: which instances it would terminate, and which groups it has to ask about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.actions.asg_aside import with_aside
from chalicelib.actions.asg_health import Health, read_health
from chalicelib.actions.asg_selection import GroupSelector, selected, some
from chalicelib.actions.base import StepContext
from chalicelib.aws.groups import Member, ScalingGroup
from chalicelib.domain.change import Change, ChangeKind, Failure, Plan, Question
from chalicelib.domain.rotation import floor_of, mostly_unwell

NEEDED = ("Launch", "Terminate")  # without these nobody would take an instance's place
TERMINATE, GROW, SHRINK = "terminate", "grow", "shrink"


@dataclass
class Draft:
    """A plan in the making."""

    max_unavailable: int
    min_healthy: float
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)


def planned(select: GroupSelector, region: str, max_unavailable: int, min_healthy: float, ctx: StepContext) -> Plan:
    """Plan the replacement of what is unwell in the selected groups.

    Raises:
        InputError: nothing is selected.
        ActionError: AWS refused a read.
    """
    selection = selected(ctx.aws, region, select)
    health = read_health(ctx.aws, region, selection.groups, ctx.now)
    health = with_aside(ctx.aws, region, selection.groups, health)
    draft = Draft(max_unavailable, min_healthy, failures=selection.failures, notes=selection.notes)
    for group in selection.groups:
        _of_group(draft, group, health, ctx)
    return Plan(
        changes=tuple(draft.changes),
        failures=tuple(draft.failures),
        notes=tuple(draft.notes),
        population=sum(len(group.serving) for group in selection.groups),
        ask=_question(draft),
    )


def _of_group(draft: Draft, group: ScalingGroup, health: Health, ctx: StepContext) -> None:
    mine = [one for one in group.serving if one.instance_id in health.unwell.keys() - health.aside.keys()]
    _note_aside(draft, group, health)
    young = [one.instance_id for one in group.serving if one.instance_id in health.young]
    kept = [one.instance_id for one in mine if one.protected]
    if young:
        draft.notes.append(f"{group.resource}: within its grace period, left alone: {some(young)}.")
    if kept:
        draft.notes.append(f"{group.resource}: unwell and protected from scale-in, left alone: {some(kept)}.")
    wanted = [one for one in mine if not one.protected]
    why = _impossible(group) if wanted else ""
    if why:
        told = f"{group.resource}: {len(wanted)} unwell, none replaced: {why}"
        draft.failures.append(Failure(resource=group.resource, code="action.group_not_ready", message=told))
        return
    if not wanted:
        return
    standing = health.standing(group)
    if mostly_unwell(standing, floor_of(group.desired, draft.min_healthy)):
        draft.asks.append(
            f"{group.name} has {standing.unwell} unwell of {standing.serving} in service "
            f"(the first: {wanted[0].instance_id}, {health.unwell[wanted[0].instance_id]})"
        )
    draft.changes += _changes(draft, group, wanted, health, ctx)


def _note_aside(draft: Draft, group: ScalingGroup, health: Health) -> None:
    by_reason = defaultdict[str, list[str]](list)
    for member in group.serving:
        if member.instance_id in health.aside:
            by_reason[health.aside[member.instance_id]].append(member.instance_id)
    for why, ids in by_reason.items():
        draft.notes.append(f"{group.resource}: unwell and left alone, since {why}: {some(ids)}.")


def _impossible(group: ScalingGroup) -> str:
    """Say why a group cannot replace an instance at all; "" when it can."""
    off = [process for process in NEEDED if process in group.suspended]
    if off:
        return f"its process {' and '.join(off)} is suspended, so nobody would take their place. Resume it first."
    if group.desired - 1 < group.minimum and group.desired >= group.maximum:
        return (
            f"desired, minimum and maximum are all {group.desired}, so there is no room. Raise the maximum by one, or "
            "lower the minimum."
        )
    return ""


def _changes(
    draft: Draft, group: ScalingGroup, wanted: Sequence[Member], health: Health, ctx: StepContext
) -> list[Change]:
    tight = group.desired - 1 < group.minimum
    needs = (f"{ctx.step_id}/{group.name}/{GROW}",) if tight else ()
    made = [_terminate(draft, group, member, health.unwell[member.instance_id], needs) for member in wanted]
    if not tight:
        return made
    back = resized(group, SHRINK, group.desired, tuple(ids_of(made))).model_copy(update={"after": needs})
    return [resized(group, GROW, group.desired, ()), *made, back]


def _terminate(draft: Draft, group: ScalingGroup, member: Member, why: str, needs: tuple[str, ...]) -> Change:
    return Change(
        key=f"{group.name}/{member.instance_id}",
        kind=ChangeKind.DISRUPT,
        resource=member.instance_id,
        region=group.region,
        reason=f"{member.instance_id} in {group.resource} is unwell: {why}. It is terminated and the group launches "
        "another one.",
        after=needs,
        targets=(group.resource, member.instance_id),
        params={
            "do": TERMINATE,
            "group": group.name,
            "instance": member.instance_id,
            "max_unavailable": draft.max_unavailable,
            "min_healthy": draft.min_healthy,
        },
        order=group.name,
    )


def resized(group: ScalingGroup, do: str, desired: int, instances: tuple[str, ...]) -> Change:
    """Return the change that gives a group one place more (`grow`), or takes it back (`shrink`)."""
    reasons = {
        GROW: f"{group.resource} is at its minimum of {group.minimum}: one more instance first, so that it never goes "
        "below.",
        SHRINK: f"{group.resource} goes back to {desired} instances when the unwell ones are replaced.",
    }
    return Change(
        key=f"{group.name}/{do}",
        kind=ChangeKind.MODIFY,
        resource=group.resource,
        region=group.region,
        reason=reasons[do],
        targets=(group.resource,),
        params={"do": do, "group": group.name, "desired": desired, "instances": list(instances)},
        order="" if do == GROW else "~",
    )


def ids_of(changes: Sequence[Change]) -> list[str]:
    """Return the instances that changes are about."""
    return [str(change.params["instance"]) for change in changes if change.params["do"] == TERMINATE]


def _question(draft: Draft) -> Question | None:
    if not draft.asks:
        return None
    return Question(
        reason=f"Most of a group is unwell at once: {'; '.join(draft.asks)}. It looks like a bad deployment or a lost "
        "dependency, and new instances may fail too. Yes replaces them all the same, one after the other; no leaves "
        "them, and a group that asg.hold_group holds replaces nothing by itself either."
    )
