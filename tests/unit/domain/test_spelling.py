"""Covers the suggestions for words that are not known."""

from __future__ import annotations

import pytest

from chalicelib.domain.spelling import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [("regoin", "region"), ("Region", "region"), ("max-targets", "max_targets"), ("zzz", None), ("", None)],
)
def test_the_nearest_word_ignores_case_and_dashes(word: str, meant: str | None) -> None:
    assert nearest(word, ["region", "max_targets", "steps"]) == meant


def test_a_word_like_no_other_gets_the_whole_list() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    assert did_you_mean("zzz", []) == ""


def test_a_near_word_is_suggested_alone() -> None:
    assert did_you_mean("stpes", ["steps", "guard"]) == "did you mean 'steps'?"
