"""Nothing that is needed is ever deleted, whatever happened on whichever nights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from chalicelib.domain.generations import Keep
from chalicelib.domain.point_sets import PointSet, Stored
from chalicelib.domain.retention import Decision, Estate, Kept, Retention
from tests.histories import AWAY, NOW, History, broken, histories, stored

DAY = timedelta(days=1)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(histories())
def test_no_history_makes_the_rule_delete_what_is_needed(history: History) -> None:
    assert broken(history) == []


class ForgetsTheLastGood(Retention):
    def last_good(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class ForgetsIncrementalBases(Retention):
    def newest_copies(self, estate: Estate) -> set[str]:
        return set()


class TearsSetsApart(Retention):
    def of_set(self, one: PointSet, reasons: Sequence[str], estate: Estate) -> list[Decision]:
        made = super().of_set(one, reasons, estate)
        return [Decision(d.stored, bool(n) and d.delete, d.reason, d.group, d.keeper) for n, d in enumerate(made)]


class DeletesWhatIsBeingCopied(Retention):
    def copied_from(self, estate: Estate) -> set[str]:
        return set()


class DeletesWhatIsUnfinished(Retention):
    def unfinished(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class OverridesHolds(Retention):
    def held(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class IgnoresExpiry(Retention):
    def kept_by_hand(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class ForgetsGenerations(Retention):
    def kept_generations(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class LosesSurplus(Retention):
    def of_surplus(self, one: PointSet, extra: Stored, protected: set[str], estate: Estate) -> Decision:
        return Decision(one.members[0], delete=False, reason="", group="")


class DeletesWhatHasNothingBetter(Retention):
    def nothing_better(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


@pytest.mark.parametrize(
    ("variant", "invariant"),
    [
        (ForgetsTheLastGood, "last_good_stays"),
        (ForgetsIncrementalBases, "newest_copy_stays"),
        (TearsSetsApart, "sets_go_whole"),
        (DeletesWhatIsBeingCopied, "sources_of_unfinished_copies_stay"),
        (DeletesWhatIsUnfinished, "what_is_unfinished_stays"),
        (OverridesHolds, "what_is_held_stays"),
        (IgnoresExpiry, "what_was_made_by_hand_stays_until_it_expires"),
        (ForgetsGenerations, "first_of_each_kept_month_stays"),
        (LosesSurplus, "everything_is_decided_once"),
        (DeletesWhatHasNothingBetter, "every_deletion_has_a_better_point"),
    ],
)
def test_each_broken_rule_is_caught_by_its_invariant(variant: type[Retention], invariant: str) -> None:
    quick = settings(
        max_examples=2_000, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=SLOW
    )
    try:
        find(histories(), lambda history: invariant in broken(history, variant), settings=quick)
    except NoSuchExample:
        pytest.fail(f"{variant.__name__} was not caught")


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


def test_what_is_not_ours_counts_for_nothing() -> None:
    foreign = stored("snap-x", "vol-a", NOW - DAY, "x", ours=False, hold="is foreign")
    assert fates([*nights(30, 20), foreign], Keep(last=1)) == {
        "snap-30-vol-a": True, "snap-20-vol-a": False, "snap-x": False
    }  # fmt: skip
