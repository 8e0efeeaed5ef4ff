"""What stands on a snapshot of a database, so that it must not be deleted: copies and restores, anybody's.

AWS does not say which snapshot a database is being restored from: so while one is being made, it may be any of its
engine. Of a copy within a Region AWS does not name the source either, but database and time are the source's own:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.actions.base import StepContext
from chalicelib.actions.rds_points import state_of
from chalicelib.aws.databases import KINDS, Database, DatabaseSnapshot, databases

Place = tuple[str, str]  # (Region, resource part of the ARN)
MAKING = frozenset({"creating", "migrating", "restoring"})


def held(every: Sequence[DatabaseSnapshot], regions: Iterable[str], ctx: StepContext) -> dict[Place, str]:
    """Return why snapshots must not be deleted now; what nothing stands on is left out.

    Args:
        every: All manual snapshots of some Regions, whoever's.
        regions: Where databases may be restored: a listing of the instances and one of the clusters in each.
        ctx: The way to AWS.

    Raises:
        ActionError: AWS refused a read; without it nothing may be deleted.
    """
    making = {region: _being_made(region, ctx) for region in sorted(set(regions))}
    found = {_place(one): why for one in every if (why := _restored(one, making))}
    for copy in (one for one in every if state_of(one.status) == "pending"):
        found |= {_place(one): f"is being copied to {_name(copy)}" for one in every if _copied(one, copy)}
    return found


def _being_made(region: str, ctx: StepContext) -> list[Database]:
    listed = (one for kind in KINDS for one in databases(ctx.aws, region, kind))
    return [one for one in listed if one.status in MAKING and not one.cluster]  # a cluster's instances hold no data


def _restored(one: DatabaseSnapshot, making: Mapping[str, Sequence[Database]]) -> str:
    family = _family(one.engine)
    new = next((each for each in making.get(one.region, ()) if _family(each.engine) == family), None)
    return f"may be being restored to {new.resource}, which is {new.status}" if new else ""


def _family(engine: str) -> str:
    """Return what engines that take each other's snapshots have in common."""
    if engine == "aurora":
        return "mysql"
    return engine.removeprefix("aurora-").removeprefix("custom-").replace("postgresql", "postgres").split("-")[0]


def _copied(one: DatabaseSnapshot, copy: DatabaseSnapshot) -> bool:
    if copy.copy_of:
        return copy.copy_of == one.arn
    twins = (one.region, one.kind, one.source_id, one.taken) == (copy.region, copy.kind, copy.source_id, copy.taken)
    return twins and one.taken is not None and one.name != copy.name


def _place(one: DatabaseSnapshot) -> Place:
    return one.region, one.resource


def _name(copy: DatabaseSnapshot) -> str:
    return f"{copy.name} in {copy.region}"
