"""What the rule of retention says of single cases, and the reasons that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.domain.generations import Keep
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.retention import Retention
from tests.histories import AWAY, NOW, History, stored

DAY = timedelta(days=1)


def fates(some: Sequence[Stored], keep: Keep, **more: object) -> dict[str, bool]:
    history = History(tuple(some), keep, frozenset(), None)
    rule = Retention(keep, NOW, history.rule().zone, **more)  # type: ignore[arg-type]
    return {one.stored.id: one.delete for one in rule.decide(some)}


def reason(some: Sequence[Stored], name: str, keep: Keep) -> str:
    rule = History(tuple(some), keep, frozenset(), None).rule()
    return next(one.reason for one in rule.decide(some) if one.stored.id == name)


def nights(*ages: int, volume: str = "vol-a", **more: object) -> list[Stored]:
    return [stored(f"snap-{age}-{volume}", volume, NOW - age * DAY, f"set-{age}-{volume}", **more) for age in ages]


def test_what_no_generation_wants_goes_and_the_reason_says_what_was_asked_for() -> None:
    some = nights(40, 30, 20, 10)
    assert fates(some, Keep(last=2)) == {
        "snap-40-vol-a": True, "snap-30-vol-a": True, "snap-20-vol-a": False, "snap-10-vol-a": False
    }  # fmt: skip
    assert reason(some, "snap-40-vol-a", Keep(last=2)) == "not kept by last 2"
    assert "the newest good point of vol-a in us-east-1" in reason(some, "snap-10-vol-a", Keep(last=2))


def test_a_point_made_by_hand_is_no_generation_and_goes_when_it_expires() -> None:
    by_hand = stored("snap-hand", "vol-a", NOW - 15 * DAY, "hand", expires=NOW + DAY)
    over = stored("snap-over", "vol-a", NOW - 16 * DAY, "over", expires=NOW - DAY)
    found = fates([*nights(40, 10, 5), by_hand, over], Keep(last=3))
    assert found == dict.fromkeys(["snap-40-vol-a", "snap-10-vol-a", "snap-5-vol-a", "snap-hand"], False) | {
        "snap-over": True
    }


def test_a_young_point_waits_for_its_copy_and_an_old_one_does_not() -> None:
    copied = nights(9, region=AWAY, copy_of="snap-9-vol-a", copied_from="us-east-1")
    some = [*nights(12, 9, 6, 3, 1), *(stored("copy", "vol-a", one.point.at, "c", copy_of="snap-9-vol-a",
            copied_from="us-east-1", region=AWAY) for one in copied)]  # fmt: skip
    found = fates(some, Keep(last=1))
    assert (found["snap-12-vol-a"], found["snap-9-vol-a"]) == (True, True)
    assert (found["snap-6-vol-a"], found["snap-3-vol-a"], found["snap-1-vol-a"]) == (False, False, False)
    assert "its copy to us-west-2 may still come" in reason(some, "snap-3-vol-a", Keep(last=1))


def test_a_failed_set_goes_once_every_volume_has_a_newer_good_point() -> None:
    failed = [
        stored("bad-a", "vol-a", NOW - 20 * DAY, "bad", set_size=2, state="error"),
        stored("bad-b", "vol-b", NOW - 20 * DAY, "bad", set_size=2),
    ]
    assert fates([*failed, *nights(10)], Keep(last=9))["bad-a"] is False
    found = fates([*failed, *nights(10), *nights(10, volume="vol-b")], Keep(last=9))
    assert (found["bad-a"], found["bad-b"]) == (True, True)
    assert "not complete" in reason([*failed, *nights(10)], "bad-a", Keep(last=9))


def test_a_duplicate_goes_when_it_is_old_and_its_twin_stays() -> None:
    twin, extra = (stored(name, "vol-a", NOW - 20 * DAY, "s") for name in ("snap-1", "snap-2"))
    found = fates([twin, extra], Keep(last=9))
    assert found == {"snap-1": False, "snap-2": True}
    young = [stored(name, "vol-a", NOW - DAY, "s") for name in ("snap-1", "snap-2")]
    assert fates(young, Keep(last=9)) == {"snap-1": False, "snap-2": False}
    held = [twin, stored("snap-2", "vol-a", NOW - 20 * DAY, "s", hold="is locked")]
    assert fates(held, Keep(last=9)) == {"snap-1": False, "snap-2": False}
    pending = [twin, stored("snap-2", "vol-a", NOW - 20 * DAY, "s", state="pending")]
    assert fates(pending, Keep(last=9))["snap-2"] is False


def test_a_volume_that_is_gone_keeps_its_last_good_point_only() -> None:
    some = nights(40, 30, 20)
    gone = {"gone": frozenset({"vol-a"}), "orphans": 10 * DAY}
    assert list(fates(some, Keep(last=9), **gone).values()) == [True, True, False]
    assert not any(fates(some, Keep(last=9), **{**gone, "orphans": 25 * DAY}).values()), "its newest is young enough"
    assert not any(fates(some, Keep(last=9), gone=gone["gone"]).values()), "nobody asked for it"
    rule = Retention(Keep(last=1), NOW, NOW.tzinfo, **gone)  # type: ignore[arg-type]
    assert "its volume is gone" in rule.decide(some)[0].reason


def test_points_under_a_key_that_cannot_be_used_count_for_nothing_and_stay() -> None:
    dead = nights(2, 1, key_problem="is PendingDeletion")
    found = fates([*nights(30, 20), *dead], Keep(last=1))
    assert found == {"snap-30-vol-a": True, "snap-20-vol-a": False, "snap-2-vol-a": False, "snap-1-vol-a": False}


def test_the_newest_point_of_a_volume_is_by_its_own_time_also_when_its_sets_was_changed() -> None:
    """Somebody set `vol-b` of the newest set back: for `vol-a` it is the newest all the same."""
    newest = [
        stored("snap-a", "vol-a", NOW - 10 * DAY, "new", set_size=2),
        stored("snap-b", "vol-b", NOW - 90 * DAY, "new", set_size=2),
    ]
    older = [stored(f"old-{one}", f"vol-{one}", NOW - 20 * DAY, "old", set_size=2) for one in ("a", "b")]
    assert not any(fates([*newest, *older], Keep(last=1)).values())
    assert "the newest good point of vol-a" in reason([*newest, *older], "snap-a", Keep(last=1))
    assert "the newest good point of vol-b" in reason([*newest, *older], "old-b", Keep(last=1))


def test_what_is_not_ours_counts_for_nothing() -> None:
    foreign = stored("snap-x", "vol-a", NOW - DAY, "x", ours=False, hold="is foreign")
    assert fates([*nights(30, 20), foreign], Keep(last=1)) == {
        "snap-30-vol-a": True, "snap-20-vol-a": False, "snap-x": False
    }  # fmt: skip
