"""Just before snapshots are made: are the volumes still there and allowed, and is anything new on it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import Review, StepContext
from chalicelib.actions.ebs_selection import LIVING, attached_to
from chalicelib.aws import listing, tags
from chalicelib.domain.change import Change

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VolumeTypeDef


def reviewed(changes: Sequence[Change], ctx: StepContext) -> dict[str, Review]:
    """Read the volumes of changes again: those of sets by their instances, single ones by id.

    By instance, since that also shows a volume that was attached after the plan: it must be excluded, or it would
    become an unplanned member of the set.
    """
    found: dict[str, Review] = {}
    for region in sorted({change.region for change in changes}):
        here = [change for change in changes if change.region == region]
        hosts = sorted({str(c.params["instance_id"]) for c in here if c.params["how"] == "set"})
        single = sorted({c.targets[0] for c in here if c.params["how"] != "set"})
        seen = listing.volumes_by(ctx.aws, region, "attachment.instance-id", hosts, {})
        seen += listing.volumes_by(ctx.aws, region, "volume-id", single, {})
        alive = {volume["VolumeId"]: volume for volume in seen if volume["State"] in LIVING}
        for change in here:
            review = _of_set(change, alive) if change.params["how"] == "set" else _of_one(change, alive)
            if review:
                found[change.key] = review
    return found


def _of_set(change: Change, alive: Mapping[str, VolumeTypeDef]) -> Review | None:
    params: dict[str, Any] = change.params
    host = params["instance_id"]
    attached = sorted(one for one, volume in alive.items() if host in attached_to(volume))
    kept = [one for one in params["selected"] if one in attached and not _hands_off(alive[one])]
    lost = tuple(_lost(one, alive.get(one), host, change.region) for one in params["selected"] if one not in kept)
    if not kept:
        return Review(
            "conflict", f"All volumes of {host} that were planned in {change.region} are gone, or hands-off.", lost=lost
        )
    if not lost and attached == params["attached"]:
        return None
    return Review(params={**params, "selected": kept, "attached": attached}, lost=lost)


def _of_one(change: Change, alive: Mapping[str, VolumeTypeDef]) -> Review | None:
    volume_id = change.targets[0]
    if volume_id in alive and not _hands_off(alive[volume_id]):
        return None
    lost = _lost(volume_id, alive.get(volume_id), None, change.region)
    return Review("conflict", lost[2], lost=(lost,))


def _hands_off(volume: VolumeTypeDef) -> bool:
    return tags.HANDS_OFF in tags.of(volume)


def _lost(volume_id: str, volume: VolumeTypeDef | None, host: str | None, region: str) -> tuple[str, str, str]:
    if volume and _hands_off(volume):
        message = f"{volume_id} in {region} was tagged {tags.HANDS_OFF} since the plan was made; it is left alone."
        return volume_id, "action.hands_off", message
    where = f"no longer attached to {host} in {region}, or deleted" if host else f"no longer there in {region}"
    message = (
        f"{volume_id} is {where}, since the plan was made; it is not backed up by this run. If it still exists, "
        "run again; if not, nothing is to be done."
    )
    return volume_id, "action.resource_gone", message
