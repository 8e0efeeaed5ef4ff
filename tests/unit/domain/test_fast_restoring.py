"""How long fast snapshot restore takes, what it gives, and who takes a turn when the quota is tight."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.fast_restoring import (
    Turn,
    credits_per_hour,
    first_credit_in,
    most_credits,
    optimised_in,
    ordered,
)


@pytest.mark.parametrize(
    ("size", "hourly", "most", "first"),
    [(8, 10, 10, 6), (128, 8, 8, 7.5), (1024, 1, 1, 60), (4096, 0.25, 1, 240)],
)
def test_credits_are_those_of_the_size(size: int, hourly: float, most: float, first: float) -> None:
    assert (credits_per_hour(size), most_credits(size)) == (hourly, most)
    assert first_credit_in(size) == timedelta(minutes=first)


def test_a_tib_takes_an_hour() -> None:
    assert optimised_in(2048) == timedelta(hours=2)


def test_with_room_for_old_and_new_nobody_waits() -> None:
    found = ordered([Turn("a", needs=True, frees=1), Turn("b", needs=True, frees=1)], 2)
    assert (found.after, found.without) == ({"a": "", "b": ""}, ())


def test_with_room_for_one_more_they_take_turns_and_all_are_served() -> None:
    found = ordered([Turn("a", needs=True, frees=1), Turn("b", needs=True, frees=1), Turn("c", needs=True, frees=1)], 1)
    assert (found.after, found.without) == ({"a": "", "b": "a", "c": "b"}, ())


def test_whoever_frees_nothing_comes_last_and_gets_what_is_left() -> None:
    found = ordered([Turn("new", needs=True, frees=0), Turn("a", needs=True, frees=1)], 1)
    assert (found.after, found.without) == ({"a": "", "new": "a"}, ())
    found = ordered([Turn("new", needs=True, frees=0), Turn("newer", needs=True, frees=0)], 1)
    assert (found.after, found.without) == ({"new": ""}, ("newer",))


def test_nothing_is_disabled_first_to_make_room() -> None:
    found = ordered([Turn("a", needs=True, frees=1)], 0)
    assert (found.after, found.without) == ({}, ("a",))
    found = ordered([Turn("a", needs=True, frees=1), Turn("no longer needed", needs=False, frees=1)], -1)
    assert found.after == {"no longer needed": "", "a": "no longer needed"}
