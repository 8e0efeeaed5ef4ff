"""Covers the words that authors get: every bad document and its exact messages, which stand beside it.

`tests/documents/bad/<name>.txt` holds what `render` says of `<name>.yaml`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.errors import InputError
from chalicelib.stores.catalog import Catalog, render
from tests.documents.actions import SIGNATURES

BAD = Path(__file__).parents[2] / "documents" / "bad"
DOCUMENTS = sorted(BAD.glob("*.yaml"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_bad_document_gets_exactly_these_messages(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Catalog(BAD, SIGNATURES).load_file(path)
    assert caught.value.code == "runbook.invalid"
    rows = caught.value.details["problems"]
    assert isinstance(rows, list)
    said = render([{**row, "file": path.name} for row in rows])
    assert said == path.with_suffix(".txt").read_text().rstrip("\n")


def test_every_bad_document_has_its_messages_and_the_other_way_round() -> None:
    assert {path.stem for path in DOCUMENTS} == {path.stem for path in BAD.glob("*.txt")}
    assert len(DOCUMENTS) >= 40
