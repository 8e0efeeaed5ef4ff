"""Lifeboat's tags among everybody's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws import tags
from chalicelib.domain.manifest import Manifest, VolumeFacts
from chalicelib.errors import InputError

KEYS = st.text(min_size=1, max_size=12) | st.sampled_from(["aws:x", "lifeboat:run", "lifeboat:x", "Name"])
TAGS = st.dictionaries(KEYS, st.text(max_size=5), max_size=60)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=20), TAGS)
def test_own_tags_win_and_there_are_never_more_than_fifty(count: int, user: dict[str, str]) -> None:
    own = {f"lifeboat:own-{number}": "x" for number in range(count)}
    together, dropped = tags.merged(own, user)
    assert own.items() <= together.items()
    assert len(together) <= tags.TAGS_PER_RESOURCE
    assert not any(key.startswith("aws:") for key in together)
    assert {key for key in together if key.startswith("lifeboat:")} == set(own)
    assert set(dropped) | set(together) == set(own) | set(tags.of_user(user))
    assert not set(dropped) & set(together)


def test_the_first_tags_by_name_are_kept() -> None:
    user = {f"key{number:02}": "" for number in range(51)}
    _, dropped = tags.merged({"lifeboat:run": "r"}, user)
    assert dropped == ("key49", "key50")


def test_a_manifest_of_many_chunks_is_put_together_in_order() -> None:
    volumes = tuple(VolumeFacts(volume_id=f"vol-{number:017x}", device=f"/dev/sd{number}") for number in range(80))
    manifest = Manifest(zone_id="use1-az1", volumes=volumes)
    written = tags.manifest_tags(manifest)
    assert len(written) > 10  # 10 sorts before 2 as text
    assert tags.manifest_of(dict(reversed(written.items()))) == manifest


def test_a_resource_without_a_manifest_has_none() -> None:
    assert tags.manifest_of({"lifeboat:manifest.x": "?", "Name": "web"}) is None


def test_a_manifest_that_lacks_a_chunk_is_refused() -> None:
    volumes = tuple(VolumeFacts(volume_id=f"vol-{number:017x}") for number in range(20))
    written = tags.manifest_tags(Manifest(volumes=volumes))
    with pytest.raises(InputError, match="changed by hand"):
        tags.manifest_of({key: value for key, value in written.items() if key != "lifeboat:manifest.0"})


def test_tags_are_read_from_what_aws_describes() -> None:
    assert tags.of({"Tags": [{"Key": "a", "Value": "b"}, {"Key": "c"}]}) == {"a": "b", "c": ""}
    assert tags.of({}) == {}


def test_tags_are_sent_sorted_with_the_snapshot() -> None:
    [specification] = tags.for_snapshot({"b": "2", "a": "1"})
    assert specification == {
        "ResourceType": "snapshot",
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    }


def test_a_point_in_time_is_written_in_utc_and_never_newer_than_it_is() -> None:
    paris = timezone(timedelta(hours=1))
    text = tags.iso(datetime(2031, 1, 6, 4, 0, 0, 999_999, tzinfo=paris))
    assert text == "2031-01-06T03:00:00Z"
    assert tags.point_time(text) == datetime(2031, 1, 6, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2031-01-06"])
def test_what_is_no_point_in_time_is_none(text: str) -> None:
    assert tags.point_time(text) is None


@pytest.mark.parametrize(("text", "size"), [("3", 3), ("", 1), ("0", 1), ("many", 1), ("-2", 1)])
def test_a_set_size_that_makes_no_sense_is_one(text: str, size: int) -> None:
    assert tags.set_size({tags.SET_SIZE: text}) == size
    assert tags.set_size({}) == 1
