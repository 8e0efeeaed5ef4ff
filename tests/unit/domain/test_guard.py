"""What the guard lets through, refuses whole, and holds back."""

from __future__ import annotations

import pytest

from chalicelib.domain.change import Change, ChangeKind
from chalicelib.domain.guard import judge
from chalicelib.errors import RefusedError

HOME = ("us-east-1",)


def change(key: str, kind: ChangeKind = ChangeKind.CREATE, region: str = "us-east-1", **more: object) -> Change:
    return Change.model_validate(
        {"key": key, "kind": kind, "resource": key, "region": region, "reason": "test", **more}
    )


def test_a_change_in_a_region_that_is_not_listed_refuses_the_plan_and_names_the_region() -> None:
    with pytest.raises(RefusedError, match="eu-west-1") as caught:
        judge([change("a"), change("b", region="eu-west-1")], regions=HOME, max_targets=9, max_share_percent=30)
    assert caught.value.code == "guard.region"


def test_targets_are_counted_once_and_above_the_limit_nothing_is_done() -> None:
    sets = [change("i-1", targets=("vol-1", "vol-2")), change("i-2", targets=("vol-2", "vol-3"))]
    assert judge(sets, regions=HOME, max_targets=3, max_share_percent=30).allowed == tuple(sets)
    with pytest.raises(RefusedError, match="3 resources, and the guard allows 2") as caught:
        judge(sets, regions=HOME, max_targets=2, max_share_percent=30)
    assert caught.value.code == "guard.max_targets"


def test_a_change_without_targets_counts_its_resource() -> None:
    with pytest.raises(RefusedError):
        judge([change("a"), change("b")], regions=HOME, max_targets=1, max_share_percent=100)


def test_above_the_share_the_oldest_deletions_go_ahead_and_the_rest_waits() -> None:
    deletions = [change(f"s{n}", ChangeKind.DELETE, order=f"2031-01-{9 - n:02}") for n in range(4)]
    judged = judge([change("new"), *deletions], regions=HOME, max_targets=9, max_share_percent=50)
    assert [c.key for c in judged.allowed] == ["new", "s2", "s3"]
    assert [c.key for c in judged.held_back] == ["s0", "s1"]
    assert "2 of 4" in judged.notes[0]


def test_the_share_counts_against_the_population_and_spares_creations() -> None:
    deletions = [change(f"s{n}", ChangeKind.DELETE) for n in range(3)]
    judged = judge(deletions, regions=HOME, max_targets=9, max_share_percent=30, population=10)
    assert judged.held_back == ()
    creations = [change(f"c{n}") for n in range(3)]
    assert judge(creations, regions=HOME, max_targets=9, max_share_percent=1).held_back == ()


def test_what_belongs_together_goes_ahead_together_or_waits_together() -> None:
    sets = [change(f"s{n}-{m}", ChangeKind.DELETE, order=f"{n}", group=f"set-{n}") for n in range(2) for m in range(3)]
    kept = [judge(sets, regions=HOME, max_targets=9, max_share_percent=s).allowed for s in (40, 50, 70, 100)]
    assert [len(some) for some in kept] == [0, 3, 3, 6]
