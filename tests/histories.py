"""Random histories of one policy's snapshots, and what must be true of every decision about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from chalicelib.domain.generations import Keep
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.recovery_point import Point
from chalicelib.domain.retention import Decision, Retention

NOW = datetime(2031, 3, 4, 9, 0, tzinfo=UTC)
HOME, AWAY = "us-east-1", "us-west-2"
HOSTS = (("vol-a", "vol-b"), ("vol-c",))
STATES = ("completed",) * 12 + ("error", "pending")
HOLDS = ("",) * 12 + ("is locked",)


def stored(name: str, volume: str, at: datetime, set_id: str, **more: object) -> Stored:
    """Return one snapshot; `more` sets fields of the point or of what is stored."""
    point = {"region": HOME, "state": "completed", "set_size": 1} | {k: v for k, v in more.items() if k in POINTS}
    rest = {"began": at} | {k: v for k, v in more.items() if k not in POINTS}
    made = Point.model_validate({"snapshot_id": name, "volume_id": volume, "at": at, "set_id": set_id, **point})
    return Stored(point=made, **rest)  # type: ignore[arg-type]


POINTS = frozenset(Point.model_fields)


@dataclass(frozen=True)
class History:
    """What there is, and by which rule it is judged."""

    stored: tuple[Stored, ...]
    keep: Keep
    gone: frozenset[str]
    orphans: timedelta | None

    def rule(self, kind: type[Retention] = Retention) -> Retention:
        """Return the rule, or a broken variant of it."""
        return kind(self.keep, NOW, ZoneInfo("Europe/Paris"), self.gone, self.orphans)


KEEPS = st.builds(
    lambda picked, within: Keep.model_validate({**picked, "within": within}),
    st.dictionaries(
        st.sampled_from(["last", "hourly", "daily", "weekly", "monthly", "yearly"]),
        st.integers(1, 3),
        min_size=1,
        max_size=2,
    ),
    st.sampled_from([None, None, None, timedelta(hours=30)]),
)
KEEPS_OR_LESS = st.one_of(KEEPS, st.just(Keep(yearly=1)), st.just(Keep(within=timedelta(hours=1))))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw nights on which hosts were snapshotted, and what became of each snapshot and of its copy."""
    made: list[Stored] = []
    ages = draw(st.lists(st.integers(0, 60 * 24), min_size=1, max_size=7, unique=True))
    for night, age in enumerate(sorted(ages, reverse=True)):
        for host, volumes in enumerate(HOSTS):
            at = NOW - timedelta(hours=age + 1, minutes=host)
            made += draw(_night(f"{night}-{host}", volumes, at))
    gone = draw(st.sampled_from([frozenset[str](), frozenset({"vol-c"})]))
    return History(tuple(made), draw(KEEPS_OR_LESS), gone, draw(st.sampled_from([None, timedelta(days=5)])))


@st.composite
def _night(draw: st.DrawFn, name: str, volumes: Sequence[str], at: datetime) -> list[Stored]:
    made: list[Stored] = []
    expires = draw(st.sampled_from([None] * 8 + [NOW - timedelta(days=1), NOW + timedelta(days=9)]))
    copied_h = draw(st.integers(1, 200))
    for volume in volumes:
        if not draw(st.integers(0, 9)):
            continue  # its snapshot was never made, or somebody deleted it
        own = {"set_size": len(volumes), "state": draw(st.sampled_from(STATES)), "hold": draw(st.sampled_from(HOLDS))}
        source = stored(f"snap-{name}-{volume}", volume, at, name, expires=expires, **own)
        made.append(source)
        if not draw(st.integers(0, 11)):
            made.append(stored(f"dup-{name}-{volume}", volume, at, name, set_size=len(volumes)))
        if source.point.state == "completed" and draw(st.integers(0, 3)):
            state = draw(st.sampled_from(STATES))
            began = min(at + timedelta(hours=copied_h), NOW)
            copy = {"state": state, "copy_of": source.id, "copied_from": HOME, "began": began, "region": AWAY}
            made.append(stored(f"copy-{name}-{volume}", volume, at, name, set_size=len(volumes), **copy))
    return made


def good_sets(some: Iterable[Stored]) -> dict[tuple[str, str], dict[str, datetime]]:
    """Return the sets that can be restored, by Region and set id: their volumes, and when they were taken."""
    sets: dict[tuple[str, str], list[Stored]] = {}
    for one in some:
        sets.setdefault((one.point.region, one.point.set_id), []).append(one)
    found: dict[tuple[str, str], dict[str, datetime]] = {}
    for name, members in sets.items():
        usable = {m.point.volume_id: m.point.at for m in members if m.point.state == "completed" and m.ours}
        if len(usable) >= members[0].point.set_size:
            found[name] = usable
    return found


