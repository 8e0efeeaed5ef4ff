"""Covers references: reading, finding and filling them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.template import Reference, Scope, fill, holds, holes, references_in
from chalicelib.errors import InputError

SCOPE = Scope(
    inputs={"region": "us-west-2", "count": 3, "ids": ["vol-1"], "on": True, "off": False, "none": None, "ratio": 0.5},
    steps={"copies": {"snapshots": [{"item": "a"}], "copies": 2, "state": "succeeded"}},
    run={"id": "r1", "start": datetime(2026, 1, 15, 3, tzinfo=UTC)},
    objectives={"rpo": timedelta(hours=24)},
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ inputs.region }}", "us-west-2"),
        ("${{inputs.count}}", 3),
        ("  ${{ inputs.ids }}  ", ["vol-1"]),
        ("${{ inputs.on }}", True),
        ("${{ inputs.none }}", None),
        ("${{ steps.copies.snapshots }}", [{"item": "a"}]),
        ("${{ steps.copies.state }}", "succeeded"),
        ("${{ run.start }}", "2026-01-15T03:00:00Z"),
        ("${{ objectives.rpo }}", "1d"),
        ("to ${{ inputs.region }}: ${{ inputs.count }}", "to us-west-2: 3"),
        ("${{ inputs.on }}/${{ inputs.off }}", "true/false"),
        ("since ${{ run.start }}, ${{ objectives.rpo }}, ${{ inputs.ratio }}", "since 2026-01-15T03:00:00Z, 1d, 0.5"),
        ("$5 {a} ${b}", "$5 {a} ${b}"),
        (["${{ inputs.count }}", {"k": "${{ inputs.on }}"}], [3, {"k": True}]),
        (("a",), ["a"]),
        (7, 7),
        (None, None),
    ],
)
def test_a_reference_becomes_what_it_stands_for(text: Any, value: Any) -> None:
    assert fill(text, SCOPE) == value


def test_times_of_other_zones_are_written_in_utc() -> None:
    paris = datetime(2026, 1, 15, 4, tzinfo=timezone(timedelta(hours=1)))
    assert fill("${{ run.start }}", Scope(run={"start": paris})) == "2026-01-15T03:00:00Z"


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("${{ inputs.regoin }}", "reference.unresolved", "did you mean 'region'?"),
        ("x ${{ steps.copies.gone }}", "reference.unresolved", "known: copies, snapshots, state"),
        ("${{ steps.skipped.copies }}", "reference.unresolved", "there is no 'skipped'"),
        ("${{ objectives.rto }}", "reference.unresolved", "there is no 'rto'"),
        ("ids ${{ inputs.ids }}", "reference.not_scalar", "let it stand alone"),
        ("none ${{ inputs.none }}", "reference.not_scalar", "let it stand alone"),
        ("${{ inputs.region", "reference.malformed", "not closed"),
        ("${{ a ${{ inputs.region }}", "reference.malformed", "not a reference"),
        ("${{ }}", "reference.malformed", "names joined by dots"),
        ("${{ inputs }}", "reference.malformed", "it is written inputs.<name>"),
        ("${{ inputs.a.b }}", "reference.malformed", "it has 3 names"),
        ("${{ steps.copies }}", "reference.malformed", "it is written steps.<id>.<field>"),
        ("${{ env.HOME }}", "reference.malformed", "it starts with 'env'"),
        ("${{ inputs.a || inputs.b }}", "reference.malformed", "there is no expression language"),
    ],
)
def test_what_cannot_be_resolved_is_an_error_and_never_text(text: str, code: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        fill(text, SCOPE)
    assert caught.value.code == code
    assert why in caught.value.message


def test_a_scope_whose_step_is_no_mapping_resolves_nothing_below_it() -> None:
    broken: Any = Scope(steps={"copies": "text"})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="nothing is known there"):
        fill("${{ steps.copies.state }}", broken)


def test_references_are_found_wherever_they_stand() -> None:
    value = {"a": "${{ inputs.x }}", "b": ["${{ run.id }} and ${{ steps.s.f }}", 5], "c": "none"}
    assert [str(reference) for reference in references_in(value)] == ["inputs.x", "run.id", "steps.s.f"]


def test_holes_say_where_they_are_and_whether_they_are_whole() -> None:
    value = {"a": ["${{ inputs.x }}"], "b": "x ${{ run.id }}", "${{ run.id }}": 1, "c": "${{ x"}
    found = [(hole.path, hole.whole, bool(hole.problem), hole.at_key) for hole in holes(value)]
    assert found == [
        (("a", 0), True, False, False),
        (("b",), False, False, False),
        (("${{ run.id }}",), False, True, True),
        (("c",), False, True, False),
    ]


@pytest.mark.parametrize(
    "text", ["inputs.x", "${{ inputs.x }} ${{ inputs.y }}", "a ${{ inputs.x }}", "", "${{ ${{ x }}"]
)
def test_a_text_that_is_not_one_reference_alone_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a reference"):
        Reference.parse(text)


def test_a_reference_reads_back_from_its_own_text() -> None:
    reference = Reference.parse(" ${{ steps.verify-1.ok }} ")
    assert reference == Reference("steps", ("verify-1", "ok"))
    assert Reference.parse(f"${{{{ {reference} }}}}") == reference


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), (False, False), (0, False), (3, True), ([], False), (["a"], True), (None, False)]
)
def test_a_condition_holds_for_true_numbers_and_lists_with_something_in_them(value: Any, truth: bool) -> None:  # noqa: FBT001
    assert holds(value) is truth


@pytest.mark.parametrize("value", ["false", "", {}, 0.5])
def test_a_condition_is_never_a_text(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        holds(value)
    assert caught.value.code == "reference.not_boolean"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="$"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_holds_no_reference_is_left_as_it_is(value: Any) -> None:
    assert fill(value, SCOPE) == value
    assert references_in(value) == []
