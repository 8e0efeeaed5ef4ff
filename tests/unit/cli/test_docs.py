"""`lifeboat schema` and `lifeboat docs`: what is generated from the code."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.unit.cli.conftest import Lifeboat


@pytest.mark.parametrize("subject", ["runbook", "run-record"])
def test_each_schema_is_a_valid_schema(lifeboat: Lifeboat, subject: str) -> None:
    schema = lifeboat("schema", subject).document
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_of_something_else_is_wrong_usage(lifeboat: Lifeboat) -> None:
    assert lifeboat("schema", "weather").code == 2


def test_what_is_written_has_not_drifted(lifeboat: Lifeboat, tmp_path: Path) -> None:
    directory = str(tmp_path / "docs")
    assert lifeboat("docs", "--write", "--dir", directory).code == 0
    again = lifeboat("docs", "--check", "--dir", directory)
    assert (again.code, again.out) == (0, "")


def test_what_drifted_is_named_and_ends_with_1(lifeboat: Lifeboat, tmp_path: Path) -> None:
    lifeboat("docs", "--write", "--dir", str(tmp_path))
    record = tmp_path / "run-record.schema.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "title": "Old"}))
    (tmp_path / "actions.md").unlink()
    ended = lifeboat("docs", "--check", "--dir", str(tmp_path))
    assert ended.code == 1
    assert "run-record.schema.json" in ended.out
    assert "actions.md" in ended.out
    assert "runbook.schema.json" not in ended.out
    assert not (tmp_path / "actions.md").exists()
