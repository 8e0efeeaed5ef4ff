"""Chance that is the same in every replay: every draw is a function of the seed and of what is drawn for."""

from __future__ import annotations

import hashlib

_SPAN = float(1 << 64)


def draw(seed: int, *what: object) -> float:
    """Return a number in [0, 1) that depends on nothing but the arguments."""
    text = "\x1f".join([str(seed), *map(str, what)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / _SPAN
