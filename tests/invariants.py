"""What must be true of every decision about a history, and of what the guard lets through of it.

Nothing here asks the code that is judged: what is good, what a generation is and what is cut is told by its own lights.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chalicelib.actions.ebs_expiry_plan import changes_of
from chalicelib.domain.change import Change
from chalicelib.domain.guard import Judgement, judge
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.retention import Decision, Retention
from tests.histories import AWAY, HOME, NOW, ZONE, History

SetName = tuple[str, str]
Point = tuple[str, str, datetime]  # Region, volume, when
WEEK = timedelta(days=7)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def usable(one: Stored) -> bool:
    """Return True when a snapshot by itself could be restored from now."""
    return one.ours and one.point.state == "completed" and not one.point.archived and not one.key_problem


def good_sets(some: Iterable[Stored]) -> dict[SetName, dict[str, datetime]]:
    """Return the sets that can be restored, by Region and set id: their volumes, and when they were taken."""
    sets: dict[SetName, list[Stored]] = {}
    for one in some:
        sets.setdefault((one.point.region, one.point.set_id), []).append(one)
    found: dict[SetName, dict[str, datetime]] = {}
    for name, members in sets.items():
        volumes = {m.point.volume_id: m.point.at for m in members if usable(m)}
        if len(volumes) >= members[0].point.set_size:
            found[name] = volumes
    return found


def newest(some: Iterable[Stored]) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """Return each volume's newest good point in each Region, with the time of its whole set."""
    found: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for (region, _), volumes in good_sets(some).items():
        for volume, at in volumes.items():
            point = (at, min(volumes.values()))
            found[region, volume] = max(found.get((region, volume), point), point)
    return found


def kept(decisions: Iterable[Decision]) -> list[Stored]:
    return [one.stored for one in decisions if not one.delete]


def going(decisions: Iterable[Decision]) -> list[Stored]:
    return [one.stored for one in decisions if one.delete]


def last_good_stays(history: History, decisions: Sequence[Decision]) -> bool:
    left, before = newest(kept(decisions)), newest(history.stored)
    return {place: at for place, (at, _) in left.items()} == {place: at for place, (at, _) in before.items()}


def newest_copy_stays(history: History, decisions: Sequence[Decision]) -> bool:
    done = [one for one in history.stored if one.copy_of and one.point.state == "completed"]
    latest: dict[tuple[str, str], Stored] = {}
    for one in done:
        latest[one.place] = max(latest.get(one.place, one), one, key=lambda each: (each.began, each.id))
    return not {one.id for one in latest.values()} & {one.id for one in going(decisions)}


def sets_go_whole(_: History, decisions: Sequence[Decision]) -> bool:
    """Of no set is one volume's snapshot deleted and another's not; duplicates in a set that stays do not count."""
    fate: dict[SetName, dict[str, bool]] = {}
    for one in decisions:
        volumes = fate.setdefault(one.stored.set_name, {})
        volumes[one.stored.point.volume_id] = volumes.get(one.stored.point.volume_id, True) and one.delete
    return all(len(set(volumes.values())) == 1 for volumes in fate.values())


def sources_of_unfinished_copies_stay(history: History, decisions: Sequence[Decision]) -> bool:
    busy = {one.copy_of for one in history.stored if one.copy_of and one.point.state == "pending"}
    return not busy & {one.id for one in going(decisions)}


def young_sources_wait_for_their_copies(history: History, decisions: Sequence[Decision]) -> bool:
    """Where a volume's points are copied to, a good one younger than a week waits until it or a newer one is there."""
    copied: dict[tuple[str, str], dict[str, datetime]] = {}
    for one in history.stored:
        if one.copy_of and one.point.state != "error":
            there = copied.setdefault((one.copied_from, one.point.volume_id), {})
            at = one.point.at if one.point.state == "completed" else LONG_AGO
            there[one.point.region] = max(there.get(one.point.region, at), at)
    waiting = [one for one in going(decisions) if usable(one) and NOW - one.point.at <= WEEK]
    waiting = [one for one in waiting if any(at < one.point.at for at in copied.get(one.place, {}).values())]
    names = {(one.set_name, one.point.volume_id) for one in kept(decisions) if usable(one)}
    return all((one.set_name, one.point.volume_id) in names for one in waiting)  # else only a duplicate goes


def what_is_unfinished_stays(_: History, decisions: Sequence[Decision]) -> bool:
    return all(one.point.state != "pending" for one in going(decisions))


def what_is_archived_stays(_: History, decisions: Sequence[Decision]) -> bool:
    return not any(one.point.archived for one in going(decisions))


def what_needs_an_unusable_key_stays(_: History, decisions: Sequence[Decision]) -> bool:
    return not any(one.key_problem for one in going(decisions))


def what_is_foreign_stays(history: History, decisions: Sequence[Decision]) -> bool:
    theirs = {one.id for one in history.stored if not one.ours}
    return not theirs & {one.id for one in going(decisions)}


def what_is_held_stays(history: History, decisions: Sequence[Decision]) -> bool:
    held = {one.id for one in history.stored if one.hold}
    return not held & {one.id for one in going(decisions)}


def what_was_made_by_hand_stays_until_it_expires(_: History, decisions: Sequence[Decision]) -> bool:
    return not any(one.expires and one.expires > NOW for one in going(decisions))


def everything_is_decided_once(history: History, decisions: Sequence[Decision]) -> bool:
    return sorted(one.stored.id for one in decisions) == sorted(one.id for one in history.stored)


def every_deletion_has_a_better_point(_: History, decisions: Sequence[Decision]) -> bool:
    left = good_sets(kept(decisions))
    return all(d.keeper in left and d.stored.point.volume_id in left[d.keeper] for d in decisions if d.delete)


