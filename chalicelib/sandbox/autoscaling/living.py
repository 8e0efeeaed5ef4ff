"""What groups do by themselves: a function of virtual time, caught up with at each call. Nothing runs in between.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-benefits.html (spreading, rebalancing:
a new instance first, 10 % or one above the maximum), .../ec2-auto-scaling-health-checks.html (replacing),
.../as-suspend-resume-processes.html, .../lifecycle-hooks.html and .../ec2-auto-scaling-warm-pools.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chalicelib.sandbox.autoscaling import health, machines, notices
from chalicelib.sandbox.autoscaling.things import (
    PENDING,
    PENDING_WAIT,
    TERMINATING,
    TERMINATING_WAIT,
    Group,
    Member,
)
from chalicelib.sandbox.weather.sky import Sky

NEARBY = frozenset({"autoscaling", "ec2", "elasticloadbalancing"})  # services whose answers depend on groups
TURNS = 10_000  # more turns than this between two calls would be a group that never comes to rest
WARMING = "Warmed:Pending"
UNEVEN = 2  # instances more than in another zone; one more is as even as it can be


def catch_up(sky: Sky) -> None:
    """Let everything happen in all groups that was due until now. Idempotent at one instant."""
    for where in sky.scaling.values():
        for group in where.groups.values():
            live(sky, group)


def live(sky: Sky, group: Group) -> None:
    """Let one group live until now."""
    for _ in range(TURNS):
        _settle(sky, group)
        due_s = min((at for at in _instants(sky, group) if at > group.upto_s), default=None)
        if due_s is None or due_s > sky.now_s:
            break
        group.upto_s = due_s
    if group.upto_s < sky.now_s:
        group.upto_s = sky.now_s
        _settle(sky, group)


def _settle(sky: Sky, group: Group) -> None:
    """Do all that is due at one instant: one thing may be the reason of another."""
    for _ in range(TURNS):
        before = _signs(group)
        _turn(sky, group, group.upto_s)
        if _signs(group) == before:
            return


def _signs(group: Group) -> list[tuple[str, str, str, float | None]]:
    return [(one.instance_id, one.lifecycle, one.health, one.until_s) for one in group.members.values()]


def _turn(sky: Sky, group: Group, at_s: float) -> None:
    for member in list(group.members.values()):
        _move(sky, group, member, at_s)
    for member in group.serving():
        health.notice(sky, group, member, at_s)
    _replace(sky, group, at_s)
    _scale_out(sky, group, at_s)
    _rebalance(sky, group, at_s)
    _scale_in(sky, group, at_s)
    _fill_pool(sky, group, at_s)


def _instants(sky: Sky, group: Group) -> Iterator[float]:
    """Yield the instants at which something is due by itself."""
    waiting = list(group.pool.members.values()) if group.pool else []
    for member in [*group.members.values(), *waiting]:
        if member.until_s is not None:
            yield member.until_s
    for member in group.serving():
        if member.failing_since_s is not None and member.health == "Healthy" and group.runs("HealthCheck"):
            stopped = not health.runs(sky, group.region, member.instance_id)
            yield health.noticed_at(sky, group, member, stopped=stopped)
    yield from (group.launch_after_s, group.balance_after_s)
    yield from (dark.since_s for dark in sky.darkness.zones.values() if dark.region == group.region)


def _move(sky: Sky, group: Group, member: Member, at_s: float) -> None:
    """Let a member's lifecycle go on when that is due."""
    due = member.until_s is not None and member.until_s <= at_s
    if member.lifecycle in {PENDING, PENDING_WAIT} and due:
        machines.arrive(sky, group, member, at_s)
    if member.lifecycle == TERMINATING_WAIT and due:
        member.go(TERMINATING, at_s, at_s)
    ends = member.lifecycle == TERMINATING and (member.until_s is None or member.until_s <= at_s)
    if ends and machines.depart(sky, group, member, at_s):
        del group.members[member.instance_id]
        notices.terminated(sky, group, member, at_s)


def _replace(sky: Sky, group: Group, at_s: float) -> None:
    if not group.runs("ReplaceUnhealthy", "Terminate"):
        return
    for member in group.serving():
        if member.health == "Unhealthy" and not health.shielded(sky, group, member):
            machines.leave(sky, group, member, at_s, "an EC2 or ELB health check")


def _scale_out(sky: Sky, group: Group, at_s: float) -> None:
    while len(group.counting()) < group.desired and _launched(sky, group, at_s):
        pass


def _launched(sky: Sky, group: Group, at_s: float) -> bool:
    """Launch one instance in the emptiest zone that takes it; False when none does."""
    if at_s < group.launch_after_s:
        return False
    if _launched_in(sky, group, _by_room(sky, group), at_s):
        return True
    if group.runs("Launch"):
        group.launch_after_s = at_s + sky.settings.scaling.retry_s
    return False


