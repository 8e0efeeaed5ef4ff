"""Covers documents that nobody thought of: whatever stands in a runbook, it loads or is refused with a position."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.runbook import Runbook
from chalicelib.errors import InputError
from chalicelib.stores.catalog import compiled
from chalicelib.stores.yaml_strict import Path as Keys
from chalicelib.stores.yaml_strict import read
from tests.documents.actions import SIGNATURES
from tests.unit.domain.test_runbook import FULL

NIGHTLY = read((Path(__file__).parents[3] / "runbooks" / "nightly-backup.yaml").read_bytes()).value
DOCUMENTS: tuple[dict[str, Any], ...] = (FULL, NIGHTLY)

KEYS = ("id", "uses", "with", "parallel", "steps", "when", "alarm", "<step>", "[key]", "$or", "$ref", "<<")
TEXTS = ("", "1%", "5m", "us-east-1", "\u00e9\t", "2030-01-01", "${{ inputs.x }}", "${{ run.id }} x", "${{", "yes")
WORDS = st.sampled_from([*KEYS, *TEXTS, "${{ steps.snapshots.snapshots }}"])
LEAVES = (
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)) | WORDS
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


def paths(value: Any, path: Keys = ()) -> Iterator[Keys]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def replaced(value: Any, path: Keys, by: Any) -> Any:
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    document: Any = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(1, 2))):
        document = replaced(document, draw(st.sampled_from(list(paths(document)))), draw(ANYTHING))
    return document


@settings(deadline=None, max_examples=100)
@given(damaged())
def test_a_damaged_runbook_loads_or_is_refused_with_a_position(document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False)
    try:
        runbook = compiled(text, SIGNATURES, file="x.yaml")
    except InputError as error:
        rows = error.details["problems"]
    else:
        assert Runbook.model_validate(json.loads(runbook.model_dump_json(by_alias=True))) == runbook
        return
    assert isinstance(rows, list)
    assert rows
    assert all(row["line"] == 1 and 1 <= row["column"] <= len(text) and row["message"] for row in rows)
