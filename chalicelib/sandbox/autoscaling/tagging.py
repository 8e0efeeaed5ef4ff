"""CreateOrUpdateTags, DeleteTags and DescribeTags.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateOrUpdateTags.html
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.autoscaling.call import ScalingCall, refused
from chalicelib.sandbox.autoscaling.shapes import tags_shape
from chalicelib.sandbox.ec2.wire import Tree

MOST_TAGS, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256


def put(call: ScalingCall) -> Tree:
    """Set tags of groups."""
    given = call.members("Tags")
    groups = [call.group(tag.get("ResourceId")) for tag in given]
    for tag, group in zip(given, groups, strict=True):
        key, value = str(tag.get("Key", "")), str(tag.get("Value", ""))
        if not 1 <= len(key) <= LONGEST_KEY or len(value) > LONGEST_VALUE:
            raise refused(f"The tag {key} is too long: a key has up to 128 characters and a value up to 256.")
        if key not in group.tags and len(group.tags) >= MOST_TAGS:
            raise refused(f"AutoScalingGroup {group.name} has {MOST_TAGS} tags already.")
        group.tags[key] = (value, str(tag.get("PropagateAtLaunch", "")).lower() == "true")
    return {}


def delete(call: ScalingCall) -> Tree:
    """Remove tags of groups; one that is given with another value stays."""
    for tag in call.members("Tags"):
        group = call.group(tag.get("ResourceId"))
        there = group.tags.get(tag["Key"])
        if there and tag.get("Value") in {None, "", there[0]}:
            del group.tags[tag["Key"]]
    return {}


def describe(call: ScalingCall) -> Tree:
    """List tags of groups, by group, key or value."""
    filters = call.filters()
    every = [tag for group in call.land.groups.values() for tag in tags_shape(group)]
    page, token = call.page([tag for tag in every if _fits(tag, filters)])
    return {"Tags": page, "NextToken": token}


def _fits(tag: Tree, filters: dict[str, list[str]]) -> bool:
    fields: dict[str, Any] = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
    for name, values in filters.items():
        if name not in fields:
            raise refused(f"Filter name '{name}' is not valid")
        if tag[fields[name]] not in values:
            return False
    return True
