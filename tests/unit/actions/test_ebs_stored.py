"""Snapshots as retention reads them: by their own tags, and only what Lifeboat wrote itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.actions.ebs_stored import gone_volumes, read, stored_points
from tests.pasts import HOME, Past
from tests.unit.actions.world import World, plain_context

STARTED = datetime(2031, 1, 5, 3, 0, tzinfo=UTC)
OWN = {
    "lifeboat:policy": "nightly",
    "lifeboat:effect": "lb1",
    "lifeboat:run": "r1",
    "lifeboat:set": "lb1",
    "lifeboat:set-size": "1",
    "lifeboat:point": "2031-01-04T03:00:00Z",
}


def snapshot(**changes: str | None) -> Any:
    own = {**OWN, **{f"lifeboat:{key.replace('_', '-')}": value for key, value in changes.items()}}
    tags = [{"Key": key, "Value": value} for key, value in own.items() if value is not None]
    return {
        "SnapshotId": "snap-0000000000000001",
        "VolumeId": "vol-1",
        "StartTime": STARTED,
        "State": "completed",
        "Tags": tags,
    }


def test_the_time_is_the_original_one_and_not_when_a_copy_was_made() -> None:
    found = read(
        snapshot(source_volume="vol-9", source_snapshot="snap-9", source_region="us-east-1"), HOME, plain_context()
    )
    assert (found.point.at, found.began) == (datetime(2031, 1, 4, 3, 0, tzinfo=UTC), STARTED)
    assert (found.point.volume_id, found.copy_of, found.copied_from) == ("vol-9", "snap-9", "us-east-1")
    assert (found.ours, found.hold) == (True, "")


@pytest.mark.parametrize(
    "changes",
    [{"effect": None}, {"run": None}, {"set": None}, {"set_size": None}, {"point": None}, {"point": "4 January"},
     {"point": "2031-01-05T09:00:00Z"}],
)  # fmt: skip
def test_what_lacks_a_tag_of_lifeboat_or_claims_to_be_newer_than_it_can_be_is_left_alone(
    changes: dict[str, str | None],
) -> None:
    found = read(snapshot(**changes), HOME, plain_context())
    assert not found.ours
    assert "somebody else" in found.hold


def test_an_expiry_is_read_and_one_that_cannot_be_read_holds() -> None:
    assert read(snapshot(expires="2031-02-01T00:00:00Z"), HOME, plain_context()).expires == datetime(
        2031, 2, 1, tzinfo=UTC
    )
    assert "lifeboat:expires" in read(snapshot(expires="soon"), HOME, plain_context()).hold
    assert "lifeboat:hands-off" in read(snapshot(hands_off=""), HOME, plain_context()).hold


def test_a_key_that_cannot_be_used_is_a_problem_of_all_points_under_it(world: World) -> None:
    past = Past(world.control, world.truth)
    encrypted = next(v["VolumeId"] for v in world.truth().describe_volumes()["Volumes"] if v["Encrypted"])
    past.night([encrypted], copied=False)
    world.clock.seen(world.control.now())
    assert stored_points("nightly", [HOME], world.ctx())[0].flaw == ""
    world.truth(service="kms").disable_key(KeyId=world.estate["keys"]["alias/shop"])
    assert stored_points("nightly", [HOME], world.ctx())[0].key_problem == "is Disabled"


def test_a_volume_is_gone_only_when_no_region_has_it(world: World) -> None:
    past = Past(world.control, world.truth)
    past.night([world.estate["protected"][0]])
    stored = stored_points("nightly", [HOME, "us-west-2"], world.ctx())
    assert gone_volumes(stored, ["us-west-2"], world.ctx()) == frozenset(), "the copy says where it came from"
    strange = [read(snapshot(source_volume="vol-0123456789abcdef0"), HOME, plain_context())]
    assert gone_volumes(strange, [HOME], world.ctx()) == {"vol-0123456789abcdef0"}
