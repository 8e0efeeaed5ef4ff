"""The demo's groups: `web` (12) and `api` (6), both over three zones and tagged app=shop."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.autoscaling import living
from chalicelib.sandbox.autoscaling.things import Group, land
from chalicelib.sandbox.weather.sky import Sky

SIZES = {"web": (6, 16, 12), "api": (3, 9, 6)}  # minimum, maximum, desired
GRACE_S = 120


def build(sky: Sky, home: str, target_groups: dict[str, str]) -> dict[str, Any]:
    """Make the groups, with everything in service at once.

    Args:
        sky: Where; under settings that make things instant.
        home: The Region.
        target_groups: ARN by group name; empty for a group without a load balancer.

    Returns:
        `groups`: ids of the instances by group name; `group_subnets`: subnet id by zone name.
    """
    backend = sky.land(home).backend
    zones = sorted(zone.name for zone in backend.describe_availability_zones())[:3]
    subnets = {zone: str(backend.get_default_subnets()[zone].id) for zone in zones}
    made = {name: _group(sky, home, name, subnets, target_groups.get(name, "")) for name in SIZES}
    return {"groups": {name: list(group.members) for name, group in made.items()}, "group_subnets": subnets}


def _group(sky: Sky, home: str, name: str, subnets: dict[str, str], target_group: str) -> Group:
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
    )
    group.tags = {"Name": (name, True), "app": ("shop", True), "tier": (name, True)}
    group.target_groups = [target_group] if target_group else []
    land(home).groups[name] = group
    living.live(sky, group)
    for member in group.members.values():
        member.in_service_s = sky.now_s - GRACE_S
    return group


def _template(sky: Sky, home: str, name: str) -> dict[str, str]:
    backend = sky.land(home).backend
    image = backend.register_image(f"shop-{name}", f"The image of {name}")
    image.root_device_name = "/dev/xvda"
    backend.snapshots.pop(image.ebs_snapshot.id)  # the image is the vendor's, and so is what it is made of
    made = backend.create_launch_template(f"shop-{name}", "", {"ImageId": image.id, "InstanceType": "m6i.large"}, {})
    return {"LaunchTemplateId": made.id, "LaunchTemplateName": made.name, "Version": "$Default"}
