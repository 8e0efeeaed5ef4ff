"""The pure part of planning copies: deadlines, order, tags, and items made of what AWS describes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.actions.ebs_copy_plan import completion_minutes, copy_change, copy_tags, item_from, orders
from chalicelib.actions.ebs_points import SnapshotItem
from chalicelib.errors import InputError
from tests.unit.actions.world import AWAY, HOME, plain_context


def item(number: int, set_id: str | None = None, **more: Any) -> SnapshotItem:
    known = {"item": f"vol-{number:08x}", "volume_id": f"vol-{number:08x}", "region": HOME, "set_id": set_id}
    return SnapshotItem.model_validate({**known, **more})


@settings(deadline=None)
@given(st.integers(min_value=15 * 60, max_value=48 * 3600))
def test_a_deadline_is_rounded_up_to_fifteen_minutes(seconds: int) -> None:
    minutes = completion_minutes(timedelta(seconds=seconds))
    assert minutes is not None
    assert minutes % 15 == 0
    assert 15 <= minutes <= 2880
    assert 0 <= minutes * 60 - seconds < 15 * 60


@pytest.mark.parametrize("seconds", [1, 15 * 60 - 1, 48 * 3600 + 1])
def test_a_deadline_that_aws_does_not_offer_is_refused(seconds: int) -> None:
    with pytest.raises(InputError) as caught:
        completion_minutes(timedelta(seconds=seconds))
    assert caught.value.code == "action.deadline"


def test_no_deadline_is_no_deadline() -> None:
    assert completion_minutes(None) is None


def test_a_set_is_as_old_as_its_oldest_member_and_stays_together() -> None:
    items = [item(1, "a"), item(2, "a"), item(3, "b"), item(4)]
    newest = {"vol-00000001": "2031-01-05", "vol-00000002": "2031-01-01", "vol-00000003": "2031-01-03"}
    order = orders(items, newest)
    assert sorted(order, key=lambda name: order[name]) == [
        "vol-00000004",
        "vol-00000001",
        "vol-00000002",
        "vol-00000003",
    ]
    assert order["vol-00000001"] == order["vol-00000002"]


def test_a_copy_keeps_its_own_tags_when_there_is_no_room_for_all() -> None:
    many = {f"key{number:02}": "" for number in range(50)}
    change, note = copy_change(item(1, tags=many), AWAY, None, None, "", plain_context())
    assert "no room for the tags" in note
    assert "key49" in note
    own = copy_tags(change, "lb", "snap-00000001", item(1, tags=many), plain_context())
    assert own["lifeboat:source-volume"] == "vol-00000001"
    assert f"key{50 - len(own):02}" in note
    assert f"key{50 - len(own) - 1:02}" not in note


def described(**tags: str) -> Any:
    return {
        "SnapshotId": "snap-00000001",
        "VolumeId": "vol-ffffffff",
        "StartTime": datetime(2031, 1, 6, 3, 0, tzinfo=UTC),
        "State": "completed",
        "Tags": [{"Key": key.replace("__", ":").replace("_", "-"), "Value": value} for key, value in tags.items()],
    }


def test_a_copy_is_of_the_volume_that_its_tag_names() -> None:
    found = item_from(described(lifeboat__source_volume="vol-00000009", app="shop"), AWAY)
    assert (found.volume_id, found.region, found.tags) == ("vol-00000009", AWAY, {"app": "shop"})


def test_a_snapshot_of_somebody_else_has_its_start_as_point_and_no_policy() -> None:
    found = item_from(described(), HOME)
    assert (found.point, found.policy, found.set_id, found.set_size) == ("2031-01-06T03:00:00Z", None, None, 1)


def test_a_manifest_that_was_destroyed_does_not_keep_data_from_being_copied() -> None:
    broken = described()
    broken["Tags"] = [{"Key": "lifeboat:manifest.0", "Value": "oops"}, {"Key": "lifeboat:set-size", "Value": "many"}]
    found = item_from(broken, HOME)
    assert (found.manifest, found.set_size) == (None, 1)
