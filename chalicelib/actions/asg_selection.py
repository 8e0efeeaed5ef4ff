"""Which Auto Scaling groups a runbook means: by tag or name."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.aws import tags
from chalicelib.aws.clients import Aws
from chalicelib.aws.groups import ScalingGroup, groups
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.domain.change import Failure
from chalicelib.errors import InputError

NAMED_AT_MOST = 10  # names in one message


class GroupSelector(ActionModel):
    """Groups that fit everything that is said here; at least one of the two must be said."""

    tags: dict[str, str | list[str]] = Field(
        default_factory=dict, description="Tags of the group, all of them; a list means any of its values."
    )
    groups: list[str] = Field(default_factory=list, description="Names of groups.")

    @model_validator(mode="after")
    def _something(self) -> GroupSelector:
        if not (self.tags or self.groups):
            raise ValueError("select nothing means nothing: write tags or groups")
        for key, value in self.tags.items():
            values = value if isinstance(value, list) else [value]
            if not key or not values or any(sign in text for text in (key, *values) for sign in "*?\\"):
                raise ValueError(f"tag '{key}': write a key and its values; wildcards are not allowed")
        return self

    def __str__(self) -> str:
        words = [f"tag {k}={'|'.join(v) if isinstance(v, list) else v}" for k, v in sorted(self.tags.items())]
        words += [f"groups {some(self.groups)}"] if self.groups else []
        return " and ".join(words)


@dataclass
class Selection:
    """What was found: groups by name, what was asked for by name and is missing, and remarks."""

    region: str
    zones: Zones
    groups: list[ScalingGroup]
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def selected(aws: Aws, region: str, wanted: GroupSelector) -> Selection:
    """Read the groups that are meant: DescribeAvailabilityZones, and DescribeAutoScalingGroups per 100.

    What is tagged `lifeboat:hands-off` is left out, with a note.

    Raises:
        InputError: `action.nothing_selected`.
        ActionError: AWS refused a read.
    """
    zones = read_zones(aws, region)
    found = groups(aws, region, wanted=wanted.tags, names=wanted.groups, zones=zones)
    untouched = [one.name for one in found if tags.HANDS_OFF in one.tags]
    selection = Selection(region, zones, [one for one in found if tags.HANDS_OFF not in one.tags])
    if untouched:
        selection.notes.append(f"Left out, tagged {tags.HANDS_OFF}: {some(untouched)}.")
    for name in sorted(set(wanted.groups) - {one.name for one in found}):
        why = f"{region} has no group {name} that fits the selector ({wanted}). Correct the name or the Region."
        selection.failures.append(Failure(resource=f"asg:{name}", code="action.resource_missing", message=why))
    if not selection.groups:
        raise InputError(
            "action.nothing_selected",
            f"No Auto Scaling group in {region} fits the selector ({wanted}). Tag the groups, or correct the selector "
            f"or the Region. {' '.join(selection.notes)}".strip(),
            region=region,
            selector=str(wanted),
        )
    return selection


def some(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
