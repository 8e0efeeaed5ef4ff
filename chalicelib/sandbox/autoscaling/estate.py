"""The demo's groups: `web` (12) and `api` (6), both over three zones and tagged app=shop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.autoscaling import living, targets
from chalicelib.sandbox.autoscaling.things import Group, land
from chalicelib.sandbox.elb.things import HEALTHY_AFTER_S, front
from chalicelib.sandbox.weather.sky import Sky

SIZES = {"web": (6, 16, 12), "api": (3, 9, 6)}  # minimum, maximum, desired
GRACE_S, HOUR_S = 120, 3600


def build(sky: Sky, home: str) -> dict[str, Any]:
    """Make the groups, with everything in service at once; behind the load balancer when `front` was built before.

    Args:
        sky: Where; under settings that make things instant.
        home: The Region.

    Returns:
        `groups`: ids of the instances by group name; `group_subnets`: subnet id by zone name.
    """
    backend = sky.land(home).backend
    zones = sorted(zone.name for zone in backend.describe_availability_zones())[:3]
    subnets = {zone: str(backend.get_default_subnets()[zone].id) for zone in zones}
    made = {name: _group(sky, home, name, subnets) for name in SIZES}
    return {"groups": {name: list(group.members) for name, group in made.items()}, "group_subnets": subnets}


def _group(sky: Sky, home: str, name: str, subnets: dict[str, str]) -> Group:
    minimum, maximum, desired = SIZES[name]
    group = Group(
        name,
        home,
        sky.next_serial(),
        sky.now_s,
        minimum,
        maximum,
        desired,
        _template(sky, home, name),
        list(subnets.values()),
        list(subnets),
        grace_s=GRACE_S,
        upto_s=sky.now_s,
        quiet=True,
    )
    group.tags = {"Name": (name, True), "app": ("shop", True), "tier": (name, True), "rotate": ("unhealthy", False)}
    fronts = front(sky, home).groups.values()
    group.target_groups = [one.arn for one in fronts if one.tags.get("tier") == name]
    land(home).groups[name] = group
    living.live(sky, group)
    for member in group.members.values():
        member.in_service_s = sky.now_s - GRACE_S
        _for_long(sky.land(home).instances[member.instance_id], sky.now_s)
        targets.register(sky, group, member, sky.now_s)
    for one in fronts:
        for registered in one.members.values():
            registered.since_s = min(registered.since_s, sky.now_s - HEALTHY_AFTER_S)
    group.quiet = False
    return group


def _for_long(instance: Any, now_s: float) -> None:
    """Let an instance have run for an hour."""
    began_s = now_s - HOUR_S
    instance.started_at_s = instance.settled_at_s = began_s
    instance.launch_time = datetime.fromtimestamp(began_s, UTC).replace(tzinfo=None)


def _template(sky: Sky, home: str, name: str) -> dict[str, str]:
    backend = sky.land(home).backend
    image = backend.register_image(f"shop-{name}", f"The image of {name}")
    image.root_device_name = "/dev/xvda"
    backend.snapshots.pop(image.ebs_snapshot.id)  # the image is the vendor's, and so is what it is made of
    made = backend.create_launch_template(f"shop-{name}", "", {"ImageId": image.id, "InstanceType": "m6i.large"}, {})
    return {"LaunchTemplateId": made.id, "LaunchTemplateName": made.name, "Version": "$Default"}
