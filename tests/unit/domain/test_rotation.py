"""When an instance may be replaced, by numbers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.rotation import Bounds, Standing, floor_of, mostly_unwell, objection

NUMBER = st.integers(0, 40)


def standing(desired: int = 12, serving: int = 12, unwell: int = 1, unready: int = 0) -> Standing:
    return Standing(desired=desired, serving=serving, unwell=unwell, unready=unready)


def bounds(minimum: int = 6, max_unavailable: int = 1, floor: int = 6) -> Bounds:
    return Bounds(minimum=minimum, max_unavailable=max_unavailable, floor=floor)


@pytest.mark.parametrize(
    ("desired", "share", "floor"),
    [(12, 50.0, 6), (11, 50.0, 6), (3, 33.3, 1), (10, 30.0, 3), (0, 50.0, 0), (1, 1.0, 1)],
)
def test_a_part_of_an_instance_is_a_whole_one(desired: int, share: float, floor: int) -> None:
    assert floor_of(desired, share) == floor


@pytest.mark.parametrize(
    ("now", "wanted", "words"),
    [
        (standing(), bounds(), ""),
        (standing(), bounds(minimum=12), "12 are in service and its minimum is 12"),
        (standing(serving=11), bounds(), "1 of 12 places are being filled, and max_unavailable is 1"),
        (standing(serving=11), bounds(max_unavailable=2), ""),
        (standing(unready=1), bounds(), "1 of 12 places are being filled, and max_unavailable is 1"),
        (standing(serving=13, unready=1), bounds(), ""),
        (standing(unwell=7), bounds(), "only 5 of 12 are well, and 6 must be"),
        (standing(unwell=6), bounds(), ""),
        (standing(unwell=12), bounds(floor=0), ""),
    ],
)
def test_each_bound_holds_an_instance_back(now: Standing, wanted: Bounds, words: str) -> None:
    assert objection(now, wanted) == words


@pytest.mark.parametrize(("unwell", "most"), [(0, False), (6, False), (7, True), (12, True)])
def test_most_are_unwell_when_fewer_than_the_floor_are_not(unwell: int, most: bool) -> None:  # noqa: FBT001 - a table
    assert mostly_unwell(standing(unwell=unwell), 6) is most


@given(desired=NUMBER, serving=NUMBER, unwell=NUMBER, unready=NUMBER, minimum=NUMBER, most=st.integers(1, 5))
def test_what_may_go_leaves_the_minimum_and_the_bound(
    desired: int, serving: int, unwell: int, unready: int, minimum: int, most: int
) -> None:
    now = standing(desired, serving, min(unwell, serving), min(unready, max(0, serving - unwell)))
    wanted = bounds(minimum, most, 0)
    if objection(now, wanted) == "":
        after = now.model_copy(update={"serving": now.serving - 1})
        assert after.serving >= minimum
        assert after.empty <= most
