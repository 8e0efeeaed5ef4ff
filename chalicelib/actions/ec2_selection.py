"""Which instances a runbook means, and which of them are not for Lifeboat to replace.

What an Auto Scaling group launched carries the group's tag, and the group replaces it:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.actions.ebs_selection import NAMED_AT_MOST, VolumeSelector
from chalicelib.aws import listing, tags
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Failure
from chalicelib.domain.types import InstanceId
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

GROUP = "aws:autoscaling:groupName"
THERE = ("pending", "running", "stopping", "stopped")


class InstanceSelector(ActionModel):
    """Instances that fit everything that is said here; at least one of the two must be said."""

    tags: dict[str, str | list[str]] = Field(
        default_factory=dict, description="Tags of the instance, all of them; a list means any of its values."
    )
    ids: list[InstanceId] = Field(default_factory=list, description="Instance ids.")

    @field_validator("tags")
    @classmethod
    def _no_wildcards(cls, wanted: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        if wanted:
            VolumeSelector(tags=wanted)  # the same rules
        return wanted

    @model_validator(mode="after")
    def _something(self) -> InstanceSelector:
        if not (self.tags or self.ids):
            raise ValueError("select nothing means nothing: write tags or ids")
        return self

    def __str__(self) -> str:
        words = [f"tag {k}={'|'.join(v) if isinstance(v, list) else v}" for k, v in sorted(self.tags.items())]
        return " and ".join(words + ([f"ids {named(self.ids)}"] if self.ids else []))


@dataclass
class Instances:
    """What was found: instances by id order, those asked for that are missing, and remarks."""

    instances: list[InstanceTypeDef]
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def instances_of(aws: Aws, region: str, wanted: InstanceSelector) -> Instances:
    """Read the instances that are meant: DescribeInstances per 1,000, or per 200 ids.

    Left out, with a note, are those of Auto Scaling groups and those tagged `lifeboat:hands-off`.

    Raises:
        InputError: `action.nothing_selected`.
        ActionError: AWS refused a read.
    """
    filters: dict[str, list[str]] = {f"tag:{k}": [v] if isinstance(v, str) else v for k, v in wanted.tags.items()}
    filters["instance-state-name"] = list(THERE)
    if wanted.ids:
        room = listing.FILTER_VALUES - sum(len(values) for values in filters.values())
        some = listing.batches(sorted(set(wanted.ids)), room)
        found = [one for ids in some for one in listing.instances(aws, region, {**filters, "instance-id": ids})]
    else:
        found = listing.instances(aws, region, filters)
    found.sort(key=lambda one: one["InstanceId"])
    grouped = [one["InstanceId"] for one in found if GROUP in tags.of(one)]
    hands_off = [one["InstanceId"] for one in found if tags.HANDS_OFF in tags.of(one)]
    selection = Instances([one for one in found if one["InstanceId"] not in {*grouped, *hands_off}])
    if grouped:
        selection.notes.append(f"Left to their Auto Scaling groups: {named(grouped)}.")
    if hands_off:
        selection.notes.append(f"Left out, tagged {tags.HANDS_OFF}: {named(hands_off)}.")
    missing = sorted(set(wanted.ids) - {one["InstanceId"] for one in found})
    selection.failures = [_missing(one, wanted, region) for one in missing]
    if not selection.instances:
        raise InputError(
            "action.nothing_selected",
            f"No instance in {region} fits the selector ({wanted}). Tag the instances, or correct the selector or the "
            f"Region. {' '.join(selection.notes)}".strip(),
            region=region,
            selector=str(wanted),
        )
    return selection


def named(ids: Iterable[str]) -> str:
    """Return ids for a sentence: the first ten, and how many more there are."""
    every = list(ids)
    more = len(every) - NAMED_AT_MOST
    return ", ".join(every[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _missing(instance_id: str, wanted: InstanceSelector, region: str) -> Failure:
    return Failure(
        resource=instance_id,
        code="action.resource_missing",
        message=f"{region} has no living instance {instance_id} that fits the selector ({wanted}). Take it out of the "
        "runbook or the inputs, or correct the id or the Region.",
    )
