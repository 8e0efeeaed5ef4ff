"""Just before a replacement is made: is the old instance still lost, still ours, and still without one?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.actions.base import Review, StepContext
from chalicelib.actions.ec2_selection import GROUP
from chalicelib.aws import health, listing, tags
from chalicelib.domain.change import Change

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

GONE = frozenset({"terminated", "shutting-down"})
THERE = ("pending", "running", "stopping", "stopped")


def reviewed(changes: Sequence[Change], ctx: StepContext) -> dict[str, Review]:
    """Read the old instances again, how they are, and who stands in for them: three describes per 200.

    Raises:
        ActionError: AWS refused a read; nothing is made without it.
    """
    region = changes[0].region
    names = sorted({change.resource for change in changes})
    shown = listing.instances_by_id(ctx.aws, region, names)
    status = health.instances(ctx.aws, region, names)
    others = {} if ctx.drill else _others(changes, region, ctx)
    found = {}
    for change in changes:
        name = change.resource
        review = _judged(change, shown.get(name), status[name], others.get(name), ctx)
        if review:
            found[change.key] = review
    return found


def _others(changes: Sequence[Change], region: str, ctx: StepContext) -> dict[str, InstanceTypeDef]:
    """Return living replacements that these changes have not made."""
    names, own = sorted({c.resource for c in changes}), {ctx.effect_id(c.resource) for c in changes}
    found: dict[str, InstanceTypeDef] = {}
    for some in listing.batches(names, listing.FILTER_VALUES - len(THERE)):
        wanted = {f"tag:{tags.RESTORED}": some, "instance-state-name": THERE}
        for one in listing.instances(ctx.aws, region, wanted):
            mine = tags.of(one)
            if tags.DRILL not in mine and mine.get(tags.EFFECT) not in own:
                found[mine[tags.RESTORED]] = one
    return found


def _judged(
    change: Change, old: InstanceTypeDef | None, status: str, other: InstanceTypeDef | None, ctx: StepContext
) -> Review | None:
    name = change.resource
    state = old.get("State", {}).get("Name", "") if old else "gone"
    if old is None or state in GONE:
        return Review("conflict", f"{name} is {state} since the plan was made: somebody else deals with it.")
    if other is not None:
        run = tags.of(other).get(tags.RUN, "nobody")
        return Review("conflict", f"{name} has a replacement, {other['InstanceId']}, made by run {run}.")
    own = tags.of(old)
    if tags.HANDS_OFF in own or GROUP in own:
        why = f"was tagged {tags.HANDS_OFF}" if tags.HANDS_OFF in own else "belongs to an Auto Scaling group"
        return Review("conflict", f"{name} {why} since the plan was made; it is left alone.")
    if change.params["status"] == health.IMPAIRED and status == health.OK and not ctx.drill:
        return Review("moot", f"{name} is healthy again: its status checks are ok.")
    return None
