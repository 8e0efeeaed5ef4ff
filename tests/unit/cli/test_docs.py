"""`lifeboat schema` and `lifeboat docs`: what is generated from the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chalicelib.actions.registry import ACTIONS
from chalicelib.cli.catalogue import actions_page, type_text
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


def test_every_action_has_its_entry_with_inputs_outputs_and_permissions() -> None:
    page = actions_page()
    for name, action in ACTIONS.items():
        entry = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for field in (*action.given.model_fields, *action.returns.model_fields):
            assert f"| `{field}` |" in entry
        assert all(f"`{permission}`" in entry for permission in action.permissions)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str, "text"),
        (int | None, "number"),
        (list[str], "list of text"),
        (dict[str, str | list[str]], "mapping"),
        (tuple[int, ...] | str, "list of number or text"),
    ],
)
def test_types_are_written_in_words(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text
