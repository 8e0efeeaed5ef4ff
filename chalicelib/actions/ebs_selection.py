"""Which volumes a runbook means: by tag, id, instance or Availability Zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.aws import listing, tags
from chalicelib.aws.clients import Aws
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.domain.change import Failure
from chalicelib.domain.types import InstanceId, VolumeId
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VolumeTypeDef

LIVING = ("available", "in-use")  # the states in which a volume can be snapshotted
TAG_VALUES = 100  # leaves room in a request's 200 filter values for ids
NAMED_AT_MOST = 10  # ids in one message


class VolumeSelector(ActionModel):
    """Volumes that fit everything that is said here; at least one of the four must be said."""

    tags: dict[str, str | list[str]] = Field(
        default_factory=dict, description="Tags of the volume, all of them; a list means any of its values."
    )
    volumes: list[VolumeId] = Field(default_factory=list, description="Volume ids.")
    instances: list[InstanceId] = Field(default_factory=list, description="Ids of instances that they are attached to.")
    zone: str | None = Field(None, description="Name or ID of the Availability Zone that they are in.")

    @field_validator("tags")
    @classmethod
    def _no_wildcards(cls, wanted: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        if sum(len(value) if isinstance(value, list) else 1 for value in wanted.values()) > TAG_VALUES:
            raise ValueError(
                f"more than {TAG_VALUES} tag values; tag the volumes with one value that means all of these"
            )
        for key, value in wanted.items():
            values = value if isinstance(value, list) else [value]
            if not key or not values:
                raise ValueError(f"tag '{key}': write a key and at least one value")
            if any(sign in text for text in (key, *values) for sign in "*?\\"):
                raise ValueError(f"tag '{key}': wildcards are not allowed; list the values")
        return wanted

    @model_validator(mode="after")
    def _something(self) -> VolumeSelector:
        if not (self.tags or self.volumes or self.instances or self.zone):
            raise ValueError("select nothing means nothing: write tags, volumes, instances or zone")
        return self

    def __str__(self) -> str:
        words = [f"tag {k}={'|'.join(v) if isinstance(v, list) else v}" for k, v in sorted(self.tags.items())]
        words += [f"volumes {_some(self.volumes)}"] if self.volumes else []
        words += [f"instances {_some(self.instances)}"] if self.instances else []
        words += [f"zone {self.zone}"] if self.zone else []
        return " and ".join(words)


@dataclass
class Selection:
    """What was found: volumes by id order, what was asked for by id and is missing, and remarks."""

    region: str
    zones: Zones
    volumes: list[VolumeTypeDef]
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def selected(aws: Aws, region: str, wanted: VolumeSelector) -> Selection:
    """Read the volumes that are meant, in one DescribeAvailabilityZones and as few DescribeVolumes as possible.

    Volumes that are being deleted are not seen; those tagged `lifeboat:hands-off` are left out, with a note.

    Raises:
        InputError: `action.nothing_selected` or `action.unknown_zone`.
        ActionError: AWS refused a read.
    """
    zones = read_zones(aws, region)
    found = sorted(_read(aws, region, wanted, zones), key=lambda volume: volume["VolumeId"])
    kept = [volume for volume in found if tags.HANDS_OFF not in tags.of(volume)]
    selection = Selection(region, zones, kept)
    kept_ids = {volume["VolumeId"] for volume in kept}
    left_out = [volume["VolumeId"] for volume in found if volume["VolumeId"] not in kept_ids]
    if left_out:
        selection.notes.append(f"Left out, tagged {tags.HANDS_OFF}: {_some(left_out)}.")
    selection.failures.extend(_missing(found, wanted, region))
    if not kept:
        raise _nothing(selection, wanted)
    return selection


def _read(aws: Aws, region: str, wanted: VolumeSelector, zones: Zones) -> list[VolumeTypeDef]:
    filters: dict[str, list[str]] = {f"tag:{k}": [v] if isinstance(v, str) else v for k, v in wanted.tags.items()}
    if wanted.zone:
        filters["availability-zone"] = [zones.name_of(wanted.zone)]
    if wanted.volumes:
        found = listing.volumes_by(aws, region, "volume-id", sorted(set(wanted.volumes)), filters)
    elif wanted.instances:
        found = listing.volumes_by(aws, region, "attachment.instance-id", sorted(set(wanted.instances)), filters)
    else:
        found = listing.volumes(aws, region, {"status": list(LIVING), **filters})
    allowed = set(wanted.instances)
    return [v for v in found if v["State"] in LIVING and (not allowed or allowed & set(attached_to(v)))]


def attached_to(volume: VolumeTypeDef) -> dict[str, str]:
    """Return the device name of each instance that a volume is attached to."""
    return {
        attachment.get("InstanceId", ""): attachment.get("Device", "")
        for attachment in volume.get("Attachments", [])
        if attachment.get("State") != "detached" and attachment.get("InstanceId")
    }


def _missing(found: list[VolumeTypeDef], wanted: VolumeSelector, region: str) -> list[Failure]:
    volumes = {volume["VolumeId"] for volume in found}
    instances = {instance for volume in found for instance in attached_to(volume)}
    lost = [f"volume {one}" for one in sorted(set(wanted.volumes) - volumes)]
    lost += [f"instance {one} with a volume" for one in sorted(set(wanted.instances) - instances)]
    return [
        Failure(
            resource=words.split()[1],
            code="action.resource_missing",
            message=f"{region} has no {words} that fits the selector ({wanted}). "
            "Take it out of the runbook or the inputs, or correct the id or the Region.",
        )
        for words in lost
    ]


def _nothing(selection: Selection, wanted: VolumeSelector) -> InputError:
    return InputError(
        "action.nothing_selected",
        f"No volume in {selection.region} fits the selector ({wanted}). Tag the volumes, or correct the selector or "
        f"the Region. {' '.join(selection.notes)}".strip(),
        region=selection.region,
        selector=str(wanted),
    )


def _some(ids: list[str]) -> str:
    more = len(ids) - NAMED_AT_MOST
    return ", ".join(ids[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
