"""CreateTags and DeleteTags on things that exist.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import Tree, several


def create_tags(call: Ec2Call) -> Tree:
    """Add or overwrite tags; others see them after a while. All resources must exist, or nothing is tagged."""
    call.land.backend.create_tags(
        _existing(call), {t["Key"]: t.get("Value", "") for t in several(call.form.get("Tag"))}
    )
    return {"return": True}


def delete_tags(call: Ec2Call) -> Tree:
    """Remove tags; with a value given only where the value is that one. What is not there is not missed."""
    wanted = {tag["Key"]: tag.get("Value") for tag in several(call.form.get("Tag"))}
    resources = _existing(call)
    if not wanted:
        wanted = {key: None for one in resources for key in call.land.backend.tags.get(one, {})}
    call.land.backend.delete_tags(resources, wanted)
    return {"return": True}


def _existing(call: Ec2Call) -> list[str]:
    resources = [str(value) for value in several(call.form.get("ResourceId"))]
    looks: dict[str, Callable[[str], object]] = {"snap": call.snapshot, "vol": call.volume, "i": call.instance}
    for resource_id in resources:
        look = looks.get(resource_id.split("-")[0])
        if look is not None:
            look(resource_id)
    return resources