# What a calendar on the wall says of a moment: points with the same answer are of one period.
CALENDAR: Mapping[str, Callable[[datetime], object]] = {
    "hourly": lambda at: int(at.timestamp()) // 3600,
    "daily": lambda at: at.astimezone(ZONE).date(),
    "weekly": lambda at: at.astimezone(ZONE).date() - timedelta(days=at.astimezone(ZONE).weekday()),
    "monthly": lambda at: (at.astimezone(ZONE).year, at.astimezone(ZONE).month),
    "yearly": lambda at: at.astimezone(ZONE).year,
}


def promised(field: str, history: History) -> set[Point]:
    """Return the points that a field of `keep` promises, of the good ones that nobody made by hand."""
    wanted: set[Point] = set()
    count = getattr(history.keep, field)
    for (region, volume), times in _generations(history).items():
        chosen = sorted(times)
        if field == "last":
            chosen = chosen[-count:] if count else []
        elif field == "within":
            chosen = [at for at in chosen if count and NOW - at <= count]
        else:
            chosen = _firsts(chosen, CALENDAR[field])[-count:] if count else []
        wanted |= {(region, volume, at) for at in chosen}
    return wanted


def _generations(history: History) -> dict[tuple[str, str], list[datetime]]:
    by_hand = {one.set_name for one in history.stored if one.expires}
    times: dict[tuple[str, str], list[datetime]] = {}
    for (region, name), volumes in good_sets(history.stored).items():
        for volume in volumes if (region, name) not in by_hand else ():
            times.setdefault((region, volume), []).append(min(volumes.values()))
    ends = newest(history.stored)
    return {place: some for place, some in times.items() if not _orphaned(place[1], ends[place][1], history)}


def _orphaned(volume: str, at: datetime, history: History) -> bool:
    return volume in history.gone and history.orphans is not None and NOW - at > history.orphans


def _firsts(oldest_first: Sequence[datetime], period: Callable[[datetime], object]) -> list[datetime]:
    return [at for n, at in enumerate(oldest_first) if n == 0 or period(at) != period(oldest_first[n - 1])]


def _stays(field: str) -> Invariant:
    def invariant(history: History, decisions: Sequence[Decision]) -> bool:
        left = good_sets(kept(decisions))
        return promised(field, history) <= {(r, v, min(vs.values())) for (r, _), vs in left.items() for v in vs}

    invariant.__name__ = f"{field}_stays"
    return invariant


Invariant = Callable[[History, Sequence[Decision]], bool]
INVARIANTS: tuple[Invariant, ...] = (
    last_good_stays,
    newest_copy_stays,
    sets_go_whole,
    sources_of_unfinished_copies_stay,
    young_sources_wait_for_their_copies,
    what_is_unfinished_stays,
    what_is_archived_stays,
    what_needs_an_unusable_key_stays,
    what_is_foreign_stays,
    what_is_held_stays,
    what_was_made_by_hand_stays_until_it_expires,
    everything_is_decided_once,
    every_deletion_has_a_better_point,
    *(_stays(field) for field in ("last", *CALENDAR, "within")),
)


def no_more_than_the_share_goes(history: History, _: Sequence[Change], judgement: Judgement) -> bool:
    ours = sum(one.ours for one in history.stored)
    return len(judgement.allowed) * 100 <= ours * history.share


def no_set_is_cut(_: History, changes: Sequence[Change], judgement: Judgement) -> bool:
    through, waiting = ({one.group for one in some} for some in (judgement.allowed, judgement.held_back))
    return not through & waiting and len(judgement.allowed) + len(judgement.held_back) == len(changes)


def the_oldest_go_first(history: History, _: Sequence[Change], judgement: Judgement) -> bool:
    at = {one.id: one.point.at for one in history.stored}

    def firsts(some: Sequence[Change]) -> list[datetime]:
        return [min(at[str(member)] for member in _members(one)) for one in some]

    return max(firsts(judgement.allowed), default=LONG_AGO) <= min(firsts(judgement.held_back), default=NOW)


def _members(change: Change) -> list[object]:
    value = change.params["members"]
    return list(value) if isinstance(value, list) else []


class Guard(Protocol):
    """What the guard is, or a broken variant of it."""

    def __call__(
        self,
        changes: Sequence[Change],
        *,
        regions: Sequence[str],
        max_targets: int,
        max_share_percent: float,
        population: int | None = None,
    ) -> Judgement: ...


GuardInvariant = Callable[[History, Sequence[Change], Judgement], bool]
GUARD_INVARIANTS: tuple[GuardInvariant, ...] = (no_more_than_the_share_goes, no_set_is_cut, the_oldest_go_first)


ALL = frozenset(each.__name__ for each in (*INVARIANTS, *GUARD_INVARIANTS))


def broken(
    history: History, kind: type[Retention] = Retention, guard: Guard = judge, names: Container[str] = ALL
) -> list[str]:
    """Return the names of the invariants, of all or of some, that a rule or a guard breaks on a history."""
    decisions = history.rule(kind).decide(history.stored)
    told = [each.__name__ for each in INVARIANTS if each.__name__ in names and not each(history, decisions)]
    asked = [each for each in GUARD_INVARIANTS if each.__name__ in names]
    if not asked:
        return told
    changes = changes_of(decisions, "nightly", (HOME, AWAY))
    ours = sum(one.ours for one in history.stored)
    given = {"regions": (HOME, AWAY), "max_targets": 99, "max_share_percent": history.share, "population": ours}
    judgement = guard(changes, **given)  # type: ignore[arg-type]
    return told + [each.__name__ for each in asked if not each(history, changes, judgement)]
