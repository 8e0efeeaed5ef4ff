"""What a restore of a database needs, written into tags and read back whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.database_manifest import DatabaseManifest, MemberFacts, parse
from chalicelib.errors import InputError

WORDS = st.text(min_size=0, max_size=20)
NUMBERS = st.none() | st.integers(0, 10**6)
MANIFESTS = st.builds(
    DatabaseManifest,
    engine=st.text(min_size=1, max_size=10),
    version=WORDS,
    instance_class=WORDS,
    size_gib=st.integers(0, 10**6),
    iops=NUMBERS,
    port=NUMBERS,
    multi_az=st.booleans(),
    security_groups=st.lists(st.text(min_size=1, max_size=10), max_size=3).map(tuple),
    parameter_group=WORDS,
    kms_key=st.none() | st.text(min_size=1, max_size=40),
    members=st.lists(
        st.builds(MemberFacts, name=st.text(min_size=1, max_size=10), writer=st.booleans(), tier=NUMBERS), max_size=3
    ).map(tuple),
)


@settings(max_examples=100)
@given(MANIFESTS)
def test_what_is_written_is_read_back_and_fits_a_tag(manifest: DatabaseManifest) -> None:
    text = manifest.text()
    assert parse(text) == manifest
    assert re.fullmatch(r"[A-Za-z0-9+\-=._:/@]*", text)
    assert "".join(manifest.chunks()) == text
    assert all(len(chunk) <= 256 for chunk in manifest.chunks())


BROKEN = DatabaseManifest(engine="mysql", size_gib=5).text().replace("@5@", "@many@")


@pytest.mark.parametrize(
    "text", ["", "db2@x", "1@i-1@use1-az1", DatabaseManifest(engine="mysql").text() + "@x", BROKEN]
)
def test_what_was_changed_by_hand_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a manifest") as refused:
        parse(text)
    assert refused.value.code == "manifest.unreadable"
