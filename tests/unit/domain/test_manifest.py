"""The manifest of a recovery point: small, safe in tags, and read back as it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.manifest import CHUNK, Manifest, VolumeFacts, parse
from chalicelib.errors import InputError

TAG_SAFE = re.compile(r"[A-Za-z0-9+\-=._:/@]*")  # what every AWS service accepts in a tag value, but for the space
NUMBERS = st.none() | st.integers(min_value=0, max_value=400_000)
VOLUMES = st.builds(
    VolumeFacts,
    volume_id=st.from_regex(r"vol-[0-9a-f]{17}", fullmatch=True),
    device=st.text(max_size=20),
    type=st.sampled_from(["gp3", "io2", "st1", "a type of the future"]),
    size_gib=st.integers(min_value=0, max_value=65_536),
    iops=NUMBERS,
    throughput_mib_s=NUMBERS,
    boot=st.booleans(),
    multi_attach=st.booleans(),
)
KEYS = st.sampled_from([f"arn:aws:kms:us-east-1:123456789012:key/{number}" for number in range(3)])


@st.composite
def volumes(draw: st.DrawFn) -> VolumeFacts:
    encrypted = draw(st.booleans())
    key = draw(st.none() | KEYS) if encrypted else None
    return draw(VOLUMES).model_copy(update={"encrypted": encrypted, "kms_key": key})


MANIFESTS = st.builds(
    Manifest,
    instance_id=st.none() | st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True),
    zone_id=st.text(max_size=20),
    volumes=st.lists(volumes(), max_size=12).map(tuple),
)


@settings(deadline=None, max_examples=50)
@given(MANIFESTS)
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    assert parse(manifest.text()) == manifest


@settings(deadline=None, max_examples=50)
@given(MANIFESTS)
def test_chunks_fit_into_tags_and_join_to_the_text(manifest: Manifest) -> None:
    chunks = manifest.chunks()
    assert "".join(chunks) == manifest.text()
    assert all(0 < len(chunk) <= CHUNK and TAG_SAFE.fullmatch(chunk) for chunk in chunks)


@pytest.mark.parametrize("device", ["~", "/dev/sd a", "a=b@c", "+%", "gerät", "_-.:/"])
def test_odd_device_names_are_safe_in_tags_and_read_back(device: str) -> None:
    manifest = Manifest(volumes=(VolumeFacts(volume_id="vol-00000001", device=device),))
    assert TAG_SAFE.fullmatch(manifest.text())
    assert parse(manifest.text()) == manifest


def full_set(count: int) -> Manifest:
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    facts: Mapping[str, object] = {"device": "/dev/nvme10n1", "type": "io2", "size_gib": 65536, "iops": 256000}
    each = (
        VolumeFacts.model_validate({"volume_id": f"vol-{number:017x}", "encrypted": True, "kms_key": key, **facts})
        for number in range(count)
    )
    return Manifest(instance_id="i-0123456789abcdef0", zone_id="use1-az1", volumes=tuple(each))


def test_the_largest_set_leaves_room_for_other_tags() -> None:
    assert len(full_set(40).chunks()) <= 12  # of 50


def test_a_copy_carries_its_own_volume_only() -> None:
    whole = full_set(3)
    one = whole.only("vol-00000000000000001")
    assert [volume.volume_id for volume in one.volumes] == ["vol-00000000000000001"]
    assert (one.instance_id, one.zone_id) == (whole.instance_id, whole.zone_id)
    assert len(one.chunks()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2@i-1@use1-az1",
        "1@i-1",
        "1@@use1-az1=vol-00000001",
        "1@@use1-az1=vol-00000001@/dev/sdf@gp3@many@3000@125@d-",
        "1@@use1-az1=vol-00000001@/dev/sdf@gp3@8@3000@125@d0",
        "1@@use1-az1=vol-00000001@/dev/sdf@gp3@8@3000@125@",
        "1@@use1-az1=sda1@/dev/sdf@gp3@8@3000@125@d-",
    ],
)
def test_what_is_not_a_manifest_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code == "manifest.unreadable"
