"""Covers the words in which errors of the models are told to authors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from chalicelib.domain.complaint import Problem, problems_of, shown
from chalicelib.domain.fitting import shape_of
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.types import Region


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1


class Some(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = ""
    long: Annotated[str, Field(max_length=3)] = ""
    short: Annotated[str, Field(min_length=1)] = "x"
    number: Annotated[int, Field(ge=1, lt=10)] = 1
    above: Annotated[int, Field(gt=0, le=5)] = 1
    flag: bool = False
    region: Region = "us-east-1"
    odd: Annotated[str, Field(pattern="^x+$")] = "x"
    inner: Inner = Inner()
    inners: list[Inner] = Field(default_factory=list)
    union: str | list[str] = ""
    choice: Literal["on", "off"] = "on"
    version: Literal[1] = 1
    names: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = Field(default_factory=dict)
    even: int = 0
    day: Annotated[float, Field(multiple_of=2)] = 0

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("The number is odd; write an even one; or none")
        return value


class Required(BaseModel):
    model_config = ConfigDict(extra="forbid")
    region: Region
    anything: Any


def told(data: Any, model: type[BaseModel] = Some) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return problems_of(caught.value, data, shape_of(model))


@pytest.mark.parametrize(
    ("data", "key", "message", "hint"),
    [
        ({"text": 5}, "text", "5 is not a text", "put it in quotes"),
        ({"text": {}}, "text", "{} is not a text", "write a text"),
        ({"text": None}, "text", "null is not a text", "write a text"),
        ({"long": "abcd"}, "long", "'abcd' is too long", "at most 3 characters"),
        ({"short": ""}, "short", "this is empty", "write something"),
        ({"number": 0}, "number", "0 is out of bounds", "it must be greater than or equal to 1"),
        ({"number": 10}, "number", "10 is out of bounds", "it must be less than 10"),
        ({"above": 0}, "above", "0 is out of bounds", "it must be greater than 0"),
        ({"above": 6}, "above", "6 is out of bounds", "it must be less than or equal to 5"),
        ({"number": "many"}, "number", "'many' is not a whole number", "write for example 5"),
        ({"flag": "perhaps"}, "flag", "'perhaps' is not true or false", "write true or false"),
        ({"region": "x"}, "region", "'x' is not a Region", "write for example us-west-2"),
        ({"odd": "y"}, "odd", "'y' is not written as it must be", "it must match ^x+$"),
        ({"inner": []}, "inner", "[] is not a mapping", "write keys and values"),
        ({"inners": {}}, "inners", "{} is not a list", "write [a, b], or a '-' line for each"),
        ({"inners": [{}, {"size": "x"}]}, "inners[1].size", "'x' is not a whole number", "write for example 5"),
        ({"inner": {"sise": 1}}, "inner.sise", "there is no key 'sise' here", "did you mean 'size'?"),
        ({"inner": {"size": 1, "x": 1}}, "inner.x", "there is no key 'x' here", ""),
        (
            {"union": 5},
            "union",
            "5 is neither a text nor a list",
            "put it in quotes or write [a, b], or a '-' line for each",
        ),
        ({"choice": "onn"}, "choice", "'onn' is not possible here", "did you mean 'on'?"),
        ({"version": "1"}, "version", "'1' is a text here", "write it without quotes"),
        ({"names": {"A": 1}}, "names.A", "'A' cannot be a name", "use a-z, 0-9 and _, and start with a letter"),
        ({"even": 3}, "even", "the number is odd", "write an even one; or none"),
        ({"day": 3}, "day", "input should be a multiple of 2", ""),
    ],
)
def test_each_mistake_is_said_in_plain_words(data: Any, key: str, message: str, hint: str) -> None:
    [problem] = told(data)
    assert (problem.key, problem.message, problem.hint) == (key, message, hint)


def test_a_missing_key_says_what_it_takes() -> None:
    assert [(p.key, p.message, p.hint) for p in told({}, Required)] == [
        ("region", "'region' is missing", "it takes a Region"),
        ("anything", "'anything' is missing", "it takes anything"),
    ]


def test_a_misspelled_key_is_not_also_missing() -> None:
    [problem] = told({"regoin": "us-east-1", "anything": 1}, Required)
    assert (problem.key, problem.hint, problem.at_key) == ("regoin", "did you mean 'region'?", True)


def test_several_mistakes_are_all_told() -> None:
    assert [problem.key for problem in told({"text": 1, "flag": "x", "inner": {"size": "y"}})] == [
        "text",
        "flag",
        "inner.size",
    ]


def test_paths_start_from_the_base() -> None:
    with pytest.raises(ValidationError) as caught:
        Some.model_validate({"text": 1})
    [problem] = problems_of(caught.value, {"text": 1}, shape_of(Some), ("steps", 0, "with"))
    assert problem.key == "steps[0].with.text"


def test_long_values_are_cut() -> None:
    assert shown("x" * 100) == "'" + "x" * 55 + " ..."
    assert shown({"a": [1, None]}) == '{"a": [1, null]}'


def test_what_the_members_of_a_union_say_is_said_once() -> None:
    class Either(BaseModel):
        either: list[int] | tuple[int, ...] | Literal["all"]

    [problem] = told({"either": 5}, Either)
    assert problem.message == "5 is not a list, and 5 is not possible here"
    assert problem.hint == "write [a, b], or a '-' line for each or known: all"


@pytest.mark.parametrize(
    ("change", "key", "message", "hint"),
    [
        (
            {"name": "Not_Kebab"},
            "name",
            "'Not_Kebab' is not written as it must be",
            "words of a-z and 0-9 joined by '-', starting with a letter",
        ),
        (
            {"steps": [{"id": "No!", "uses": "a.b"}]},
            "steps[0].id",
            "'No!' is not written as it must be",
            "words of a-z and 0-9 joined by '_' or '-', starting with a letter",
        ),
        ({"steps": []}, "steps", "at least 1 must be here", "write one"),
        ({"guard": {"regions": ["x"]}}, "guard.regions[0]", "'x' is not a Region", "write for example us-west-2"),
        (
            {"when": [{"schedul": "rate(1 day)"}]},
            "when[0]",
            "a trigger has exactly one of the keys schedule, alarm and event",
            "did you mean 'schedule'?",
        ),
        (
            {"when": ["rate(1 day)"]},
            "when[0]",
            "a trigger has exactly one of the keys schedule, alarm and event",
            "",
        ),
        (
            {"steps": [{"parallel": [{"id": "a", "uses": "b"}], "id": "c"}]},
            "steps[0].id",
            "there is no key 'id' here",
            "",
        ),
    ],
)
def test_mistakes_in_a_runbook_are_said_in_its_own_words(
    change: dict[str, Any], key: str, message: str, hint: str
) -> None:
    smallest = {"version": 1, "name": "x", "guard": {"regions": ["us-east-1"]}, "steps": [{"id": "a", "uses": "b"}]}
    [problem] = told({**smallest, **change}, Runbook)
    assert (problem.key, problem.message, problem.hint) == (key, message, hint)
