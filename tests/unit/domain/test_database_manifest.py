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
        st.builds(
            MemberFacts,
            name=st.text(min_size=1, max_size=10),
            writer=st.booleans(),
            tier=NUMBERS,
            instance_class=WORDS,
            parameter_group=WORDS,
        ),
        max_size=3,
    ).map(tuple),
    min_acu=st.none() | st.sampled_from([0.0, 0.5, 128.0]),
    max_acu=st.none() | st.sampled_from([0.5, 256.0]),
)


@settings(max_examples=100)
@given(MANIFESTS)
def test_what_is_written_is_read_back_and_fits_a_tag(manifest: DatabaseManifest) -> None:
    text = manifest.text()
    assert parse(text) == manifest
    assert re.fullmatch(r"[A-Za-z0-9+\-=._:/@]*", text)
    assert "".join(manifest.chunks()) == text
    assert all(len(chunk) <= 256 for chunk in manifest.chunks())


OLD = "db1@aurora-postgresql@16.8@@aurora@1@@@1@5432@private@sg-1=sg-2@params@@@0@w1/events-1=r/e+2Fx"


def test_points_of_the_first_version_are_read_for_as_long_as_they_are_kept() -> None:
    manifest = parse(OLD)
    assert (manifest.engine, manifest.port, manifest.security_groups) == ("aurora-postgresql", 5432, ("sg-1", "sg-2"))
    assert manifest.members == (MemberFacts(name="events-1", writer=True, tier=1), MemberFacts(name="e/x"))
    assert parse(manifest.text()) == manifest


BROKEN = DatabaseManifest(engine="mysql", size_gib=5).text().replace("@5@", "@many@")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "db1@x",
        "db2@x",
        "db3@x",
        OLD.replace("db1", "db2"),
        "1@i-1@use1-az1",
        DatabaseManifest(engine="mysql").text() + "@x",
        BROKEN,
    ],
)
def test_what_was_changed_by_hand_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a manifest") as refused:
        parse(text)
    assert refused.value.code == "manifest.unreadable"