def _launched_in(sky: Sky, group: Group, zones: list[str], at_s: float) -> bool:
    """Launch one instance in the first of these zones that takes it; False when none does."""
    if not group.runs("Launch"):
        return False
    member = machines.from_pool(sky, group, zones, at_s)
    if member is None:
        member = next((made for zone in zones if (made := machines.launch(sky, group, zone, at_s))), None)
    if member is None:
        return False
    group.members[member.instance_id] = member
    return True


def _by_room(sky: Sky, group: Group) -> list[str]:
    """Return the group's zones, the emptiest first; those that traffic is shifted away from are left out."""
    there = Counter(one.zone for one in group.counting())
    away = health.shifted(sky, group)
    backend = sky.land(group.region).backend
    return sorted(
        (zone for zone in group.zones if machines.zone_id(backend, zone) not in away), key=lambda z: (there[z], z)
    )


def _rebalance(sky: Sky, group: Group, at_s: float) -> None:
    """Launch what is to take the place of members in the wrong zone; `_scale_in` takes those out afterwards.

    When the zone that lacks instances takes none, the group stays as it is, and tries again later.
    """
    if not group.runs("AZRebalance", "Launch", "Terminate") or at_s < group.balance_after_s:
        return
    margin = max(1, group.maximum // 10)
    there = _misplaced(sky, group, at_s)
    if not there or len(group.counting()) < group.desired:
        return
    wanted = min(len(there), margin, max(0, group.maximum + margin - len(group.counting())))
    while len(group.counting()) - group.desired < wanted:
        if not _launched_in(sky, group, _emptier(sky, group, there[0].zone), at_s):
            group.balance_after_s = at_s + sky.settings.scaling.retry_s
            return


def _emptier(sky: Sky, group: Group, zone: str) -> list[str]:
    """Return the zones in which a member of this zone were better placed; all when the group has left its zone."""
    there = Counter(one.zone for one in group.counting())
    left = zone not in group.zones
    return [one for one in _by_room(sky, group) if left or there[zone] - there[one] >= UNEVEN]


def _misplaced(sky: Sky, group: Group, at_s: float) -> list[Member]:
    """Return the members in zones that the group does not have, or one of the fullest when it is out of balance."""
    outside = [one for one in group.serving() if one.zone not in group.zones and not one.protected]
    lit = [zone for zone in _by_room(sky, group) if not health.dark(sky, group.region, zone, at_s)]
    if outside or not lit:
        return outside if lit else []
    there = Counter(one.zone for one in group.counting())
    fullest = max(group.zones, key=lambda zone: (there[zone], zone))
    if there[fullest] - min(there[zone] for zone in lit) < UNEVEN:
        return []
    return [one for one in group.serving() if one.zone == fullest and not one.protected][:1]


def _scale_in(sky: Sky, group: Group, at_s: float) -> None:
    """Take out what is above the desired capacity, from the wrong zones and the fullest ones first."""
    if not group.runs("Terminate"):
        return
    while len(group.serving()) > group.desired:
        there = Counter(one.zone for one in group.serving())
        free = [one for one in group.serving() if not one.protected]
        if not free:
            return
        first = min(free, key=lambda m: (m.zone in group.zones, -there[m.zone], m.in_service_s, m.instance_id))
        machines.leave(sky, group, first, at_s, "a decrease of capacity or a rebalance of zones")


def _fill_pool(sky: Sky, group: Group, at_s: float) -> None:
    pool = group.pool
    if pool is None:
        return
    for member in pool.members.values():
        if member.lifecycle == WARMING and member.until_s is not None and member.until_s <= at_s:
            if pool.state == "Stopped":
                instance = sky.land(group.region).instances[member.instance_id]
                instance.stop()
                instance.settled_at_s = at_s
            member.go(f"Warmed:{pool.state}", at_s)
            notices.launched(sky, group, member, at_s, notices.WARM)
    most = group.maximum if pool.prepared is None else pool.prepared
    while len(pool.members) < max(pool.minimum, most - group.desired) and group.runs("Launch"):
        made = next((m for z in _by_room(sky, group) if (m := machines.launch(sky, group, z, at_s, WARMING))), None)
        if made is None:
            return
        pool.members[made.instance_id] = made


def hurry(sky: Sky) -> None:
    """Let what is under way by itself be over now; hooks go on waiting."""
    for where in sky.scaling.values():
        for group in where.groups.values():
            for member in group.members.values():
                if member.lifecycle in {PENDING, TERMINATING} and member.until_s is not None:
                    member.until_s = min(member.until_s, sky.now_s)
    catch_up(sky)
