"""How volumes are grouped into sets, and what is refused."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_selection import Selection
from chalicelib.actions.ebs_sets import Group, attached_ids, change_of, grouped, manifest_of, refusal, root_of
from chalicelib.aws.zones import Zones
from tests.unit.actions.world import HOME, plain_context

ZONES = Zones(HOME, {"us-east-1a": "use1-az1"})


def volume(number: int, *hosts: int, tags: dict[str, str] | None = None, **more: Any) -> Any:
    attached = [{"InstanceId": f"i-{host:08x}", "Device": f"/dev/sd{number}", "State": "attached"} for host in hosts]
    tag_list = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    known = {"VolumeId": f"vol-{number:08x}", "AvailabilityZone": "us-east-1a", "Size": 8, "Attachments": attached}
    return {**known, "Tags": tag_list, **more}


def instance(number: int, volumes: int = 1, state: str = "running") -> Any:
    blocks = [{"DeviceName": f"/dev/sd{one}", "Ebs": {"VolumeId": f"vol-{one:08x}"}} for one in range(volumes)]
    known = {"InstanceId": f"i-{number:08x}", "State": {"Name": state}, "RootDeviceName": "/dev/sd0"}
    return {**known, "BlockDeviceMappings": blocks}


def instances(*found: Any) -> dict[str, Any]:
    return {one["InstanceId"]: one for one in found}


def shape(groups: list[Group]) -> list[tuple[str, str, list[str]]]:
    return [(g.how, g.key, [v["VolumeId"][-1] for v in g.volumes]) for g in groups]


def test_attached_volumes_make_a_set_and_loose_ones_a_point_each() -> None:
    groups = grouped([volume(1, 1), volume(2, 1), volume(3)], instances(instance(1)), together=True)
    assert shape(groups) == [("set", "i-00000001", ["1", "2"]), ("single", "vol-00000003", ["3"])]


def test_a_shared_volume_joins_the_instance_with_most_volumes_of_its_own() -> None:
    volumes = [volume(1, 1), volume(2, 2), volume(3, 2), volume(9, 1, 2)]
    groups = grouped(volumes, instances(instance(1), instance(2)), together=True)
    assert shape(groups) == [("set", "i-00000001", ["1"]), ("set", "i-00000002", ["2", "3", "9"])]


def test_a_shared_volume_joins_the_smallest_id_when_all_else_is_equal() -> None:
    groups = grouped([volume(9, 2, 1)], instances(instance(1), instance(2)), together=True)
    assert shape(groups) == [("set", "i-00000001", ["9"])]


@pytest.mark.parametrize("state", ["terminated", "shutting-down"])
def test_volumes_of_an_instance_that_is_ending_are_points_of_their_own(state: str) -> None:
    groups = grouped([volume(1, 1)], instances(instance(1, state=state)), together=True)
    assert shape(groups) == [("single", "vol-00000001", ["1"])]
    assert groups[0].instance is None


def test_volumes_of_an_instance_that_aws_does_not_show_are_points_of_their_own() -> None:
    assert shape(grouped([volume(1, 1)], {}, together=True)) == [("single", "vol-00000001", ["1"])]


def test_volume_by_volume_the_manifest_still_names_the_instance() -> None:
    [group] = grouped([volume(1, 1)], instances(instance(1)), together=False)
    assert group.how == "single"
    assert manifest_of(group, ZONES).instance_id == "i-00000001"


def test_an_instance_store_root_is_no_root_volume() -> None:
    assert root_of({"InstanceId": "i-00000001", "RootDeviceName": "/dev/sda1"}) is None
    assert root_of(None) is None
    assert root_of(instance(1)) == "vol-00000000"


def test_blocks_without_ebs_are_not_attached_volumes() -> None:
    found = instance(1, 2)
    found["BlockDeviceMappings"].append({"DeviceName": "/dev/sdz"})
    assert attached_ids(found) == ["vol-00000000", "vol-00000001"]


def group_of(selected: int, attached: int) -> Group:
    return Group("set", instance(1, attached), [volume(number, 1) for number in range(selected)])


def test_a_set_at_the_limit_is_allowed_and_one_above_is_refused() -> None:
    assert refusal(group_of(40, 40), 40) is None
    refused = refusal(group_of(41, 41), 40)
    assert refused is not None
    assert "41 selected volumes" in refused.message
    assert "not split" in refused.message


def test_more_than_forty_volumes_to_exclude_are_refused() -> None:
    assert refusal(group_of(1, 41), 40) is None
    refused = refusal(group_of(1, 42), 40)
    assert refused is not None
    assert "41 data volumes that are not selected" in refused.message


def test_a_root_that_is_not_selected_is_excluded_by_flag_and_does_not_count() -> None:
    group = Group("set", instance(1, 42), [volume(1, 1)])
    assert refusal(group, 40) is None


def test_single_volumes_are_never_too_many() -> None:
    assert refusal(Group("single", None, [volume(1)]), 1) is None


def made(context: StepContext, *volumes: Any, how: str = "set") -> tuple[dict[str, Any], str]:
    group = Group(how, instance(1), list(volumes))
    change, note = change_of(group, Selection(HOME, ZONES, list(volumes)), "nightly", context)
    return cast("dict[str, Any]", change.params), note


def test_tags_are_inherited_while_they_fit() -> None:
    own = 7  # effect, run, policy, set, set-size, point, manifest.0
    fits = {f"key{number:02}": "" for number in range(50 - own)}
    assert made(plain_context(), volume(0, 1, tags=fits)) == (made(plain_context(), volume(0, 1))[0], "")
    params, note = made(plain_context(), volume(0, 1, tags={**fits, "one-more": ""}))
    assert params["inherit"] is False
    assert "AWS allows 50 tags" in note


def test_aws_tags_do_not_count() -> None:
    fits = {f"key{number:02}": "" for number in range(43)}
    params, _ = made(plain_context(), volume(0, 1, tags={**fits, "aws:cloudformation:stack-name": "x"}))
    assert params["inherit"] is True


def test_tags_that_look_like_ours_are_never_inherited() -> None:
    params, note = made(plain_context(), volume(0, 1, tags={"lifeboat:point": "2001-01-01T00:00:00Z"}))
    assert params["inherit"] is False
    assert "lifeboat:" in note


def test_a_single_volume_says_which_tags_have_no_room() -> None:
    many = {f"key{number:02}": "" for number in range(50)}
    _, note = made(plain_context(), volume(0, 1, tags=many), how="single")
    assert "key49" in note
    assert "key01" not in note
