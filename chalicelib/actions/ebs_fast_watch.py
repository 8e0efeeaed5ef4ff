"""What has become of fast snapshot restore, and whether it may still be turned on or off. Reads only.

Source of the states: https://docs.aws.amazon.com/ebs/latest/userguide/view-fsr-enabled-snapshots.html (`disabling` also
follows a request to enable that failed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.actions.base import Review, StepContext
from chalicelib.aws import listing, tags
from chalicelib.aws.fast_restores import ENABLED, FastRestore, Pair, fast_restores
from chalicelib.domain import fast_restoring as fast
from chalicelib.domain.change import Change, Effect, EffectState

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

SKEW = timedelta(minutes=15)  # AWS's clock and ours differ by less, and a call follows its tag by less
LAG = timedelta(minutes=15)  # what AWS accepted and does not show for so long is not there
TURNS = timedelta(seconds=60)  # how long turning it off takes, about
LATE = 10  # what takes longer than expected is looked at after a tenth of the time that it has taken


def pair_of(change: Change) -> Pair:
    """Return the snapshot and the zone's ID that a change is about."""
    return str(change.params["snapshot"]), str(change.params["zone_id"])


def ours(own: Mapping[str, str], restore: FastRestore) -> bool:
    """Return True when Lifeboat enabled it: the snapshot says when, and AWS shows that time.

    A tag that outlived what it was for does not make what a person enables later Lifeboat's own.
    """
    told = tags.point_time(own.get(f"{tags.FAST_RESTORE}{restore.zone_id}", ""))
    return bool(restore.on and told and restore.began and abs(restore.began - told) <= SKEW)


def begun(change: Change, at: datetime, *, adopted: bool = False) -> Effect:
    """Return the effect of a change that AWS has taken."""
    long = TURNS if change.params["do"] == "disable" else fast.optimised_in(_size(change))
    return Effect(state=EffectState.PENDING, id="/".join(pair_of(change)), at=at, due=at + long, adopted=adopted)


def watched(asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Effect]:
    """Return what AWS shows of changes that are pending or in doubt: one read per Region.

    Raises:
        ActionError: AWS refused the read.
    """
    there = {region: fast_restores(ctx.aws, region) for region in {change.region for change, _ in asked}}
    found: dict[str, Effect] = {}
    for change, effect in asked:
        shown = there[change.region].get(pair_of(change))
        known = effect if effect.id else begun(change, effect.at or ctx.now, adopted=True)
        seen = _off(known, shown, ctx) if change.params["do"] == "disable" else _on(change, known, shown, ctx)
        if seen and (effect.id or _has_begun(change, shown)):
            found[change.key] = seen
    return found


def _has_begun(change: Change, shown: FastRestore | None) -> bool:
    """Return True when AWS shows that a call whose answer was lost has had its effect."""
    on = shown is not None and shown.on
    return not on if change.params["do"] == "disable" else on


def _off(effect: Effect, shown: FastRestore | None, ctx: StepContext) -> Effect:
    if shown is None or shown.state == "disabled":
        return effect.moved(EffectState.DONE, ctx.now, due=None)
    return effect.moved(EffectState.PENDING, effect.at or ctx.now, due=_next(effect.due, effect, ctx.now))


def _on(change: Change, effect: Effect, shown: FastRestore | None, ctx: StepContext) -> Effect | None:
    since = effect.at or ctx.now
    if shown is None or not shown.on:
        if shown and shown.ended and shown.ended >= since - SKEW:
            return _lost(change, effect, f"is {shown.state} ({shown.reason or 'AWS gives no reason'})", ctx.now)
        if ctx.now - since > LAG:
            return _lost(change, effect, "is no longer on", ctx.now)
        return effect.moved(EffectState.PENDING, since, due=_next(effect.due, effect, ctx.now))
    ready = shown.enabled + _credit(change) if shown.state == ENABLED and shown.enabled else None
    if ready and ready <= ctx.now:
        facts = {**effect.facts, "enabled_at": tags.iso(shown.enabled or ctx.now)}
        return effect.moved(EffectState.DONE, ctx.now, due=None, facts=facts)
    due = ready or (shown.began or since) + fast.optimised_in(_size(change)) + _credit(change)
    return effect.moved(EffectState.PENDING, since, due=_next(due, effect, ctx.now))


