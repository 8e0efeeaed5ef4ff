"""Which recovery points may be deleted. Pure: the same points, rule and time always give the same decisions.

Nothing is deleted because a rule names it; it is deleted because no rule keeps it. Each rule below keeps sets, for a
reason that is told, and a set is deleted only when none of them does. So what must never be deleted is safe whatever
`keep` says: the last good point of a volume in a Region, the newest copy in a Region (AWS copies incrementally only
while it exists: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html), a source whose copy is not
finished, and whatever somebody holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from chalicelib.domain.generations import Keep, generations
from chalicelib.domain.point_sets import GONE_WRONG, Place, PointSet, SetName, Stored, grouped
from chalicelib.domain.types import format_duration

GRACE = timedelta(days=7)  # so long a point may still be completed, copied or cleaned up by the run that makes it
REASONS_TOLD = 3

Kept = tuple[PointSet, str]


@dataclass(frozen=True)
class Decision:
    """What becomes of one snapshot.

    Attributes:
        group: What is deleted together with it, or not at all.
        keeper: Of a deletion: the set that its volume can still be restored from.
    """

    stored: Stored
    delete: bool
    reason: str
    group: str
    keeper: SetName | None = None


@dataclass(frozen=True)
class Estate:
    """Everything there is of a policy, as the rules look at it."""

    sets: Sequence[PointSet]
    newest_good: dict[Place, PointSet] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Iterable[Stored]) -> Estate:
        """Group snapshots, and find each volume's newest good point in each Region."""
        sets = grouped(stored)
        newest: dict[Place, tuple[datetime, PointSet]] = {}
        for one in (one for one in sets if one.good):
            for member in one.members:  # whose own time counts: tags that were changed can set it apart from its set's
                if member.point.at >= newest.get(member.place, (member.point.at, one))[0]:
                    newest[member.place] = (member.point.at, one)
        return cls(sets, {place: one for place, (_, one) in newest.items()})

    def snapshots(self) -> Iterator[Stored]:
        """Yield every snapshot, surplus ones too."""
        for one in self.sets:
            yield from one.snapshots