def newest(some: Iterable[Stored]) -> dict[tuple[str, str], datetime]:
    """Return each volume's newest good point in each Region."""
    found: dict[tuple[str, str], datetime] = {}
    for (region, _), volumes in good_sets(some).items():
        for volume, at in volumes.items():
            found[region, volume] = max(found.get((region, volume), at), at)
    return found


def split(decisions: Iterable[Decision]) -> tuple[list[Stored], list[Stored]]:
    """Return what is kept and what goes."""
    made = list(decisions)
    return [d.stored for d in made if not d.delete], [d.stored for d in made if d.delete]


def last_good_stays(history: History, decisions: Sequence[Decision]) -> bool:
    kept, _ = split(decisions)
    return newest(kept) == newest(history.stored)


def newest_copy_stays(history: History, decisions: Sequence[Decision]) -> bool:
    done = [one for one in history.stored if one.copy_of and one.point.state == "completed"]
    latest: dict[tuple[str, str], Stored] = {}
    for one in done:
        latest[one.place] = max(latest.get(one.place, one), one, key=lambda each: (each.began, each.id))
    return not {one.id for one in latest.values()} & {one.id for one in split(decisions)[1]}


def sets_go_whole(_: History, decisions: Sequence[Decision]) -> bool:
    """Of no set is one volume's snapshot deleted and another's not; duplicates in a set that stays do not count."""
    fate: dict[tuple[str, str], dict[str, bool]] = {}
    for one in decisions:
        volumes = fate.setdefault(one.stored.set_name, {})
        volumes[one.stored.point.volume_id] = volumes.get(one.stored.point.volume_id, True) and one.delete
    return all(len(set(volumes.values())) == 1 for volumes in fate.values())


def sources_of_unfinished_copies_stay(history: History, decisions: Sequence[Decision]) -> bool:
    busy = {one.copy_of for one in history.stored if one.copy_of and one.point.state == "pending"}
    return not busy & {one.id for one in split(decisions)[1]}


def what_is_unfinished_stays(_: History, decisions: Sequence[Decision]) -> bool:
    return all(one.point.state != "pending" for one in split(decisions)[1])


def what_is_held_stays(_: History, decisions: Sequence[Decision]) -> bool:
    return not any(one.hold for one in split(decisions)[1])


def what_was_made_by_hand_stays_until_it_expires(_: History, decisions: Sequence[Decision]) -> bool:
    return not any(one.expires and one.expires > NOW for one in split(decisions)[1])


def first_of_each_kept_month_stays(history: History, decisions: Sequence[Decision]) -> bool:
    """Of the newest so many months the first good point is kept, whichever nights failed."""
    if not history.keep.monthly or (history.gone and history.orphans):
        return True
    zone, by_hand = ZoneInfo("Europe/Paris"), {one.set_name for one in history.stored if one.expires}
    months: dict[tuple[str, str], dict[str, datetime]] = {}
    for name, volumes in good_sets(history.stored).items():
        for volume, at in volumes.items() if name not in by_hand else ():
            firsts = months.setdefault((name[0], volume), {})
            month = f"{at.astimezone(zone):%Y-%m}"
            firsts[month] = min(firsts.get(month, at), at)
    kept = {(r, v, at) for (r, _), volumes in good_sets(split(decisions)[0]).items() for v, at in volumes.items()}
    wanted = {(*place, at) for place, f in months.items() for _, at in sorted(f.items())[-history.keep.monthly :]}
    return wanted <= kept


def everything_is_decided_once(history: History, decisions: Sequence[Decision]) -> bool:
    return sorted(one.stored.id for one in decisions) == sorted(one.id for one in history.stored)


def every_deletion_has_a_better_point(_: History, decisions: Sequence[Decision]) -> bool:
    kept = good_sets(split(decisions)[0])
    return all(d.keeper in kept and d.stored.point.volume_id in kept[d.keeper] for d in decisions if d.delete)


Invariant = Callable[[History, Sequence[Decision]], bool]
INVARIANTS: tuple[Invariant, ...] = (
    last_good_stays,
    newest_copy_stays,
    sets_go_whole,
    sources_of_unfinished_copies_stay,
    what_is_unfinished_stays,
    what_is_held_stays,
    what_was_made_by_hand_stays_until_it_expires,
    first_of_each_kept_month_stays,
    everything_is_decided_once,
    every_deletion_has_a_better_point,
)


def broken(history: History, kind: type[Retention] = Retention) -> list[str]:
    """Return the names of the invariants that a rule breaks on a history."""
    decisions = history.rule(kind).decide(history.stored)
    return [each.__name__ for each in INVARIANTS if not each(history, decisions)]
