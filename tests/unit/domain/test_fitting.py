"""Covers whether a value of one type can stand where another is wanted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from chalicelib.domain.fitting import Shape, can_fit, one_of, shape_of, with_article
from chalicelib.domain.types import Duration, InstanceId, Region, SnapshotId, VolumeId


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    volume: VolumeId
    note: str = ""


class Twin(BaseModel):
    model_config = ConfigDict(extra="forbid")
    volume: VolumeId


class Stranger(BaseModel):
    model_config = ConfigDict(extra="forbid")
    volume: int


class Needy(BaseModel):
    volume: VolumeId
    more: str


class Tree(BaseModel):
    children: list[Tree]


class Types(BaseModel):
    text: str
    maybe: str | None
    number: int
    decimal: float
    flag: bool
    region: Region
    volume: VolumeId
    volumes: list[VolumeId]
    instances: list[InstanceId]
    texts: list[str]
    anything: Any
    things: list[Any]
    flags: list[bool]
    part: Part
    parts: list[Part]
    parts_or_ids: list[Part | SnapshotId]
    twin: Twin
    stranger: Stranger
    needy: Needy
    mapping: dict[str, Any]
    named: dict[str, Region]
    size: Literal["small", "large"]
    other_size: Literal["tiny", "large"]
    one_size: Literal["tiny"]
    wait: Duration
    wait_or_word: Literal["objective"] | Duration
    when: datetime
    nothing: None
    tree: Tree
    tagged: dict[str, str | list[str]]
    pair: tuple[int, int]


def of(name: str) -> Shape:
    whole = shape_of(Types)
    return whole.to(whole.schema["properties"][name])


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        ("text", "text", True),
        ("maybe", "text", True),
        ("text", "maybe", True),
        ("nothing", "maybe", False),
        ("text", "number", False),
        ("number", "text", False),
        ("number", "decimal", True),
        ("decimal", "number", False),
        ("flag", "number", False),
        ("anything", "region", True),
        ("region", "anything", True),
        ("region", "text", True),
        ("text", "region", True),
        ("region", "volume", False),
        ("volume", "region", False),
        ("region", "wait", False),
        ("wait", "wait_or_word", True),
        ("when", "wait_or_word", False),
        ("when", "text", True),
        ("text", "when", True),
        ("when", "when", True),
        ("region", "when", False),
        ("size", "other_size", True),
        ("size", "one_size", False),
        ("size", "region", False),
        ("text", "size", True),
        ("size", "text", True),
        ("volumes", "instances", False),
        ("volumes", "texts", True),
        ("texts", "volumes", True),
        ("things", "volumes", True),
        ("volume", "volumes", False),
        ("parts", "parts_or_ids", True),
        ("volumes", "parts_or_ids", False),
        ("part", "part", True),
        ("part", "twin", False),  # one key too many
        ("twin", "part", True),
        ("twin", "stranger", False),  # another type under the same key
        ("twin", "needy", False),  # one key too few
        ("mapping", "part", True),
        ("part", "mapping", True),
        ("tree", "tree", True),
    ],
)
def test_only_what_could_work_fits(source: str, target: str, fits: bool) -> None:  # noqa: FBT001
    assert can_fit(of(source), of(target)) is fits


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text", "text"),
        ("maybe", "text"),
        ("number", "whole number"),
        ("decimal", "number"),
        ("flag", "true or false"),
        ("region", "Region"),
        ("volumes", "list of volume ids"),
        ("things", "list"),
        ("flags", "list"),
        ("part", "part"),
        ("parts_or_ids", "list of parts or snapshot ids"),
        ("mapping", "mapping"),
        ("size", "small|large"),
        ("wait_or_word", "objective or duration"),
        ("when", "time"),
        ("anything", "anything"),
        ("nothing", "nothing"),
        ("pair", "list"),
    ],
)
def test_a_type_is_said_in_words(name: str, words: str) -> None:
    assert of(name).words() == words


def test_articles_suit_their_words() -> None:
    assert [with_article(words) for words in ("instance id", "text", "anything")] == [
        "an instance id",
        "a text",
        "anything",
    ]
    assert one_of([]) == ""
    assert one_of([of("text"), of("text"), of("number")]) == "a text or whole number"


def test_a_path_leads_through_keys_items_and_alternatives() -> None:
    whole = shape_of(Types)
    assert [shape.words() for shape in whole.at(("parts_or_ids", 0, "volume"))] == ["volume id"]
    assert [shape.words() for shape in whole.at(("named", "any key"))] == ["Region"]
    assert [shape.words() for shape in whole.at(("tagged", "k", 3))] == ["text"]
    assert whole.at(("no such key",)) == []
    assert whole.at(("text", 0)) == []


def test_kinds_are_empty_when_anything_is_allowed() -> None:
    assert of("anything").kinds() == set()
    assert of("maybe").kinds() == {"string", "null"}


def test_fixed_keys_are_those_of_every_alternative() -> None:
    assert of("part").fixed_keys() == {"volume", "note"}
    assert of("mapping").fixed_keys() == set()


@pytest.mark.parametrize(
    ("schema", "words"),
    [({"const": "a"}, "a"), ({"enum": [1, 2]}, "1|2"), ({}, "anything"), ({"type": ["a", "b"]}, "anything")],
)
def test_schemas_of_other_makers_are_understood(schema: dict[str, Any], words: str) -> None:
    assert Shape(schema).words() == words
    assert can_fit(Shape({"const": "a"}), Shape({"const": "a"}))
