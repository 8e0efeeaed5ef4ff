"""What has become of snapshots and copies: found by id or by effect tag, adopted, judged as a whole set.

Snapshot states: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html. Failures of copies are
asynchronous: the call succeeds, the state becomes `error`, and `StateMessage` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_points import PERCENT, items_of
from chalicelib.aws import listing, tags
from chalicelib.domain.change import Change, Effect, EffectState, Failure

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

SKEW = timedelta(minutes=5)  # AWS's clock may be behind ours by this much
LAG = timedelta(minutes=15)  # what is not listed this long after it was made is gone


@dataclass
class Sighting:
    """What the listings show of one change: a snapshot per item, and surplus ones of the same effect."""

    members: dict[str, SnapshotTypeDef] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)


def watched(asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Effect]:
    """Return what AWS shows of changes whose effects are snapshots, by change key.

    One batched listing by id and one by effect tag per Region; idempotent, reads only. Left out is what is not shown.

    Raises:
        ActionError: AWS refused a read.
    """
    seen: dict[str, Effect] = {}
    for region in sorted({change.region for change, _ in asked}):
        here = [(change, effect) for change, effect in asked if change.region == region]
        by_id, by_effect = _listed(here, region, ctx)
        for change, effect in here:
            sighting = _sighting(change, effect, by_id, by_effect.get(ctx.effect_id(change.key), []))
            if sighting.members or _overdue(effect, ctx.now):
                seen[change.key] = _judged(change, effect, sighting, ctx)
    return seen


def item_of(snapshot: SnapshotTypeDef) -> str:
    """Return the item that a snapshot is the effect of: its source volume."""
    return tags.of(snapshot).get(tags.SOURCE_VOLUME) or snapshot.get("VolumeId", "")


def _whole(effect: Effect) -> bool:
    return bool(effect.facts.get("whole")) and bool(items_of(effect))


def _listed(
    asked: Sequence[tuple[Change, Effect]], region: str, ctx: StepContext
) -> tuple[dict[str, SnapshotTypeDef], dict[str, list[SnapshotTypeDef]]]:
    ids = sorted({i["snapshot_id"] for _, e in asked if _whole(e) for i in items_of(e).values()})
    names = sorted(ctx.effect_id(change.key) for change, effect in asked if not _whole(effect))
    by_effect: dict[str, list[SnapshotTypeDef]] = {}
    for snapshot in listing.snapshots_by(ctx.aws, region, f"tag:{tags.EFFECT}", names, {}):
        by_effect.setdefault(tags.of(snapshot)[tags.EFFECT], []).append(snapshot)
    by_id = {s["SnapshotId"]: s for s in listing.snapshots_by(ctx.aws, region, "snapshot-id", ids, {})}
    return by_id, by_effect


def _sighting(
    change: Change, effect: Effect, by_id: Mapping[str, SnapshotTypeDef], found: Sequence[SnapshotTypeDef]
) -> Sighting:
    if _whole(effect):
        ids = {item: facts["snapshot_id"] for item, facts in items_of(effect).items()}
        return Sighting({item: by_id[one] for item, one in ids.items() if one in by_id})
    planned = {str(one["item"]): str(one["volume_id"]) for one in change.yields}
    items = {volume: item for item, volume in planned.items()}
    earliest = effect.at - SKEW if effect.at else None
    sighting = Sighting()
    for snapshot in sorted(found, key=lambda each: (each["StartTime"], each["SnapshotId"])):
        item = items.get(item_of(snapshot))
        if item is None or (earliest and snapshot["StartTime"] < earliest):
            continue
        if item in sighting.members:
            sighting.surplus.append(snapshot["SnapshotId"])
        else:
            sighting.members[item] = snapshot
    return sighting


def _overdue(effect: Effect, now: datetime) -> bool:
    return _whole(effect) and effect.at is not None and now - effect.at > LAG


def _judged(change: Change, effect: Effect, sighting: Sighting, ctx: StepContext) -> Effect:
    effect = effect if _whole(effect) else _adopted(change, effect, sighting, ctx)
    failed = [s for s in sighting.members.values() if s["State"] == "error"]
    if failed:
        return effect.moved(EffectState.FAILED, ctx.now, code="action.snapshot_failed", message=_why(change, failed))
    gone = [facts["snapshot_id"] for item, facts in items_of(effect).items() if item not in sighting.members]
    if gone and _overdue(effect, ctx.now):
        return effect.moved(
            EffectState.FAILED,
            ctx.now,
            code="action.resource_gone",
            message=f"{', '.join(gone)} of {change.resource} in {change.region} is no longer there: somebody deleted "
            "it. Find out who (CloudTrail: DeleteSnapshot), and run again.",
        )
    done = all(s["State"] == "completed" for s in sighting.members.values())
    if done and not gone and effect.facts.get("whole"):
        return _done(effect, sighting, ctx.now)
    return effect.moved(EffectState.PENDING, effect.at or ctx.now, due=_due(effect, sighting, ctx.now))


def _adopted(change: Change, effect: Effect, sighting: Sighting, ctx: StepContext) -> Effect:
    """Return the effect with what was found under its tag; whole when all members are listed, or long overdue."""
    first = min(sighting.members.values(), key=lambda each: each["StartTime"])
    own = tags.of(first)
    size = tags.set_size(own) if change.params.get("how") == "set" else 1
    short = size - len(sighting.members)
    waited = ctx.now - first["StartTime"] > LAG
    facts: dict[str, Any] = {
        "items": {
            item: {"snapshot_id": s["SnapshotId"], "set_id": own.get(tags.SET), "point": own.get(tags.POINT)}
            | {"set_size": tags.set_size(own)}
            for item, s in sighting.members.items()
        },
        "set_id": own.get(tags.SET),
        "set_size": tags.set_size(own),
        "point": own.get(tags.POINT),
        "whole": short <= 0 or waited,
    }
    failures = list(effect.failures)
    if short > 0 and waited:
        failures.append(_short(change, sighting))
    if short <= 0:
        failures += _left_out(change, sighting)
    if sighting.surplus:
        failures.append(_duplicate(change, sighting.surplus))
    made = own.get(tags.SET) if change.params.get("how") == "set" else first["SnapshotId"]
    return effect.model_copy(
        update={
            "id": made,
            "at": first["StartTime"],
            "adopted": True,
            "facts": {**effect.facts, **facts},
            "failures": tuple(dict.fromkeys(failures)),
        }
    )


def _short(change: Change, sighting: Sighting) -> Failure:
    missing = sorted(str(one["item"]) for one in change.yields if one["item"] not in sighting.members)
    return Failure(
        resource=", ".join(missing) or change.resource,
        code="action.incomplete_set",
        message=f"The set of {change.resource} in {change.region} lacks a snapshot of {', '.join(missing)}, so it is "
        "not complete and no recovery point. Run again to make a complete one.",
    )


def _left_out(change: Change, sighting: Sighting) -> list[Failure]:
    """Name the volumes that the set was made without: its size says that they were gone when it was made."""
    missing = sorted(str(one["item"]) for one in change.yields if one["item"] not in sighting.members)
    return [
        Failure(
            resource=volume,
            code="action.resource_gone",
            message=f"{volume} was planned and is not in the set of {change.resource} in {change.region}: it was gone, "
            "or no longer attached there, when the set was made. If it still exists, run again.",
        )
        for volume in missing
    ]


def _duplicate(change: Change, surplus: Sequence[str]) -> Failure:
    return Failure(
        resource=change.resource,
        code="action.duplicate",
        message=f"{', '.join(surplus)} in {change.region} was made for {change.resource} beside the ones that count, "
        "because AWS's answer was lost. It is safe to delete.",
    )


def _why(change: Change, failed: Sequence[SnapshotTypeDef]) -> str:
    reasons = ", ".join(
        f"{s['SnapshotId']} of {item_of(s)} ended in error: {s.get('StateMessage') or 'AWS gives no reason'}"
        for s in failed
    )
    whole = " The whole set is unusable: it counts only with all its members." if len(change.yields) > 1 else ""
    return f"{change.resource} in {change.region}: {reasons}.{whole} Correct the cause and run again."


def _done(effect: Effect, sighting: Sighting, now: datetime) -> Effect:
    ended = {item: tags.iso(s.get("CompletionTime") or now) for item, s in sighting.members.items()}
    items = {item: {**facts, "completed_at": ended[item]} for item, facts in items_of(effect).items()}
    facts = {**effect.facts, "items": items, "completed_at": max(ended.values())}
    return effect.moved(EffectState.DONE, now, due=None, facts=facts)


def _due(effect: Effect, sighting: Sighting, now: datetime) -> datetime | None:
    """Return when the last member is expected: along its progress, else as promised, else as forecast.

    AWS rounds progress down, so the line through it is an upper estimate: the next look finds a completion.
    """
    running = [s for s in sighting.members.values() if s["State"] != "completed"]
    known = [at for at in (_end_of(snapshot, now) for snapshot in running) if at]
    return max(known) if known else effect.due


def _end_of(snapshot: SnapshotTypeDef, now: datetime) -> datetime | None:
    promised = snapshot.get("CompletionDurationMinutes")
    percent = int(snapshot.get("Progress", "").rstrip("%") or 0)
    if percent:
        return snapshot["StartTime"] + (now - snapshot["StartTime"]) * PERCENT / percent
    return snapshot["StartTime"] + timedelta(minutes=promised) if promised else None
