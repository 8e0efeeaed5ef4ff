"""What has become of snapshots and copies of databases: found by name, adopted only when they are ours.

A name is unique in a Region, and says which effect it is; so what is in doubt is looked up by its name alone. Statuses:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_points import PERCENT
from chalicelib.actions.rds_points import facts_of, identity_of, snapshot_name, state_of
from chalicelib.aws import tags
from chalicelib.aws.databases import KINDS, DatabaseSnapshot, snapshots
from chalicelib.domain.change import Change, Effect, EffectState

LAG = timedelta(minutes=15)  # what is not listed this long after it was made is gone


def watched(asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Effect]:
    """Return what AWS shows of changes whose effects are snapshots of databases, by change key.

    One listing by name per Region and kind, 100 names a call; reads only. Left out is what is not shown.

    Raises:
        ActionError: AWS refused a read.
    """
    seen: dict[str, Effect] = {}
    for region in sorted({change.region for change, _ in asked}):
        here = [(change, effect) for change, effect in asked if change.region == region]
        shown = _listed(here, region, ctx)
        for change, effect in here:
            found = shown.get((str(change.params["kind"]), snapshot_name(ctx.effect_id(change.key))))
            judged = _judged(change, effect, found, ctx) if found else _gone(change, effect, ctx.now)
            if judged:
                seen[change.key] = judged
    return seen


def _listed(
    asked: Sequence[tuple[Change, Effect]], region: str, ctx: StepContext
) -> Mapping[tuple[str, str], DatabaseSnapshot]:
    found: dict[tuple[str, str], DatabaseSnapshot] = {}
    for kind in KINDS:
        names = sorted(snapshot_name(ctx.effect_id(c.key)) for c, _ in asked if c.params["kind"] == kind)
        found |= {(kind, one.name): one for one in snapshots(ctx.aws, region, kind, names=names)} if names else {}
    return found


def _judged(change: Change, effect: Effect, found: DatabaseSnapshot, ctx: StepContext) -> Effect:
    if effect.id is None:
        if not _ours(change, found, ctx):
            return _taken(change, effect, found, ctx)
        effect = effect.model_copy(update={"id": found.resource, "adopted": True, "at": found.began or effect.at})
    state = state_of(found.status)
    if state == "error":
        return effect.moved(
            EffectState.FAILED,
            ctx.now,
            code="action.snapshot_failed",
            message=f"{found.resource} of {change.resource} in {change.region} ended {found.status}. Look at RDS's "
            f"events of {found.resource}, correct the cause, delete it and run again.",
        )
    known = effect.facts.get("items")
    before = known.get(change.key) if isinstance(known, dict) else None
    item = {**(before if isinstance(before, dict) else {}), **facts_of(found)}
    facts = {**effect.facts, **facts_of(found), "items": {change.key: item}}
    if state == "completed":
        done = {**item, "completed_at": tags.iso(ctx.now)}
        return effect.moved(EffectState.DONE, ctx.now, due=None, facts={**facts, "items": {change.key: done}})
    return effect.moved(EffectState.PENDING, effect.at or ctx.now, due=_due(effect, found, ctx.now), facts=facts)


def _ours(change: Change, found: DatabaseSnapshot, ctx: StepContext) -> bool:
    """Return True when a snapshot under our name carries our effect, and is of the database that was meant."""
    mine = found.tags.get(tags.EFFECT) == ctx.effect_id(change.key)
    return mine and identity_of(found) == change.params["identity"]


def _taken(change: Change, effect: Effect, found: DatabaseSnapshot, ctx: StepContext) -> Effect:
    return effect.moved(
        EffectState.CONFLICT,
        ctx.now,
        code="action.name_taken",
        message=f"{found.resource} in {change.region} is not the point of {change.resource} that this run wants: it "
        "does not carry its tags, or is of another database. Nothing is done with it; find out who made it.",
    )


def _gone(change: Change, effect: Effect, now: datetime) -> Effect | None:
    if not effect.id or not effect.at or now - effect.at <= LAG:
        return None
    return effect.moved(
        EffectState.FAILED,
        now,
        code="action.resource_gone",
        message=f"{effect.id} of {change.resource} in {change.region} is no longer there: somebody deleted it. Find "
        "out who (CloudTrail: DeleteDBSnapshot), and run again.",
    )


def _due(effect: Effect, found: DatabaseSnapshot, now: datetime) -> datetime | None:
    """Return when it is expected: along its progress if AWS shows any (queued copies show none), else as forecast."""
    if found.progress and effect.at:
        return effect.at + (now - effect.at) * PERCENT / found.progress
    return effect.due
