"""Snapshots as sets: which member counts, and when a set is good."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.point_sets import grouped
from tests.histories import AWAY, NOW, stored


def test_the_same_set_in_two_regions_is_two_sets() -> None:
    some = [stored("a", "vol-a", NOW, "s"), stored("b", "vol-a", NOW, "s", region=AWAY)]
    assert [one.name for one in grouped(some)] == [("us-east-1", "s"), (AWAY, "s")]


def test_a_set_is_good_with_all_its_members_and_no_flaw() -> None:
    first, second = (stored(f"snap-{v}", v, NOW, "s", set_size=2) for v in ("vol-a", "vol-b"))
    [short] = grouped([first])
    [whole] = grouped([first, second])
    [bad] = grouped([first, stored("snap-c", "vol-b", NOW, "s", set_size=2, archived=True)])
    assert (short.good, whole.good, bad.good) == (False, True, False)


def test_of_two_snapshots_of_one_volume_the_usable_then_the_older_counts() -> None:
    late = stored("a", "vol-a", NOW, "s", began=NOW + timedelta(seconds=9))
    early, broken = stored("b", "vol-a", NOW, "s"), stored("c", "vol-a", NOW, "s", state="error")
    [one] = grouped([late, broken, early])
    assert ([m.id for m in one.members], [m.id for m in one.surplus]) == (["b"], ["a", "c"])


def test_flaws_are_told() -> None:
    assert stored("a", "vol-a", NOW, "s", ours=False).flaw == "is not Lifeboat's"
    assert stored("a", "vol-a", NOW, "s", key_problem="is Disabled").flaw == "needs a key that is Disabled"
    assert "error" in stored("a", "vol-a", NOW, "s", state="error").flaw
    assert stored("a", "vol-a", NOW, "s").flaw == ""
    assert stored("a", "vol-a", NOW, "s", state="error").broken
