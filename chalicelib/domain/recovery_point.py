"""Which points can be restored from. Pure: what is known goes in, a judgement or the next question comes out.

A usable point is completed, not archived (an archived snapshot takes up to 72 hours to come back:
https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive.html), all members of its set are, and the keys of all
of them can be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.types import Strict, format_duration


class Point(Strict):
    """One volume's snapshot in one Region, as AWS and its tags describe it.

    Attributes:
        at: The point in time (UTC): when the source was snapshotted, also on copies. Of a database: the newest
            transaction in it, if AWS says so.
        taken: When the original was taken, where that is another time than `at`.
        state: EC2's: pending, completed, error, recoverable or recovering.
        reason: AWS's `StateMessage`, if any.
        set_id: The set it belongs to; its own id when it has none.
    """

    snapshot_id: str
    volume_id: str
    region: str
    at: datetime
    state: str
    set_id: str
    set_size: int = 1
    archived: bool = False
    reason: str = ""
    kms_key: str | None = None
    policy: str = ""
    taken: datetime | None = None

    @property
    def flaw(self) -> str | None:
        """Why the snapshot by itself cannot be restored from; None when it can."""
        if self.state == "error":
            return f"ended in error ({self.reason or 'AWS gives no reason'})"
        if self.state != "completed":
            return f"is {self.state}"
        return "is archived" if self.archived else None


@dataclass
class Known:
    """What was read so far beside the points themselves. Sets and keys are named by (Region, id)."""

    members: dict[tuple[str, str], list[Point]] = field(default_factory=dict)
    read_sets: set[tuple[str, str]] = field(default_factory=set)
    keys: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def learn(self, points: Iterable[Point]) -> None:
        """Add points as members of their sets; each snapshot counts once."""
        for point in points:
            members = self.members.setdefault((point.region, point.set_id), [])
            if all(each.snapshot_id != point.snapshot_id for each in members):
                members.append(point)


@dataclass(frozen=True)
class Question:
    """What has to be read before a point can be judged: a set's members, or a key. (Region, id)."""

    ask_set: tuple[str, str] | None = None
    ask_key: tuple[str, str] | None = None


@dataclass(frozen=True)
class Standing:
    """How one volume stands in one Region: its newest usable point, and why newer ones do not count."""

    newest: Point | None = None
    flaws: Sequence[tuple[Point, str]] = ()
    question: Question | None = None


def standing(points: Iterable[Point], known: Known) -> Standing:
    """Judge points, newest first, until one is usable, or something has to be read first."""
    flaws: list[tuple[Point, str]] = []
    for point in sorted(points, key=lambda each: (each.at, each.snapshot_id), reverse=True):
        why = point.flaw or _set_flaw(point, known)
        if isinstance(why, Question):
            return Standing(None, tuple(flaws), why)
        if why is None:
            return Standing(point, tuple(flaws))
        flaws.append((point, why))
    return Standing(None, tuple(flaws))


def _set_flaw(point: Point, known: Known) -> str | Question | None:
    name = (point.region, point.set_id)
    members = [each for each in known.members.get(name, []) if each.flaw is None]
    present = {each.volume_id for each in members}
    if len(present) < point.set_size:
        if name not in known.read_sets:
            return Question(ask_set=name)
        return f"belongs to a set of {point.set_size} of which only {len(present)} can be used"
    for key in sorted({each.kms_key for each in members if each.kms_key}):
        if (point.region, key) not in known.keys:
            return Question(ask_key=(point.region, key))
        problem = known.keys[point.region, key]
        if problem:
            return f"needs the key {key}, which {problem}"
    return None


@dataclass(frozen=True)
class Demand:
    """How new the newest usable point must be: not before a time, or not older than an age."""

    now: datetime
    not_before: datetime | None = None
    max_age: timedelta | None = None

    def complaint(self, point: Point) -> str | None:
        """Return what is wrong with a usable point's age; None when it is new enough."""
        age = self.now - point.at
        if self.not_before is not None and (point.taken or point.at) < self.not_before.replace(microsecond=0):
            return f"is from before the run, which started at {self.not_before:%Y-%m-%d %H:%M:%S} UTC"
        if self.max_age is not None and age > self.max_age:
            return f"is {format_duration(age)} old; at most {format_duration(self.max_age)} is allowed"
        return None


def described(stand: Standing, demand: Demand, volume_id: str, region: str) -> tuple[str, str]:
    """Return the code ("" when all is well) and the sentence that a finding says."""
    newer = _flaws_text(stand)
    if stand.newest is None:
        return "check.no_point", f"{volume_id} has no usable recovery point in {region}.{newer} Run a backup of it."
    name = f"{stand.newest.snapshot_id} of {stand.newest.at:%Y-%m-%d %H:%M:%S} UTC"
    complaint = demand.complaint(stand.newest)
    if complaint:
        return "check.point_too_old", (
            f"{volume_id} in {region}: the newest usable point, {name}, {complaint}.{newer} Run a backup of it."
        )
    age = format_duration(demand.now - stand.newest.at)
    return "", f"{volume_id} in {region}: the newest usable point is {name}, {age} old.{newer}"


def _flaws_text(stand: Standing) -> str:
    if not stand.flaws:
        return ""
    point, why = stand.flaws[0]
    more = f", and {len(stand.flaws) - 1} more are not usable either" if len(stand.flaws) > 1 else ""
    return f" A newer one, {point.snapshot_id}, {why}{more}." if stand.newest else f" {point.snapshot_id} {why}{more}."


def worst_age(ages_s: Mapping[str, int | None]) -> tuple[int | None, int | None]:
    """Return the worst known age, and the RPO that was reached: None when anything has no point at all."""
    known = [age for age in ages_s.values() if age is not None]
    worst = max(known, default=None)
    return worst, worst if len(known) == len(ages_s) else None
