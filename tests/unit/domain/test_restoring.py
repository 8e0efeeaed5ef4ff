"""One complete set wherever there is one, the newest of each volume where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.recovery_point import Known, Point, Standing, standing
from chalicelib.domain.restoring import Chosen, Points, chosen, not_after, rate_for

NIGHT = datetime(2031, 1, 6, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def point(volume: str, days_ago: int, set_id: str = "", size: int = 1, state: str = "completed") -> Point:
    return Point(
        snapshot_id=f"snap-{volume}{days_ago}{set_id}",
        volume_id=volume,
        region="us-east-1",
        at=NIGHT - DAY * days_ago,
        state=state,
        set_id=set_id or f"single-{volume}{days_ago}",
        set_size=size,
    )


def judged(points: Points) -> dict[str, Standing]:
    known = Known()
    for some in EVERY:
        known.learn(some)
    known.read_sets = {("us-east-1", each.set_id) for some in EVERY for each in some}
    return {volume: standing(some, known) for volume, some in points.items()}


EVERY: list[list[Point]] = []


def choose(**points: list[Point]) -> Chosen:
    EVERY[:] = list(points.values())
    return chosen(points, judged)


def test_the_newest_complete_set_is_taken() -> None:
    old = [point(v, 2, "s1", 2) for v in "ab"]
    new = [point(v, 1, "s2", 2) for v in "ab"]
    found = choose(a=[old[0], new[0]], b=[old[1], new[1]])
    assert (found.points, found.mixed) == ({"a": new[0], "b": new[1]}, False)
    assert found.at == NIGHT - DAY


def test_a_newer_point_of_one_volume_alone_does_not_tear_the_set_apart() -> None:
    whole = [point(v, 2, "s1", 2) for v in "ab"]
    found = choose(a=[whole[0], point("a", 0)], b=[whole[1]])
    assert found.points == {"a": whole[0], "b": whole[1]}


def test_an_incomplete_set_is_passed_over_for_an_older_whole_one() -> None:
    whole = [point(v, 3, "s1", 2) for v in "ab"]
    torn = [point("a", 1, "s2", 2), point("b", 1, "s2", 2, state="pending")]
    found = choose(a=[whole[0], torn[0]], b=[whole[1], torn[1]])
    assert found.points == {"a": whole[0], "b": whole[1]}


def test_without_one_set_for_all_each_has_its_newest_and_that_is_told() -> None:
    found = choose(a=[point("a", 1)], b=[point("b", 2)])
    assert found.mixed
    assert found.at == NIGHT - 2 * DAY


def test_a_set_for_all_that_is_not_usable_is_no_choice() -> None:
    torn = [point(v, 0, "s1", 3) for v in "ab"]
    found = choose(a=[torn[0], point("a", 1)], b=[torn[1], point("b", 2)])
    assert found.mixed
    assert {p.set_id for p in found.points.values()} == {"single-a1", "single-b2"}


def test_what_has_no_point_is_missing_with_the_reason() -> None:
    found = choose(a=[point("a", 1)], b=[], c=[point("c", 1, state="error")])
    assert set(found.points) == {"a"}
    assert found.missing["b"] == "has no recovery point"
    assert "ended in error" in found.missing["c"]
    assert choose(b=[]).at is None


def test_a_point_in_time_leaves_out_what_is_later() -> None:
    points = [point("a", n) for n in range(3)]
    assert not_after(points, None) == points
    assert not_after(points, NIGHT - DAY) == points[1:]


@pytest.mark.parametrize(("gib", "minutes", "rate"), [(100, 10, 171), (1, 60, 100), (0, 1, 100)])
def test_the_rate_is_what_it_takes_within_what_ebs_offers(gib: int, minutes: int, rate: int) -> None:
    assert rate_for(gib << 30, timedelta(minutes=minutes)) == rate


def test_a_rate_is_only_asked_for_when_there_is_an_objective_and_never_above_the_most() -> None:
    assert rate_for(1 << 40, None) is None
    with pytest.raises(ValueError, match=r"1000 GiB take 3414 s at the 300 MiB/s"):
        rate_for(1000 << 30, timedelta(minutes=1))