@dataclass(frozen=True)
class Retention:
    """The rule of one policy.

    Attributes:
        keep: How much of the past is kept.
        now: The time (aware).
        zone: In which days and months begin.
        gone: Volumes that do not exist any more.
        orphans: How long after its newest point a volume that is gone still has generations; None = for ever.
    """

    keep: Keep
    now: datetime
    zone: tzinfo
    gone: frozenset[str] = frozenset()
    orphans: timedelta | None = None

    def decide(self, stored: Iterable[Stored]) -> list[Decision]:
        """Decide on every snapshot: oldest set first, a set's members together."""
        estate = Estate.of(stored)
        kept: dict[SetName, list[str]] = {}
        for one, why in self.kept(estate):
            kept.setdefault(one.name, []).append(why)
        protected = self.copied_from(estate) | self.newest_copies(estate)
        made: list[Decision] = []
        for one in estate.sets:
            reasons = kept.get(one.name, [])
            made += self.of_set(one, reasons, estate)
            made += [self.of_surplus(one, extra, protected, estate) for extra in one.surplus if reasons]
        return made

    def kept(self, estate: Estate) -> Iterator[Kept]:
        """Yield every set that some rule keeps, once per rule, the weightiest reason first."""
        yield from self.held(estate)
        yield from self.unfinished(estate)
        yield from self.last_good(estate)
        yield from self.incremental_bases(estate)
        yield from self.kept_by_hand(estate)
        yield from self.kept_generations(estate)
        yield from self.nothing_better(estate)

    def of_set(self, one: PointSet, reasons: Sequence[str], estate: Estate) -> list[Decision]:
        """Decide on a set as a whole; when it goes, its duplicates go with it."""
        group = "/".join(one.name)
        if reasons:
            told = "; ".join(list(dict.fromkeys(reasons))[:REASONS_TOLD])
            return [Decision(member, delete=False, reason=told, group=group) for member in one.members]
        why = self.why_deleted(one)
        keepers = [estate.newest_good.get(each.place) for each in one.snapshots]
        return [
            Decision(each, delete=True, reason=why, group=group, keeper=keeper.name if keeper else None)
            for each, keeper in zip(one.snapshots, keepers, strict=True)
        ]

    def of_surplus(self, one: PointSet, extra: Stored, protected: set[str], estate: Estate) -> Decision:
        """Decide on a duplicate in a set that stays: it goes when it is old and there is a good point beside it."""
        group, twin = f"{'/'.join(one.name)}/{extra.id}", next(m for m in one.members if m.place == extra.place)
        keeper = estate.newest_good.get(extra.place)
        reason = extra.hold or ("kept by hand" if extra.expires and extra.expires > self.now else "")
        if not reason and (extra.id in protected or keeper is None or (extra.flaw and not extra.broken)):
            reason = f"a duplicate of {twin.id} that is still needed, or not finished"
        if not reason and self.now - extra.began <= GRACE:
            reason = f"a duplicate of {twin.id}, not yet older than {format_duration(GRACE)}"
        if reason or keeper is None:
            return Decision(extra, delete=False, reason=reason, group=group)
        why = f"a duplicate of {twin.id}: AWS's answer was lost when it was made"
        return Decision(extra, delete=True, reason=why, group=group, keeper=keeper.name)

    def held(self, estate: Estate) -> Iterator[Kept]:
        """Keep what somebody or something holds: locked, of an AMI, in use, hands-off, foreign."""
        for one in estate.sets:
            for member in one.snapshots:
                if member.hold:
                    yield one, f"{member.id} {member.hold}"

    def unfinished(self, estate: Estate) -> Iterator[Kept]:
        """Keep what is being made, archived or without a usable key, and what is being, or may yet be, copied."""
        copying, last_copied = self.copied_from(estate), _last_copied(estate)
        for one in estate.sets:
            for member in one.snapshots:
                if member.flaw and not member.broken:
                    yield one, f"{member.id} {member.flaw}"
                if member.id in copying:
                    yield one, f"{member.id} is being copied"
                for region, newest in last_copied.get(member.place, {}).items():
                    if newest < member.point.at and self.now - member.point.at <= GRACE:
                        yield one, f"its copy to {region} may still come"

    def last_good(self, estate: Estate) -> Iterator[Kept]:
        """Keep each volume's newest good point in each Region."""
        for (region, volume), one in estate.newest_good.items():
            yield one, f"the newest good point of {volume} in {region}"

    def incremental_bases(self, estate: Estate) -> Iterator[Kept]:
        """Keep the newest copy of each volume in each Region."""
        newest = self.newest_copies(estate)
        for one in estate.sets:
            for member in one.snapshots:
                if member.id in newest:
                    yield one, f"{member.id} is the newest copy, which makes the next one incremental"

    def kept_by_hand(self, estate: Estate) -> Iterator[Kept]:
        """Keep what a person wants kept until a later time."""
        for one in estate.sets:
            until = max((each.expires for each in one.snapshots if each.expires), default=None)
            if until and until > self.now:
                yield one, f"kept by hand until {until:%Y-%m-%d %H:%M} UTC"

    def kept_generations(self, estate: Estate) -> Iterator[Kept]:
        """Keep the generations of each volume in each Region, of the good points that are there."""
        named = {one.name: one for one in estate.sets}
        histories: dict[Place, list[tuple[datetime, SetName]]] = {}
        for one in estate.sets:
            for member in one.members if one.good and not one.by_hand else ():
                histories.setdefault(member.place, []).append((one.at, one.name))
        for place, history in histories.items():
            if self.orphaned(place[1], estate.newest_good[place].at):
                continue
            for name, reasons in generations(history, self.keep, now=self.now, zone=self.zone).items():
                yield named[name], ", ".join(reasons)

    def nothing_better(self, estate: Estate) -> Iterator[Kept]:
        """Keep what is not good while it is young, or while one of its volumes has no newer good point."""
        for one in estate.sets:
            if one.good:
                continue
            if self.now - max(member.began for member in one.snapshots) <= GRACE:
                yield one, f"not complete, and not yet older than {format_duration(GRACE)}"
            for member in one.members:
                newer = estate.newest_good.get(member.place)
                if newer is None or newer.at <= one.at:
                    yield one, f"not complete, but {member.point.volume_id} has no newer good point here"

    def copied_from(self, estate: Estate) -> set[str]:
        """Return the snapshots that are being copied."""
        return {one.copy_of for one in estate.snapshots() if one.copy_of and one.point.state == "pending"}

    def newest_copies(self, estate: Estate) -> set[str]:
        """Return each volume's newest copy in each Region: by when it was made, and by its point in time."""
        made: dict[Place, Stored] = {}
        taken: dict[Place, Stored] = {}
        for one in estate.snapshots():
            if one.copy_of and one.point.state == "completed":
                made[one.place] = max(made.get(one.place, one), one, key=lambda each: (each.began, each.id))
                taken[one.place] = max(taken.get(one.place, one), one, key=lambda each: (each.point.at, each.id))
        return {one.id for one in (*made.values(), *taken.values())}

    def orphaned(self, volume_id: str, newest: datetime) -> bool:
        """Return True when a volume is gone for so long that only its last good point is kept."""
        return volume_id in self.gone and self.orphans is not None and self.now - newest > self.orphans

    def why_deleted(self, one: PointSet) -> str:
        """Say why nothing keeps a set."""
        if not one.good:
            return "not complete, and all its volumes have newer good points"
        if one.by_hand:
            return "kept by hand until a time that has passed"
        if self.orphans and all(member.point.volume_id in self.gone for member in one.members):
            return f"not kept by {self.keep}, or its volume is gone for more than {format_duration(self.orphans)}"
        return f"not kept by {self.keep}"


def _last_copied(estate: Estate) -> dict[Place, dict[str, datetime]]:
    """Return, for each volume in each Region that is copied from, the newest completed point in each destination."""
    found: dict[Place, dict[str, datetime]] = {}
    for one in estate.snapshots():
        if one.copy_of and one.point.state != GONE_WRONG:
            newest = found.setdefault((one.copied_from, one.point.volume_id), {})
            at = one.point.at if one.point.state == "completed" else datetime.min.replace(tzinfo=one.began.tzinfo)
            newest[one.point.region] = max(newest.get(one.point.region, at), at)
    return found
