"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like `word`, or None when none looks like it at all."""
    words = sorted(set(known))
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in reversed(words)}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Say what would be right in place of `word`: the nearest known word, else all of them, else nothing."""
    words = sorted(set(known))
    found = nearest(word, words)
    if found is not None:
        return f"did you mean '{found}'?"
    return f"known: {', '.join(words)}" if words else ""
