"""Decides for which points fast snapshot restore is turned on, for which off, and in which order.

The newest usable complete set of each instance gets it; what Lifeboat turned on for older points of the same volumes is
turned off once the newer one can give a fast volume. What somebody else turned on is never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_fast_changes import Case, changes_of
from chalicelib.actions.ebs_fast_given import KeepFastInput
from chalicelib.actions.ebs_fast_watch import ours
from chalicelib.actions.ebs_restore_plan import groups_of, mixed, no_point
from chalicelib.actions.ebs_sources import Source, Sources
from chalicelib.aws import listing, tags
from chalicelib.aws.fast_restores import FastRestore, Pair, fast_restores
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.domain import fast_restoring as fast
from chalicelib.domain.change import Failure, Forecast, Plan
from chalicelib.domain.restoring import rate_for
from chalicelib.domain.types import format_duration


@dataclass
class Findings:
    """What planning comes to, volume by volume."""

    cases: list[Case] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    """The points of the volumes, and where fast snapshot restore is on."""

    sources: Sources
    there: Mapping[Pair, FastRestore]

    def enabled_for(self, volume: str, before: datetime | None) -> list[FastRestore]:
        """Return what Lifeboat enabled for points of a volume that are older than a time; for all without one."""
        tagged = {
            point.snapshot_id: self.sources.tags_of(point)
            for point in self.sources.points(volume)
            if before is None or point.at < before
        }
        mine = [one for (snapshot, _), one in self.there.items() if snapshot in tagged and ours(tagged[snapshot], one)]
        return sorted(mine, key=lambda one: (one.snapshot_id, one.zone_id))


def planned(given: KeepFastInput, ctx: StepContext) -> Plan:
    """Return the plan of a step.

    Raises:
        InputError: nothing is selected, or there is no such zone.
        ActionError: AWS refused a read.
    """
    zones = read_zones(ctx.aws, ctx.region)
    wanted = sorted({zones.id_of(zones.name_of(zone)) for zone in given.zones})
    groups, failures, notes = groups_of(given.select, ctx)
    sources = Sources(ctx, ctx.region, given.policy, [volume for some in groups.values() for volume in some])
    seen = _Seen(sources, fast_restores(ctx.aws, ctx.region))
    found = Findings(failures=failures, notes=notes)
    for key, volumes in sorted(groups.items()):
        group = sources.of(volumes, None)
        found.notes += [mixed(key, group)] if group.mixed else []
        so = "What is fast stays so"
        found.failures += [no_point(one, why, given.policy, ctx.region, so) for one, why in group.missing.items()]
        for source in group.sources.values():
            _judge(found, source, seen, wanted, given)
    found.notes += _others(seen, given.policy, ctx)
    return _plan(found, seen.there, zones, ctx)


def _judge(found: Findings, source: Source, seen: _Seen, zones: Sequence[str], given: KeepFastInput) -> None:
    """Add one volume to what is done, or say why it cannot be."""
    volume, size = source.facts.volume_id, source.facts.size_gib
    slow = _too_slow(source, given.initialised_within)
    if slow and size > fast.LARGEST_GIB:
        found.failures.append(_too_large(volume, size))
        return
    mine = seen.enabled_for(volume, before=source.point.at if slow else None)
    found.notes += [
        f"warning: fast snapshot restore of {one.snapshot_id} ({volume}) is still on in {one.zone_id}, where Lifeboat "
        "enabled it and which this step does not name: name the zone, or disable it by hand."
        for one in mine
        if one.zone_id not in zones
    ]
    found.cases.append(
        Case(
            source=source,
            slow=slow,
            old=[one for one in mine if one.zone_id in zones],
            new={zone: seen.there.get((source.point.snapshot_id, zone)) for zone in zones} if slow else {},
        )
    )


def _others(seen: _Seen, policy: str, ctx: StepContext) -> list[str]:
    """Return warnings about what Lifeboat enabled for the policy's points of volumes that are not selected."""
    ids = sorted({snapshot for (snapshot, _), one in seen.there.items() if one.on} - seen.sources.snapshot_ids)
    listed = listing.snapshots_by(ctx.aws, ctx.region, "snapshot-id", ids, {f"tag:{tags.POLICY}": [policy]})
    tagged = {snapshot["SnapshotId"]: tags.of(snapshot) for snapshot in listed}
    return [
        f"warning: fast snapshot restore of {snapshot} is still on in {zone}, where Lifeboat enabled it, and its "
        "volume is not selected: select it, or disable it by hand."
        for (snapshot, zone), one in sorted(seen.there.items())
        if snapshot in tagged and ours(tagged[snapshot], one)
    ]


