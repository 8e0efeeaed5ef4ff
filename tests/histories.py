"""Random histories of one policy's snapshots: what retention may meet, and more of the bad than nights bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from chalicelib.domain.generations import Keep
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.recovery_point import Point
from chalicelib.domain.retention import Retention

NOW = datetime(2031, 3, 4, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/Los_Angeles")  # far from UTC, so that days differ
HOME, AWAY = "us-east-1", "us-west-2"
HOSTS = (("vol-a", "vol-b"), ("vol-c",))
FOREIGN = "does not carry Lifeboat's own tags as Lifeboat writes them: somebody else made or changed it"
HOLDS = (
    "is locked",
    "belongs to the image ami-1",
    "is being restored to vol-9",
    "may be being restored to db:orders-again, which is creating",
    "is being copied to by-hand in us-west-2",
    "is tagged lifeboat:hands-off",
)
GOOD: dict[str, object] = {}
BAD: tuple[dict[str, object], ...] = (
    {"state": "error"},
    {"state": "pending"},
    {"key_problem": "is PendingDeletion"},
    {"archived": True},
)
FATES = (GOOD,) * 70 + BAD + tuple({"hold": hold} for hold in HOLDS)


def stored(name: str, volume: str, at: datetime, set_id: str, **more: object) -> Stored:
    """Return one snapshot; `more` sets fields of the point or of what is stored."""
    point = {"region": HOME, "state": "completed", "set_size": 1} | {k: v for k, v in more.items() if k in POINTS}
    rest = {"began": at} | {k: v for k, v in more.items() if k not in POINTS}
    made = Point.model_validate({"snapshot_id": name, "volume_id": volume, "at": at, "set_id": set_id, **point})
    return Stored(point=made, **rest)  # type: ignore[arg-type]


POINTS = frozenset(Point.model_fields)


@dataclass(frozen=True)
class History:
    """What there is, by which rule it is judged, and how much of it the guard lets go at once (percent)."""

    stored: tuple[Stored, ...]
    keep: Keep
    gone: frozenset[str]
    orphans: timedelta | None
    share: int = 100

    def rule(self, kind: type[Retention] = Retention) -> Retention:
        """Return the rule, or a broken variant of it."""
        return kind(self.keep, NOW, ZONE, self.gone, self.orphans)


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
KEEPS_OR_LESS = st.one_of(KEEPS, st.just(Keep(yearly=1)), st.just(Keep(within=timedelta(hours=40))))
SPANS_H = (72, 60 * 24, 900 * 24)  # a few days, two months, more than two years


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw nights on which hosts were snapshotted, what became of each snapshot and copy, and what others made."""
    made: list[Stored] = []
    since_h, span_h = draw(st.sampled_from([0, 0, 10 * 24])), draw(st.sampled_from(SPANS_H))
    ages = draw(st.lists(st.integers(since_h, since_h + span_h), min_size=2, max_size=9, unique=True))
    for night, age in enumerate(sorted(ages, reverse=True)):
        for host, volumes in enumerate(HOSTS):
            at = NOW - timedelta(hours=age + 1, minutes=host)
            made += draw(_night(f"{night}-{host}", volumes, at))
    if not draw(st.integers(0, 3)):
        at = NOW - timedelta(hours=draw(st.integers(1, 60 * 24)))
        made.append(stored("lookalike", draw(st.sampled_from(["vol-a", "vol-c"])), at, "x", ours=False, hold=FOREIGN))
    gone = draw(st.sampled_from([frozenset[str](), frozenset({"vol-c"})]))
    orphans = draw(st.sampled_from([None, timedelta(days=5)]))
    return History(tuple(made), draw(KEEPS_OR_LESS), gone, orphans, draw(st.integers(5, 100)))


@st.composite
def _night(draw: st.DrawFn, name: str, volumes: Sequence[str], at: datetime) -> list[Stored]:
    made: list[Stored] = []
    expires = draw(st.sampled_from([None] * 10 + [NOW - timedelta(days=1), NOW + timedelta(days=9)]))
    copied_h = draw(st.integers(1, 200))
    for volume in volumes:
        if not draw(st.integers(0, 15)):
            continue  # its snapshot was never made, or somebody deleted it
        told = at - timedelta(hours=draw(st.sampled_from([0] * 24 + [3, 30])))  # somebody changed its tag
        own = {"set_size": len(volumes), **draw(st.sampled_from(FATES))}
        source = stored(f"snap-{name}-{volume}", volume, told, name, expires=expires, began=at, **own)
        made += [source, *draw(_twins(name, volume, told, len(volumes)))]
        if source.point.state == "completed" and draw(st.integers(0, 3)):
            began = min(at + timedelta(hours=copied_h), NOW)
            copy = {"copy_of": source.id, "copied_from": HOME, "began": began, "region": AWAY}
            copy |= {"set_size": len(volumes), **draw(st.sampled_from(FATES))}
            made.append(stored(f"copy-{name}-{volume}", volume, at, name, **copy))
    return made


@st.composite
def _twins(draw: st.DrawFn, name: str, volume: str, at: datetime, size: int) -> list[Stored]:
    """Draw what else carries the tags of a snapshot: a duplicate of a lost answer, a person's copy of it."""
    kind = draw(st.sampled_from([""] * 14 + ["dup", "theirs"]))
    theirs = {"ours": False, "hold": FOREIGN} if kind == "theirs" else {}
    return [stored(f"{kind}-{name}-{volume}", volume, at, name, set_size=size, **theirs)] if kind else []
