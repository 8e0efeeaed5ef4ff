"""What volumes are restored from: one complete set of one point in time wherever there is one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.recovery_point import Point, Standing

SLOWEST_MIB_S, FASTEST_MIB_S = 100, 300  # https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html
MIB = 1 << 20

Points = Mapping[str, Sequence[Point]]  # of each volume
Judge = Callable[[Points], Mapping[str, Standing]]


@dataclass(frozen=True)
class Chosen:
    """What the volumes of a group are restored from.

    Attributes:
        points: The point of each volume that can be restored.
        missing: Why each of the others cannot.
        mixed: True when no one set holds them all, and so they are not of one point in time.
    """

    points: Mapping[str, Point]
    missing: Mapping[str, str] = field(default_factory=dict)
    mixed: bool = False

    @property
    def at(self) -> datetime | None:
        """The point in time of the oldest of them."""
        return min((point.at for point in self.points.values()), default=None)


def not_after(points: Iterable[Point], at: datetime | None) -> list[Point]:
    """Return the points that show a time no later than `at`; all of them without one."""
    return [point for point in points if at is None or point.at <= at]


def chosen(points: Points, judge: Judge) -> Chosen:
    """Choose what the volumes of a group are restored from.

    It is the newest set that holds every volume of which there is a usable point at all; when there is none, the newest
    usable point of each.

    Args:
        points: What there is of each volume, none later than what is wanted.
        judge: Says which points can be used; it may have to read AWS for that.
    """
    stands = judge(points)
    newest = {volume: stand.newest for volume, stand in stands.items() if stand.newest}
    missing = {volume: _why(stand) for volume, stand in stands.items() if not stand.newest}
    if len({point.set_id for point in newest.values()}) <= 1:
        return Chosen(newest, missing)
    for members in _sets({volume: points[volume] for volume in newest}):
        judged = judge({volume: [point] for volume, point in members.items()})
        if all(stand.newest for stand in judged.values()):
            return Chosen(members, missing)
    return Chosen(newest, missing, mixed=True)


def _sets(points: Points) -> list[dict[str, Point]]:
    """Return the sets that hold all these volumes, the newest first."""
    members: dict[str, dict[str, Point]] = {}
    for volume, some in points.items():
        for point in some:
            members.setdefault(point.set_id, {})[volume] = point
    whole = [found for found in members.values() if found.keys() == points.keys()]
    return sorted(whole, key=lambda found: (min(p.at for p in found.values()), sorted(found)), reverse=True)


def _why(stand: Standing) -> str:
    if not stand.flaws:
        return "has no recovery point"
    point, why = stand.flaws[0]
    return f"has no usable recovery point: {point.snapshot_id} {why}"


def rate_for(size_bytes: int, within: timedelta | None) -> int | None:
    """Return the initialization rate in MiB/s that has a volume read in within a time; None when none is wanted.

    Raises:
        ValueError: it takes more than the 300 MiB/s that EBS offers; the text says how long it takes at that.
    """
    if within is None:
        return None
    mib = -(-size_bytes // MIB)
    rate = -(-mib // max(1, int(within.total_seconds())))
    if rate > FASTEST_MIB_S:
        raise ValueError(f"{mib // 1024} GiB take {-(-mib // FASTEST_MIB_S)} s at the {FASTEST_MIB_S} MiB/s EBS offers")
    return max(SLOWEST_MIB_S, rate)