def _too_slow(source: Source, within: timedelta | None) -> str:
    """Return why a volume needs it; empty when it does not: a rate is enough, and cheaper."""
    if within is None:
        return "all that is selected gets it"
    try:
        rate_for(source.size_bytes, within)
    except ValueError as error:
        return f"{error}, and {format_duration(within)} are allowed"
    return ""


def _too_large(volume: str, size: int) -> Failure:
    return Failure(
        resource=volume,
        code="action.point_too_large",
        message=f"{volume} has {size} GiB, and AWS offers fast snapshot restore up to {fast.LARGEST_GIB} GiB. Spread "
        "its data over smaller volumes, or allow its recovery more time.",
    )


def _plan(found: Findings, there: Mapping[Pair, FastRestore], zones: Zones, ctx: StepContext) -> Plan:
    counted = {one.snapshot_id for one in there.values() if one.state != "disabled"}
    most = ctx.limits.fast_restores
    order = fast.ordered([_turn(case, there) for case in found.cases], most - len(counted))
    failures = [_no_room(case, len(counted), most, ctx.region) for case in found.cases if case.name in order.without]
    cases = {case.name: case for case in found.cases if case.name in order.after}
    changes = [change for case in cases.values() for change in changes_of(case, cases, order.after, zones, ctx)]
    return Plan(
        changes=tuple(changes),
        failures=(*found.failures, *failures),
        notes=(*found.notes, *_notes(cases.values(), len(counted), most)),
        forecast=Forecast(
            duration=max((_takes(name, cases, order.after) for name in cases), default=timedelta()),
            basis="AWS optimizes a TiB an hour; the first volume can be fast an hour per TiB after that",
        ),
    )


def _turn(case: Case, there: Mapping[Pair, FastRestore]) -> fast.Turn:
    shown = {one.snapshot_id for one in there.values() if one.state != "disabled"}
    off = {(one.snapshot_id, one.zone_id) for one in case.old}
    frees = [
        snapshot
        for snapshot in {snapshot for snapshot, _ in off}
        if all(pair in off for pair, one in there.items() if pair[0] == snapshot and one.state != "disabled")
    ]
    return fast.Turn(case.name, bool(case.missing) and case.snapshot not in shown, len(frees))


def _no_room(case: Case, counted: int, most: int, region: str) -> Failure:
    stays = f" {case.old[0].snapshot_id} stays fast." if case.old else ""
    return Failure(
        resource=case.name,
        code="action.quota_full",
        message=f"{counted} snapshots have fast snapshot restore in {region}, whoever enabled it, and the quota is "
        f"{most}; {case.snapshot} of {case.name} is not enabled.{stays} While a volume changes over, its old and its "
        "new snapshot count. Ask AWS for a higher quota and raise LIFEBOAT_LIMITS__FAST_RESTORES, or select fewer.",
    )


def _takes(name: str, cases: Mapping[str, Case], after: Mapping[str, str]) -> timedelta:
    case, before = cases[name], after[name]
    waits = _takes(before, cases, after) if before else timedelta()
    own = fast.optimised_in(case.size) if case.missing else timedelta()
    return waits + own + (fast.first_credit_in(case.size) if case.old and case.new else timedelta())


def _notes(cases: Iterable[Case], counted: int, most: int) -> list[str]:
    kept = [case for case in cases if case.new]
    pairs = sum(len(case.new) for case in kept)
    if not pairs:
        return ["There is no volume for which fast snapshot restore is kept on."]
    over = sum(bool(case.old) for case in kept)
    cost = (
        f"AWS charges fast snapshot restore for each snapshot and zone while it is on, an hour at least: {pairs} pairs "
        f"are {24 * pairs} hours a day, and twice as many while they change over."
    )
    room = (
        f"{counted} snapshots of the Region have it now; the quota is {most}. {over} volumes change to a newer point."
    )
    notes = [cost, room]
    for size in sorted({case.size for case in kept}):
        first = format_duration(timedelta(seconds=round(fast.first_credit_in(size).total_seconds())))
        notes.append(
            f"A point of {size} GiB gives {fast.most_credits(size):.3g} fast volumes at once in a zone, then one every "
            f"{first}; the first one {first} after it is enabled. Volumes made before are slow."
        )
    return notes
