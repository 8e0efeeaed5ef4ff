"""Which volumes a selector means."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.ebs_selection import Selection, VolumeSelector, selected
from chalicelib.errors import InputError
from tests.unit.actions.world import HOME, World


def select(world: World, **wanted: Any) -> Selection:
    return selected(world.aws, HOME, VolumeSelector.model_validate(wanted))


def ids(selection: Selection) -> list[str]:
    return [volume["VolumeId"] for volume in selection.volumes]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"tags": {}},
        {"volumes": []},
        {"tags": {"backup": "*"}},
        {"tags": {"back?p": "nightly"}},
        {"tags": {"backup": []}},
        {"tags": {"": "x"}},
        {"tags": {"backup": [f"value-{number}" for number in range(101)]}},
        {"volumes": ["vol-XYZ"]},
        {"instances": ["*"]},
        {"everything": True},
    ],
)
def test_nothing_everything_and_wildcards_are_not_selectors(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VolumeSelector.model_validate(wanted)


def test_by_tag(world: World) -> None:
    assert ids(select(world, tags={"backup": "nightly"})) == sorted(world.estate["protected"])


def test_any_of_several_values_and_all_of_several_tags(world: World) -> None:
    assert ids(select(world, tags={"backup": ["hourly", "nightly"]})) == sorted(world.estate["protected"])
    with pytest.raises(InputError):
        select(world, tags={"backup": "nightly", "app": "nobody"})


def test_by_id_and_missing_ids_are_named_one_by_one(world: World) -> None:
    archive = world.estate["names"]["archive"]
    selection = select(world, volumes=["vol-00000000", archive, "vol-00000001"])
    assert ids(selection) == [archive]
    assert [failure.resource for failure in selection.failures] == ["vol-00000000", "vol-00000001"]
    assert all(failure.code == "action.resource_missing" for failure in selection.failures)
    assert "Take it out" in selection.failures[0].message


def test_by_instance_and_missing_instances_are_named(world: World) -> None:
    selection = select(world, instances=[world.estate["names"]["web-1"], "i-00000000"])
    assert ids(selection) == world.set_of("web-1")
    assert [failure.resource for failure in selection.failures] == ["i-00000000"]


def test_by_instance_and_id_both_must_fit(world: World) -> None:
    names = world.estate["names"]
    selection = select(world, instances=[names["web-1"]], volumes=[names["web-1/sdf"], names["archive"]])
    assert ids(selection) == [names["web-1/sdf"]]


def test_a_zone_is_meant_by_its_name_or_its_id(world: World) -> None:
    name = world.estate["zones"][0]
    by_name = select(world, zone=name)
    by_id = select(world, zone=by_name.zones.id_of(name))
    assert ids(by_name) == ids(by_id)
    assert {volume["AvailabilityZone"] for volume in by_id.volumes} == {name}


def test_a_zone_that_does_not_exist_is_refused_with_those_that_do(world: World) -> None:
    with pytest.raises(InputError, match="us-east-1a"):
        select(world, zone="us-east-1z")


def test_more_ids_than_fit_one_request_are_all_read(world: World) -> None:
    archive = world.estate["names"]["archive"]
    many = [f"vol-{number:017x}" for number in range(400)]
    world.control.reset_calls()
    selection = select(world, volumes=[*many, archive])
    assert ids(selection) == [archive]
    assert len(selection.failures) == len(many)
    assert world.calls()["DescribeVolumes"] == 3


def test_a_volume_that_was_just_made_is_not_selected(world: World) -> None:
    zone = world.estate["zones"][0]
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "backup", "Value": "nightly"}]}]
    made = world.truth().create_volume(AvailabilityZone=zone, Size=1, TagSpecifications=tags)["VolumeId"]
    assert made not in ids(select(world, tags={"backup": "nightly"}))


def test_a_message_names_ten_ids_and_counts_the_others() -> None:
    many = VolumeSelector(volumes=[f"vol-{number:08x}" for number in range(12)], zone="use1-az1")
    assert str(many).endswith("vol-00000009 and 2 more and zone use1-az1")
    assert str(VolumeSelector(tags={"a": ["b", "c"]}, instances=["i-00000001"])) == "tag a=b|c and instances i-00000001"
