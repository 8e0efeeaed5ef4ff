"""What has become of restores: found by name, adopted only with our tag; renames are followed by AWS's own ids.

Statuses: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from chalicelib.actions.base import Review, StepContext
from chalicelib.actions.rds_points import state_of
from chalicelib.aws import tags
from chalicelib.aws.databases import Kind, kind_and_name, snapshots
from chalicelib.aws.live_databases import READY, Live, live, live_by_id, lost
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.domain.change import Change, Effect, EffectState

LAG = timedelta(minutes=15)  # what is not listed this long after it was made is gone
LOOK = timedelta(minutes=10)  # as long as a rename or a restore takes at least, more or less


def watched(asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Effect]:
    """Return what AWS shows of renames and of databases that were made, by change key; left out is what it does not.

    Raises:
        ActionError: AWS refused a read.
    """
    seen: dict[str, Effect] = {}
    for region in sorted({change.region for change, _ in asked}):
        zones = read_zones(ctx.aws, region)
        here = [change for change, _ in asked if change.region == region]
        renamed = _renamed([change for change in here if change.params["what"] == "rename"], zones, ctx)
        made = live(ctx.aws, zones, [resource_of(change) for change in here if change.params["what"] != "rename"])
        for change, effect in asked:
            if change.region != region:
                continue
            if change.params["what"] == "rename":
                found = _rename(change, effect, renamed.get(change.key), ctx.now)
            else:
                found = _made(change, effect, made.get(resource_of(change)), ctx)
            seen |= {change.key: found} if found else {}
    return seen


def resource_of(change: Change) -> str:
    """Return the database that a change makes, as `db:name` or `cluster:name`."""
    return f"{change.params['kind']}:{change.params['target']}"


def _renamed(changes: Sequence[Change], zones: Zones, ctx: StepContext) -> dict[str, Live]:
    """Return the databases of renames by change key, whatever they are called by now."""
    found: dict[str, Live] = {}
    for kind in ("db", "cluster"):
        keys = {str(change.params["resource_id"]): change.key for change in changes if change.params["kind"] == kind}
        there = live_by_id(ctx.aws, zones, kind, keys) if keys else {}
        found |= {keys[resource_id]: one for resource_id, one in there.items()}
    return found


def _rename(change: Change, effect: Effect, found: Live | None, now: datetime) -> Effect | None:
    if found is None:  # its name is free, which is all that was wanted
        gone = f"{change.resource} is gone; its name is free."
        return effect.moved(EffectState.DONE, now, id=change.resource, due=None, message=gone) if effect.id else None
    if found.name == change.params["to"]:
        done = {"id": found.resource, "due": None, "adopted": effect.adopted or effect.id is None}
        return effect.moved(EffectState.DONE, now, **done)
    if found.status == "renaming":
        return effect.moved(EffectState.PENDING, effect.at or now, id=found.resource)
    if effect.id and effect.at and now - effect.at > LAG:
        return effect.moved(
            EffectState.FAILED,
            now,
            code="action.not_renamed",
            message=f"{change.resource} still has its name, though AWS accepted its rename. Look at its pending "
            "modifications and events, and run again.",
        )
    return effect if effect.id else None


def _made(change: Change, effect: Effect, found: Live | None, ctx: StepContext) -> Effect | None:
    if found is None:
        return _gone(change, effect, ctx.now)
    mine = found.tags.get(tags.EFFECT) == ctx.effect_id(change.key)
    if not mine and effect.id is None:
        return effect.moved(
            EffectState.CONFLICT,
            ctx.now,
            code="action.name_taken",
            message=f"{found.resource} in {change.region} is not what this run restores for {change.resource}: it "
            "does not carry its tag. Nothing is done with it; find out who made it, and run again.",
        )
    adopted = effect.adopted or effect.id is None
    facts = {
        **effect.facts,
        "effect": ctx.effect_id(change.key),
        "resource_id": found.resource_id,
        "zone": found.zone,
    }
    if lost(found.status):
        return effect.moved(
            EffectState.FAILED,
            ctx.now,
            id=found.resource,
            facts=facts,
            code="action.restore_failed",
            message=f"{found.resource}, restored for {change.resource} in {change.region}, ended {found.status}. Look "
            "at its events in RDS, correct the cause, delete it and run again.",
        )
    if found.status not in READY or not found.address:
        pending = {"id": found.resource, "adopted": adopted, "facts": facts}
        return effect.moved(EffectState.PENDING, effect.at or ctx.now, due=effect.due, **pending)
    facts |= {"endpoint": f"{found.address}:{found.port}"}
    return effect.moved(EffectState.DONE, ctx.now, id=found.resource, adopted=adopted, due=None, facts=facts)


def _gone(change: Change, effect: Effect, now: datetime) -> Effect | None:
    if not effect.id or not effect.at or now - effect.at <= LAG:
        return None
    message = (
        f"{effect.id}, restored for {change.resource} in {change.region}, is no longer there: somebody deleted it."
    )
    return effect.moved(EffectState.FAILED, now, code="action.resource_gone", message=f"{message} Run again.")


def reviewed(changes: Sequence[Change], ctx: StepContext) -> dict[str, Review]:
    """Read again what changes rely on: the snapshot is there, the old database is the one meant, the new name is free.

    Raises:
        ActionError: AWS refused a read.
    """
    found: dict[str, Review] = {}
    for region in sorted({change.region for change in changes}):
        here = [change for change in changes if change.region == region]
        zones = read_zones(ctx.aws, region)
        missing = _missing_snapshots(here, region, ctx)
        old = _renamed([change for change in here if change.params["what"] == "rename"], zones, ctx)
        named = live(ctx.aws, zones, [_named(change) for change in here])
        for change in here:
            why = _objection(change, old.get(change.key), named.get(_named(change)), missing, ctx)
            found |= {change.key: Review("conflict", f"{change.resource}: {why}")} if why else {}
    return found


def _named(change: Change) -> str:
    """Return the name that a change needs to be what it expects: held by the old database, or free."""
    return change.resource if change.params["what"] == "rename" else resource_of(change)


def _missing_snapshots(changes: Sequence[Change], region: str, ctx: StepContext) -> Mapping[str, str]:
    """Return why snapshots cannot be used any more, by resource."""
    wanted = {str(change.params["snapshot"]) for change in changes if change.params["what"] != "member"} - {""}
    usable: set[str] = set()
    kinds: tuple[Kind, ...] = ("db", "cluster")
    for kind in kinds:
        names = sorted(kind_and_name(one)[1] for one in wanted if kind_and_name(one)[0] == kind)
        listed = snapshots(ctx.aws, region, kind, names=names, manual=False) if names else []
        usable |= {one.resource for one in listed if state_of(one.status) == "completed"}
    return {
        one: f"{one} is gone, or cannot be used any more. Run again: the next one is chosen." for one in wanted - usable
    }


def _objection(
    change: Change, old: Live | None, named: Live | None, missing: Mapping[str, str], ctx: StepContext
) -> str:
    what = change.params["what"]
    if what != "member" and change.params["snapshot"] in missing:
        return missing[str(change.params["snapshot"])]
    if what != "rename":
        ours = named is None or named.tags.get(tags.EFFECT) == ctx.effect_id(change.key)
        return "" if ours else f"the name of {named.resource if named else ''} is taken by another database. Run again."
    if old is None:
        return "" if named is None else "another database has its name by now. Find out who made it, and run again."
    if tags.HANDS_OFF in old.tags:
        return f"it was tagged {tags.HANDS_OFF}."
    if old.name not in {change.params["name"], change.params["to"]}:
        return f"it was renamed to {old.name} by somebody else. Run again."
    return f"it is {old.status} and cannot be renamed. Restore beside it (`replace: none`)." if lost(old.status) else ""