def _next(due: datetime | None, effect: Effect, now: datetime) -> datetime:
    """Return when it is expected; once that has passed, later and later."""
    late = now + max(TURNS, (now - (effect.at or now)) / LATE)
    return due if due and due > now else late


def _size(change: Change) -> int:
    return int(str(change.params["size_gib"]))


def _credit(change: Change) -> timedelta:
    return timedelta(seconds=int(str(change.params.get("credit_s", 0))))


def _lost(change: Change, effect: Effect, why: str, now: datetime) -> Effect:
    snapshot, zone = pair_of(change)
    message = (
        f"Fast snapshot restore of {snapshot} ({change.params['volume']}) in {zone} {why}. Correct that, run again."
    )
    return effect.moved(EffectState.FAILED, now, code="action.not_fast", message=message)


def reviewed(changes: Sequence[Change], ctx: StepContext) -> dict[str, Review]:
    """Return what keeps changes from being made as planned: one read of pairs, and DescribeSnapshots per 200.

    Raises:
        ActionError: AWS refused a read; nothing is changed then.
    """
    found: dict[str, Review] = {}
    for region in sorted({change.region for change in changes}):
        here = [change for change in changes if change.region == region]
        ids = sorted({pair_of(change)[0] for change in here})
        listed = listing.snapshots_by(ctx.aws, region, "snapshot-id", ids, {})
        now = _Now(ctx.now, {one["SnapshotId"]: one for one in listed}, fast_restores(ctx.aws, region))
        for change in here:
            review = _REVIEWS[str(change.params["do"])](change, now)
            found |= {change.key: review} if review else {}
    return found


@dataclass(frozen=True)
class _Now:
    """What AWS shows of a Region just before the changes."""

    at: datetime
    snapshots: Mapping[str, SnapshotTypeDef]
    there: Mapping[Pair, FastRestore]


def _may_enable(change: Change, now: _Now) -> Review | None:
    name, _ = pair_of(change)
    snapshot = now.snapshots.get(name)
    own = tags.of(snapshot) if snapshot else {}
    if snapshot is None or snapshot["State"] != "completed":
        return Review(
            "conflict", f"{name} of {change.params['volume']} is no longer usable. The next run decides again."
        )
    if own.get(tags.POLICY) != change.params["policy"] or tags.HANDS_OFF in own:
        return Review("conflict", f"{name} is no longer of policy {change.params['policy']}, or tagged hands-off.")
    known = now.there.get(pair_of(change))
    if known and known.on:  # by somebody else, or by a call whose answer was lost: nothing is to be sent
        return Review(params={**change.params, "do": "wait"})
    told = tags.point_time(own.get(f"{tags.FAST_RESTORE}{change.params['zone_id']}", ""))
    fresh = told is not None and now.at - told <= SKEW / 2
    return Review(params={**change.params, "tagged": True}) if fresh else None


def _may_wait(change: Change, now: _Now) -> Review | None:
    known = now.there.get(pair_of(change))
    if known and known.on:
        return None
    return Review("conflict", f"Fast snapshot restore of {change.resource} is no longer on: older points stay fast.")


def _may_disable(change: Change, now: _Now) -> Review | None:
    name, zone = pair_of(change)
    known, newer = now.there.get((name, zone)), str(change.params["newer"])
    if known is None or not known.on:
        return Review(params={**change.params, "do": "nothing"})
    if name not in now.snapshots or not ours(tags.of(now.snapshots[name]), known):
        return Review("moot", f"Fast snapshot restore of {name} in {zone} is not, or no longer, Lifeboat's: left on.")
    instead = now.there.get((newer, zone))
    if newer and (instead is None or instead.state != ENABLED):
        return Review("conflict", f"{newer}, which is newer, is not fast in {zone}: {name} stays so.")
    return None


_REVIEWS = {"enable": _may_enable, "wait": _may_wait, "disable": _may_disable}
