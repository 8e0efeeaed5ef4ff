"""The tag that says what a group was held with: what Lifeboat suspended, and what was suspended before.

Holding a group takes one process: while `ReplaceUnhealthy` is suspended, the group goes on judging its instances, and
terminates none for being unhealthy: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.aws import tags
from chalicelib.aws.groups import ScalingGroup
from chalicelib.domain.change import Change, ChangeKind

HOLDING = ("ReplaceUnhealthy",)


@dataclass(frozen=True)
class Hold:
    """What was suspended by Lifeboat, and what somebody else had suspended before."""

    suspended: tuple[str, ...]
    before: tuple[str, ...] = ()

    def text(self) -> str:
        """Write it as a tag's value."""
        return f"suspended={'.'.join(self.suspended)} before={'.'.join(self.before)}"


def hold_of(group: ScalingGroup) -> Hold | None:
    """Return how a group is held; None when it is not, or when the tag was changed into something else."""
    words = dict(word.split("=", 1) for word in group.tags.get(tags.HELD, "").split() if "=" in word)
    suspended = tuple(one for one in words.get("suspended", "").split(".") if one)
    return Hold(suspended, tuple(one for one in words.get("before", "").split(".") if one)) if suspended else None


def hold_change(group: str, region: str, before: Sequence[str], reason: str) -> Change:
    """Return the change that holds a group."""
    return _change(group, region, reason, {"suspended": list(HOLDING), "before": sorted(before)})


def release_change(group: str, region: str, suspended: Sequence[str], before: Sequence[str], reason: str) -> Change:
    """Return the change that releases a group: what was suspended before stays so."""
    return _change(group, region, reason, {"suspended": sorted(suspended), "before": sorted(before)})


def _change(group: str, region: str, reason: str, processes: dict[str, list[str]]) -> Change:
    resource = f"asg:{group}"
    return Change(
        key=group,
        kind=ChangeKind.MODIFY,
        resource=resource,
        region=region,
        reason=reason,
        targets=(resource,),
        params={"group": group, "suspended": list(processes["suspended"]), "before": list(processes["before"])},
    )


def names(change: Change, which: str) -> list[str]:
    """Return the process names in a change's params."""
    found = change.params.get(which)
    return [str(one) for one in found] if isinstance(found, list) else []
