"""Recovery points as retention sees them: snapshots, grouped to the sets that are kept or deleted whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.recovery_point import Point

SetName = tuple[str, str]  # (Region, set id)
Place = tuple[str, str]  # (Region, volume)
GONE_WRONG = "error"


@dataclass(frozen=True)
class Stored:
    """One snapshot of a policy. Times are aware.

    Attributes:
        point: What it is; `point.at` is the original time, also of a copy.
        began: When AWS began to make it: of a copy later than `point.at`.
        copy_of: The snapshot that it is a copy of; empty when it is an original.
        copied_from: The Region of that snapshot.
        expires: Until when a person wants it kept; such points are no generations.
        hold: Why it must be left alone, whatever the rule says; empty when it need not be.
        ours: False when it does not look like Lifeboat's own: it is left alone and counts for nothing.
        key_problem: Why its key cannot be used; empty when it can.
    """

    point: Point
    began: datetime
    copy_of: str = ""
    copied_from: str = ""
    expires: datetime | None = None
    hold: str = ""
    ours: bool = True
    key_problem: str = ""

    @property
    def id(self) -> str:
        """The snapshot's id."""
        return self.point.snapshot_id

    @property
    def place(self) -> Place:
        """Which volume's it is, and where."""
        return self.point.region, self.point.volume_id

    @property
    def set_name(self) -> SetName:
        """The set it belongs to; a copy's is another one than its source's, since it is in another Region."""
        return self.point.region, self.point.set_id

    @property
    def broken(self) -> bool:
        """Whether AWS gave up on it: it holds nothing, and never will."""
        return self.ours and self.point.state == GONE_WRONG

    @property
    def flaw(self) -> str:
        """Why it cannot be restored from; empty when it can."""
        if not self.ours:
            return "is not Lifeboat's"
        return self.point.flaw or (f"needs a key that {self.key_problem}" if self.key_problem else "")


@dataclass(frozen=True)
class PointSet:
    """The snapshots of one point in one Region.

    Attributes:
        members: One per volume: those that count.
        surplus: Further snapshots of the same volumes for the same point, made because an answer was lost.
    """

    name: SetName
    members: tuple[Stored, ...]
    surplus: tuple[Stored, ...] = ()

    @property
    def snapshots(self) -> tuple[Stored, ...]:
        """All snapshots of the point."""
        return self.members + self.surplus

    @property
    def at(self) -> datetime:
        """The point in time."""
        return min(member.point.at for member in self.members)

    @property
    def good(self) -> bool:
        """Whether all of it is there and could be restored."""
        size = max(member.point.set_size for member in self.members)
        return len(self.members) >= size and not any(member.flaw for member in self.members)

    @property
    def age_key(self) -> tuple[datetime, SetName]:
        """Sorts sets by age, oldest first, and always the same."""
        return self.at, self.name

    @property
    def by_hand(self) -> bool:
        """Whether a person gave it an expiry of its own."""
        return any(each.expires for each in self.snapshots)


def grouped(stored: Iterable[Stored]) -> list[PointSet]:
    """Return the sets, oldest first. Of several snapshots of one volume the usable, then the oldest one counts."""
    sets: dict[SetName, dict[str, list[Stored]]] = {}
    for one in stored:
        sets.setdefault(one.set_name, {}).setdefault(one.point.volume_id, []).append(one)
    made = [_set(name, volumes.values()) for name, volumes in sets.items()]
    return sorted(made, key=lambda each: each.age_key)


def _set(name: SetName, volumes: Iterable[list[Stored]]) -> PointSet:
    ranked = [sorted(each, key=lambda one: (bool(one.flaw), one.began, one.id)) for each in volumes]
    members = sorted((each[0] for each in ranked), key=lambda one: one.id)
    return PointSet(name, tuple(members), tuple(one for each in ranked for one in each[1:]))
