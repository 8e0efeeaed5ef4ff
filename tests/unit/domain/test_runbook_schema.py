"""Covers the JSON Schema for editors: what it accepts, what it marks, and that the stored one is the current one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib.actions.registry import signatures
from chalicelib.domain.runbook_schema import schema
from chalicelib.domain.signature import Signature
from tests.documents.actions import SIGNATURES, Model
from tests.unit.domain.test_runbook import FULL

ROOT = Path(__file__).parents[3]
STORED = ROOT / "docs" / "runbook.schema.json"
VALIDATOR = Draft202012Validator(schema(SIGNATURES))
GOOD: dict[str, Any] = {
    "version": 1,
    "name": "good",
    "guard": {"regions": ["us-east-1"], "max_share": "30%", "cooldown": "0s"},
    "steps": [{"id": "n", "uses": "notify.send", "with": {"topic": "t"}}],
}


def marked(**changes: Any) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors({**GOOD, **changes})]


def step(**changes: Any) -> list[dict[str, Any]]:
    return [{"id": "n", "uses": "notify.send", "with": {"topic": "t"}, **changes}]


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema(SIGNATURES))
    assert schema(SIGNATURES)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_that_editors_read_is_the_current_one() -> None:
    """Run `make docs` when this fails."""
    assert json.loads(STORED.read_text()) == json.loads(json.dumps(schema(signatures())))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"when": FULL["when"], "inputs": FULL["inputs"], "objectives": FULL["objectives"], "guard": FULL["guard"]},
        {"verify": [{"uses": "notify.send", "with": {"topic": "t"}}]},
        {"steps": [{"parallel": step()}]},
        {"steps": step(tolerate="10%")},
        {"steps": step(tolerate=2)},
        {"steps": step(**{"if": "${{ inputs.x }}", "within": "2h", "on_failure": "continue"})},
        {
            "steps": step(
                **{"with": {"topic": "${{ inputs.t }}", "repeat": "${{ inputs.n }}", "urgent": "${{ inputs.u }}"}}
            )
        },
    ],
)
def test_what_is_right_is_not_marked(changes: dict[str, Any]) -> None:
    assert marked(**changes) == []


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"version": 2}, "$.version"),
        ({"naem": "x"}, "$"),
        ({"name": "Not-Kebab"}, "$.name"),
        ({"guard": {}}, "$.guard"),
        ({"guard": {"regions": ["us-east-1"], "max_share": 30}}, "$.guard.max_share"),
        ({"steps": []}, "$.steps"),
        ({"steps": step(uses="notify.sned")}, "$.steps[0]"),
        ({"steps": step(**{"with": {"topik": "t"}})}, "$.steps[0]"),
        ({"steps": step(**{"with": {"topic": "t", "repeat": "often"}})}, "$.steps[0]"),
        ({"steps": [{"id": "n", "uses": "notify.send"}]}, "$.steps[0]"),
        ({"steps": [{"uses": "notify.send", "with": {"topic": "t"}}]}, "$.steps[0]"),
        ({"steps": step(on_failure="undone")}, "$.steps[0]"),
        ({"steps": step(tolerate="some")}, "$.steps[0]"),
        ({"verify": [{"parallel": step()}]}, "$.verify[0]"),
        ({"when": [{"alarm": "x", "for": 5}]}, "$.when[0]"),
    ],
)
def test_what_is_wrong_is_marked_where_it_stands(changes: dict[str, Any], where: str) -> None:
    found = marked(**changes)
    assert found
    assert all(path.startswith(where) for path in found)


def test_keys_carry_the_words_of_their_models() -> None:
    made = schema(SIGNATURES)
    assert (
        made["$defs"]["Guard"]["properties"]["regions"]["description"]
        == "The only Regions in which anything is changed."
    )
    assert made["$defs"]["Step"]["properties"]["with"]["description"].startswith("What the action is given")
    assert "Attributes:" not in json.dumps(made)
    assert made["$defs"]["Guard"]["properties"]["max_share"]["default"] == "30%"


def test_an_action_that_needs_nothing_may_go_without_with() -> None:
    easy = {"notify.send": Signature("notify.send", Model, Model)}
    validator = Draft202012Validator(schema(easy))
    assert list(validator.iter_errors({**GOOD, "steps": [{"id": "n", "uses": "notify.send"}]})) == []


def test_the_same_signatures_give_the_same_schema_in_any_order() -> None:
    turned = dict(reversed(SIGNATURES.items()))
    assert json.dumps(schema(turned)) == json.dumps(schema(SIGNATURES))
