"""Fast snapshot restore: how long AWS takes, how many volumes are fast, and in which order points take over. Pure.

Sources: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-fast-snapshot-restore.html (16 TiB, quota),
https://docs.aws.amazon.com/ebs/latest/userguide/view-fsr-enabled-snapshots.html (an hour per TiB to optimize) and
https://docs.aws.amazon.com/ebs/latest/userguide/volume-creation-credits.html (the bucket starts empty).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

TIB_GIB = 1024
LARGEST_GIB = 16 * TIB_GIB
MOST_CREDITS = 10.0


def optimised_in(size_gib: int) -> timedelta:
    """Return how long AWS takes from enabling a snapshot of a volume of this size until it is enabled."""
    return timedelta(hours=size_gib / TIB_GIB)


def credits_per_hour(size_gib: int) -> float:
    """Return how many credits a snapshot gets in an hour; each is worth one fast volume in the zone."""
    return min(MOST_CREDITS, TIB_GIB / max(size_gib, 1))


def most_credits(size_gib: int) -> float:
    """Return how many credits a snapshot holds at most."""
    return max(1.0, credits_per_hour(size_gib))


def first_credit_in(size_gib: int) -> timedelta:
    """Return how long after it is enabled the first volume can be fast."""
    return timedelta(hours=1 / credits_per_hour(size_gib))


@dataclass(frozen=True)
class Turn:
    """One volume whose points take over from another.

    Attributes:
        name: The volume.
        needs: True when a snapshot is enabled that counts towards the quota only then.
        frees: How many snapshots no longer count once it is over.
    """

    name: str
    needs: bool
    frees: int


@dataclass(frozen=True)
class Order:
    """Which volumes can take their turn: each by the one that has to be over before it, "" for none; and who cannot."""

    after: dict[str, str]
    without: tuple[str, ...]


def ordered(turns: Sequence[Turn], room: int) -> Order:
    """Return who takes a turn when, so that old and new snapshots together never exceed the quota.

    While a volume changes over both its snapshots count. Nothing is disabled first to make room, since then nothing
    would be fast; a volume for which there is no room has to wait for another one whose old snapshot has been disabled.

    Args:
        turns: The volumes, in the order in which they are served.
        room: How many more snapshots the quota allows now.
    """
    after: dict[str, str] = {}
    without: list[str] = []
    free = [""] * max(room, 0)  # each place, by whose turn frees it
    for turn in sorted(turns, key=lambda one: (one.needs, one.frees == 0)):
        if turn.needs and not free:
            without.append(turn.name)
            continue
        after[turn.name] = free.pop(0) if turn.needs else ""
        free += [turn.name] * turn.frees
    return Order(after, tuple(without))
