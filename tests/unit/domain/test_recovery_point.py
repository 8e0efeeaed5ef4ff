"""Which points can be restored from, and what is said of them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.recovery_point import Demand, Known, Point, Question, described, standing, worst_age

NOW = datetime(2031, 1, 6, 12, 0, tzinfo=UTC)
HOME = "us-east-1"


def point(number: int = 1, hours: float = 1, **more: Any) -> Point:
    known = {
        "snapshot_id": f"snap-{number}",
        "volume_id": "vol-1",
        "region": HOME,
        "at": NOW - timedelta(hours=hours),
        "state": "completed",
        "set_id": f"set-{number}",
    }
    return Point.model_validate(known | more)


def knowing(*points: Point, keys: dict[str, str | None] | None = None, read: bool = True) -> Known:
    known = Known(keys={(HOME, key): problem for key, problem in (keys or {}).items()})
    known.learn(points)
    known.read_sets |= {(each.region, each.set_id) for each in points} if read else set()
    return known


def test_the_newest_of_several_usable_points_counts() -> None:
    points = [point(1, hours=5), point(2, hours=2), point(3, hours=9)]
    assert standing(points, knowing(*points)).newest == points[1]


def test_without_points_nothing_is_usable() -> None:
    assert standing([], Known()).newest is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": "pending"}, "is pending"),
        ({"state": "recoverable"}, "is recoverable"),
        ({"state": "error", "reason": "no key"}, "ended in error (no key)"),
        ({"state": "error"}, "ended in error (AWS gives no reason)"),
        ({"archived": True}, "is archived"),
    ],
)
def test_a_point_that_cannot_be_restored_is_passed_over_for_an_older_one(more: dict[str, Any], words: str) -> None:
    bad, good = point(2, hours=1, **more), point(1, hours=2)
    stand = standing([good, bad], knowing(good, bad))
    assert (stand.newest, stand.flaws) == (good, ((bad, words),))


def test_a_set_counts_only_with_all_its_members() -> None:
    one = point(1, set_id="s", set_size=2)
    other = point(2, set_id="s", set_size=2, volume_id="vol-2")
    assert standing([one], knowing(one, other)).newest == one
    [(_, why)] = standing([one], knowing(one)).flaws
    assert why == "belongs to a set of 2 of which only 1 can be used"


@pytest.mark.parametrize("more", [{"state": "error"}, {"state": "pending"}, {"archived": True}])
def test_a_bad_member_spoils_its_whole_set(more: dict[str, Any]) -> None:
    one = point(1, set_id="s", set_size=2)
    other = point(2, set_id="s", set_size=2, volume_id="vol-2", **more)
    assert standing([one], knowing(one, other)).newest is None


def test_two_snapshots_of_one_volume_do_not_make_a_set_of_two() -> None:
    one, again = point(1, set_id="s", set_size=2), point(2, set_id="s", set_size=2)
    assert standing([one], knowing(one, again)).newest is None


def test_a_member_is_learned_once() -> None:
    known = Known()
    known.learn([point(1), point(1)])
    assert known.members == {(HOME, "set-1"): [point(1)]}


def test_an_incomplete_set_is_asked_for_before_it_is_judged() -> None:
    one = point(1, set_id="s", set_size=2)
    assert standing([one], knowing(one, read=False)).question == Question(ask_set=(HOME, "s"))


def test_a_key_is_asked_for_once_and_then_decides() -> None:
    one = point(1, kms_key="key-1")
    assert standing([one], knowing(one)).question == Question(ask_key=(HOME, "key-1"))
    assert standing([one], knowing(one, keys={"key-1": None})).newest == one
    [(_, why)] = standing([one], knowing(one, keys={"key-1": "is PendingDeletion"})).flaws
    assert why == "needs the key key-1, which is PendingDeletion"


def test_the_key_of_another_member_spoils_the_set_too() -> None:
    one = point(1, set_id="s", set_size=2, kms_key="good")
    other = point(2, set_id="s", set_size=2, volume_id="vol-2", kms_key="bad")
    stand = standing([one], knowing(one, other, keys={"good": None, "bad": "is Disabled"}))
    assert stand.newest is None


def test_flaws_found_before_a_question_are_kept() -> None:
    bad, asked = point(2, hours=1, state="pending"), point(1, hours=2, kms_key="key-1")
    stand = standing([bad, asked], knowing(bad, asked))
    assert stand.flaws == ((bad, "is pending"),)
    assert stand.question is not None


def test_a_point_is_too_old_beyond_the_age_and_not_at_it() -> None:
    demand = Demand(NOW, max_age=timedelta(hours=24))
    assert demand.complaint(point(hours=24)) is None
    assert demand.complaint(point(hours=24.1)) == "is 1d 6m old; at most 1d is allowed"


def test_a_point_of_the_runs_first_second_is_of_the_run() -> None:
    demand = Demand(NOW, not_before=NOW - timedelta(hours=1) + timedelta(milliseconds=900))
    assert demand.complaint(point(hours=1)) is None
    assert "is from before the run" in str(demand.complaint(point(hours=1.001)))


def test_a_demand_of_nothing_accepts_any_age() -> None:
    assert Demand(NOW).complaint(point(hours=9999)) is None


def test_a_finding_names_the_point_its_age_and_why_a_newer_one_does_not_count() -> None:
    bad, good = point(2, hours=1, state="pending"), point(1, hours=2)
    stand = standing([good, bad], knowing(good, bad))
    code, text = described(stand, Demand(NOW), "vol-1", HOME)
    assert code == ""
    assert text == (
        "vol-1 in us-east-1: the newest usable point is snap-1 of 2031-01-06 10:00:00 UTC, 2h old."
        " A newer one, snap-2, is pending."
    )


def test_a_finding_of_an_old_point_says_how_old_and_what_to_do() -> None:
    stand = standing([point(hours=30)], knowing(point(hours=30)))
    code, text = described(stand, Demand(NOW, max_age=timedelta(hours=24)), "vol-1", HOME)
    assert code == "check.point_too_old"
    assert "is 1d 6h old; at most 1d is allowed" in text
    assert text.endswith("Run a backup of it.")


def test_a_finding_without_a_usable_point_says_what_is_wrong_with_those_there_are() -> None:
    points = [point(1, state="pending"), point(2, hours=2, archived=True)]
    code, text = described(standing(points, knowing(*points)), Demand(NOW), "vol-1", HOME)
    assert code == "check.no_point"
    assert "snap-1 is pending, and 1 more are not usable either." in text
    assert "no usable recovery point in us-east-1. Run" in described(standing([], Known()), Demand(NOW), "v", HOME)[1]


@pytest.mark.parametrize(
    ("ages", "worst", "rpo"),
    [({}, None, None), ({"a": 5, "b": 9}, 9, 9), ({"a": 5, "b": None}, 5, None), ({"a": None}, None, None)],
)
def test_the_rpo_is_unknown_when_anything_has_no_point(
    ages: dict[str, int | None], worst: int | None, rpo: int | None
) -> None:
    assert worst_age(ages) == (worst, rpo)
