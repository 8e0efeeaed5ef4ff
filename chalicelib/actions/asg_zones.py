"""A group without one zone: which subnets were taken out, kept as tags on the group, and how they are put back.

A tag's value holds up to 256 characters, so that ten subnets fit into one:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.actions.base import ApiCall
from chalicelib.aws import tags
from chalicelib.aws.groups import SERVICE, ScalingGroup, tag_of
from chalicelib.aws.listing import batches
from chalicelib.domain.change import Change, ChangeKind

PER_TAG = 10


def tags_for(zone_id: str, subnets: Sequence[str]) -> dict[str, str]:
    """Return the tags that keep a group's subnets as they were before a zone was taken out."""
    return {
        f"{tags.EVACUATED}{zone_id}.{number}": ",".join(some) for number, some in enumerate(batches(subnets, PER_TAG))
    }


def earlier(group: ScalingGroup, zone_id: str) -> tuple[str, ...]:
    """Return a group's subnets before a zone was taken out; nothing when it was not."""
    mine = sorted(key for key in group.tags if key.startswith(f"{tags.EVACUATED}{zone_id}."))
    return tuple(subnet for key in mine for subnet in group.tags[key].split(",") if subnet)


def evacuated(group: ScalingGroup) -> list[str]:
    """Return the IDs of the zones that were taken out of a group."""
    keys = (key.removeprefix(tags.EVACUATED) for key in group.tags if key.startswith(tags.EVACUATED))
    return sorted({key.rsplit(".", 1)[0] for key in keys})


def return_of(group: str, zone_id: str) -> str:
    """Return the name of what is owed while a group is without a zone."""
    return f"return.{group}.{zone_id}"


def without(change: Change, reason: str) -> Change:
    """Return the change that takes a zone out, from the one that puts it back."""
    return zone_change(change, reason, listed(change, "before"), listed(change, "taken"))


def zone_change(
    of: Change | ScalingGroup, reason: str, before: Iterable[str], taken: Iterable[str], zone: str = ""
) -> Change:
    """Return a change of a group's zones.

    Args:
        of: The group, or a change of it.
        reason: Why.
        before: The group's subnets with the zone.
        taken: Those of them in the zone.
        zone: The zone's ID; that of the change when left out.
    """
    name = of.name if isinstance(of, ScalingGroup) else str(of.params["group"])
    zone = zone or (str(of.params["zone"]) if isinstance(of, Change) else "")
    return Change(
        key=f"{name}/{zone}",
        kind=ChangeKind.MODIFY,
        resource=f"asg:{name}",
        region=of.region,
        reason=reason,
        targets=(f"asg:{name}",),
        params={"group": name, "zone": zone, "before": list(before), "taken": list(taken)},
    )


def listed(change: Change, name: str) -> list[str]:
    """Return a list of subnets in a change's params."""
    found = change.params.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []


def remaining(change: Change) -> list[str]:
    """Return the subnets that a group has while it is without a zone."""
    taken = listed(change, "taken")
    return listed(change, "remaining") or [one for one in listed(change, "before") if one not in taken]


def whole(group: ScalingGroup) -> list[str]:
    """Return a group's subnets with those of all zones that were taken out of it."""
    others = [subnet for zone in evacuated(group) for subnet in earlier(group, zone)]
    return put_back(group, list(dict.fromkeys(others)), others)


def put_back(group: ScalingGroup, before: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Return a group's subnets with those of a zone again, in the order in which they were; what is new comes last."""
    wanted = {*group.subnets, *taken}
    return [one for one in before if one in wanted] + [one for one in group.subnets if one not in before]


def drift(group: ScalingGroup, change: Change) -> str:
    """Say how a group's subnets differ from what the evacuation of a zone left; "" when they do not.

    Subnets of other zones that were taken out too are no difference.
    """
    there, before, taken = set(group.subnets), set(listed(change, "before")), set(listed(change, "taken"))
    others = [zone for zone in evacuated(group) if zone != change.params["zone"]]
    elsewhere = {subnet for zone in others for subnet in earlier(group, zone)}
    told = [
        ("was given", there - before),
        ("has again", there & taken),
        ("has lost", before - taken - elsewhere - there),
    ]
    return "; ".join(f"it {words} {', '.join(sorted(some))}" for words, some in told if some)


def subnets_call(change: Change, subnets: Sequence[str]) -> ApiCall:
    """Return the call that gives a group its subnets."""
    params = {"AutoScalingGroupName": change.params["group"], "VPCZoneIdentifier": ",".join(subnets)}
    return ApiCall(SERVICE, "UpdateAutoScalingGroup", change.region, params)


def tags_call(change: Change, own: Mapping[str, str] | None = None) -> ApiCall:
    """Return the call that keeps a group's subnets as tags; without tags the one that removes them."""
    group, zone = str(change.params["group"]), str(change.params["zone"])
    if own is not None:
        wanted = [tag_of(group, key, value) for key, value in sorted(own.items())]
        return ApiCall(SERVICE, "CreateOrUpdateTags", change.region, {"Tags": wanted})
    named = [tag_of(group, key) for key in sorted(tags_for(zone, listed(change, "before")))]
    return ApiCall(SERVICE, "DeleteTags", change.region, {"Tags": named})
