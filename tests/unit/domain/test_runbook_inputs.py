"""Covers typed inputs: declarations, defaults, and what people give."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.domain.runbook import Runbook
from chalicelib.domain.runbook_inputs import InputSpec, check_inputs
from chalicelib.errors import InputError

VOLUME = "vol-0123456789abcdef0"
INSTANCE = "i-0123456789abcdef0"


def declaring(**inputs: dict[str, Any]) -> Runbook:
    return Runbook.model_validate(
        {
            "version": 1,
            "name": "some",
            "inputs": inputs,
            "guard": {"regions": ["us-east-1"]},
            "steps": [{"id": "notice", "uses": "notify.send"}],
        }
    )


@pytest.mark.parametrize(
    ("kind", "given", "typed"),
    [
        ("string", "x", "x"),
        ("integer", "5", 5),
        ("integer", -5, -5),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("boolean", False, False),
        ("duration", "1h30m", "1h30m"),
        ("region", "eu-central-1", "eu-central-1"),
        ("volume_ids", VOLUME, [VOLUME]),
        ("volume_ids", f"{VOLUME}, vol-12345678", [VOLUME, "vol-12345678"]),
        ("volume_ids", [VOLUME], [VOLUME]),
        ("instance_ids", INSTANCE, [INSTANCE]),
    ],
)
def test_texts_and_json_become_the_declared_type(kind: str, given: Any, typed: Any) -> None:
    assert check_inputs(declaring(one={"type": kind}), {"one": given}) == {"one": typed}


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        ("string", 5, "5 is not a text"),
        ("integer", "five", "'five' is not a whole number"),
        ("integer", 5.5, "5.5 is not a whole number"),
        ("integer", True, "true is not a whole number"),
        ("boolean", "yes", "'yes' is not true or false"),
        ("boolean", 1, "1 is not true or false"),
        ("duration", "soon", "'soon' is not a duration"),
        ("duration", 30, "30 is not a duration"),
        ("region", "Frankfurt", "'Frankfurt' is not a Region"),
        ("region", None, "null is not a Region"),
        ("volume_ids", [], "[] is not a list of ids"),
        ("volume_ids", {}, "{} is not a list of ids"),
        ("volume_ids", "*", "'*' is not such an id"),
        ("volume_ids", [5], "5 is not such an id"),
        ("volume_ids", [INSTANCE], f"'{INSTANCE}' is not such an id"),
        ("volume_ids", [VOLUME, VOLUME], "an id stands here twice"),
        ("instance_ids", VOLUME, f"'{VOLUME}' is not such an id"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(kind: str, given: Any, why: str) -> None:
    with pytest.raises(InputError) as caught:
        check_inputs(declaring(one={"type": kind}), {"one": given})
    assert caught.value.code == "input.invalid"
    assert caught.value.message.startswith(f"Input 'one': {why}")


def test_an_enum_takes_its_choices_only() -> None:
    runbook = declaring(size={"type": "enum", "choices": ["small", "large"], "default": "small"})
    assert check_inputs(runbook, {}) == {"size": "small"}
    assert check_inputs(runbook, {"size": "large"}) == {"size": "large"}
    with pytest.raises(InputError, match="'lrge' is not one of its choices; did you mean 'large'"):
        check_inputs(runbook, {"size": "lrge"})


def test_defaults_are_filled_in_and_may_be_an_empty_list_of_ids() -> None:
    runbook = declaring(
        region={"type": "region", "default": "us-west-2"}, volumes={"type": "volume_ids", "default": []}
    )
    assert check_inputs(runbook, {}) == {"region": "us-west-2", "volumes": []}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    runbook = declaring(volumes={"type": "volume_ids"}, count={"type": "integer", "default": 1})
    with pytest.raises(InputError) as caught:
        check_inputs(runbook, {"volume": VOLUME, "count": "x"})
    assert caught.value.details["inputs"] == {
        "volume": "runbook some has no such input; did you mean 'volumes'?",
        "volumes": "is required (volume_ids); give it a value",
        "count": "'x' is not a whole number",
    }


def test_an_input_where_none_are_declared_is_refused() -> None:
    with pytest.raises(InputError, match="no such input; it takes none"):
        check_inputs(declaring(), {"x": "1"})


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"type": "regoin"}, "did you mean 'region'"),
        ({"type": "region", "default": "x"}, "'x' is not a Region"),
        ({"type": "string", "choices": ["a"]}, "choices are for `type: enum` only"),
        ({"type": "enum", "choices": ["a", "a"]}, "a choice stands here twice"),
        ({"type": "regoin", "default": "x", "choices": ["a"]}, "did you mean 'region'"),
    ],
)
def test_a_wrong_declaration_is_refused(declared: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        InputSpec.model_validate(declared)
