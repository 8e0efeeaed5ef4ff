"""The estate `front`: a load balancer and target groups before an estate's machines, and alarms."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.alarms.things import Alarm, Composite, began, watch
from chalicelib.sandbox.elb.things import HEALTHY_AFTER_S, Balancer, Front, Group, Member, front
from chalicelib.sandbox.shifts.things import manage
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

TIERS = {"web": 80, "api": 8080}
ANY_ZONE, LATENCY = "any-az-impaired", "shop-latency"
TAGS = {"app": "shop"}


def build(sky: Sky, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """Put a load balancer before the machines tagged tier `web` and `api`, and alarms beside it.

    Args:
        sky: Where; the machines must be there.
        region: The Region of the machines.
        params: Takes none.

    Returns:
        `load_balancer` (ARN), `target_groups` (name to ARN), `alarms` (names; one per zone, `any-az-impaired` which is
        composite, and `shop-latency` which only flaps), `zone_ids` (zone name to ID).

    Raises:
        ValueError: there are no such machines, or parameters were given.
    """
    if params:
        raise ValueError(f"the estate 'front' takes no parameters, not {sorted(params)}")
    land, where = sky.land(region), front(sky, region)
    zones = {z.name: z.zone_id for z in land.backend.describe_availability_zones()[:3]}
    subnets = {zone: subnet for zone, subnet in land.backend.get_default_subnets().items() if zone in zones}
    balancer = _balancer(sky, where, {zone: subnet.id for zone, subnet in subnets.items()}, land.backend)
    groups = [_group(sky, where, balancer, tier, port) for tier, port in TIERS.items()]
    if not any(group.members for group in groups):
        raise ValueError("no machine is tagged tier=web or tier=api: build 'small' or 'shop' first")
    manage(sky, region, balancer.arn, balancer.name, tuple(zones.values()))
    return {
        "load_balancer": balancer.arn,
        "target_groups": {group.name: group.arn for group in groups},
        "alarms": _alarms(sky, region, zones, balancer, groups[0]),
        "zone_ids": zones,
    }


def _balancer(sky: Sky, where: Front, zones: dict[str, str], backend: Any) -> Balancer:
    arn = f"arn:aws:elasticloadbalancing:{where.region}:{ACCOUNT}:loadbalancer/app/shop/50dc6c495c0c9188"
    made = Balancer("shop", where.region, arn, backend.get_default_vpc().id, zones, sky.now_s, dict(TAGS))
    return where.balancers.setdefault(arn, made)


def _group(sky: Sky, where: Front, balancer: Balancer, tier: str, port: int) -> Group:
    arn = f"arn:aws:elasticloadbalancing:{where.region}:{ACCOUNT}:targetgroup/shop-{tier}/73e2d6bc24d8a067"
    tags = {**TAGS, "tier": tier}
    group = Group(f"shop-{tier}", where.region, arn, port, balancer.vpc_id, balancer.arn, tags)
    for instance in sky.land(where.region).instances.values():
        own = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        if own.get("tier") == tier:
            group.members[instance.id, port] = Member(instance.id, port, sky.now_s - HEALTHY_AFTER_S)
            instance.settled_at_s = min(instance.settled_at_s, sky.now_s - HEALTHY_AFTER_S)
    where.groups[arn] = group
    return group


def _alarms(sky: Sky, region: str, zones: dict[str, str], balancer: Balancer, group: Group) -> list[str]:
    kept = watch(sky, region)
    common = {"LoadBalancer": balancer.arn.split("loadbalancer/")[1], "TargetGroup": group.arn.rsplit(":", 1)[1]}
    for zone, zone_id in zones.items():
        name = f"az-{zone_id}-impaired"
        kept.metric[name] = Alarm(name, region, {**common, "AvailabilityZone": zone}, zone, [began(sky.now_s)])
    of_zones = list(kept.metric.values())
    kept.metric[LATENCY] = Alarm(LATENCY, region, common, "", [began(sky.now_s)])
    kept.composite[ANY_ZONE] = Composite(ANY_ZONE, region, of_zones, [began(sky.now_s)])
    return [*kept.metric, *kept.composite]
