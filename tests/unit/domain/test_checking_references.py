"""Covers what a reference may name, where, and of what type that is."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.checking_references import Known, reference_problem, source_of
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.template import RUN_FIELDS, Reference
from tests.documents.actions import SIGNATURES

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "name": "some",
    "inputs": {
        "size": {"type": "enum", "choices": ["s", "l"], "default": "s"},
        "wait": {"type": "duration", "default": "1h"},
    },
    "objectives": {"rpo": "24h"},
    "guard": {"regions": ["us-east-1"]},
    "steps": [
        {"id": "made", "uses": "ebs.create_snapshots"},
        {"id": "odd", "uses": "nobody.knows"},
        {"parallel": [{"id": "here", "uses": "notify.send"}, {"id": "beside", "uses": "notify.send"}]},
        {"id": "later", "uses": "notify.send"},
    ],
}


def known(beside: set[str] | None = None) -> Known:
    runbook = Runbook.model_validate(DOCUMENT)
    before = {step_id: runbook.step(step_id) for step_id in ("made", "odd")}
    return Known(runbook, SIGNATURES, before, {"here", "beside"} if beside is None else beside)


def reference(text: str) -> Reference:
    return Reference.parse(f"${{{{ {text} }}}}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inputs.size", "s|l"),
        ("inputs.wait", "duration"),
        ("objectives.rpo", "duration"),
        ("run.start", "time"),
        ("run.region", "Region"),
        ("run.id", "text"),
        ("steps.made.snapshots", "list of items"),
        ("steps.made.sets", "whole number"),
        ("steps.made.state", "text"),
    ],
)
def test_what_is_known_has_a_type(text: str, words: str) -> None:
    assert reference_problem(reference(text), known(), ()) is None
    source = source_of(reference(text), known())
    assert source is not None
    assert source.words() == words


def test_every_fact_of_the_run_has_a_type() -> None:
    for name in RUN_FIELDS:
        assert source_of(reference(f"run.{name}"), known()) is not None


def test_the_type_of_an_unknown_actions_output_is_unknown() -> None:
    assert reference_problem(reference("steps.odd.whatever"), known(), ()) is None
    assert source_of(reference("steps.odd.whatever"), known()) is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("inputs.sise", "there is no input 'sise'", "did you mean 'size'?"),
        ("run.ID", "there is no fact of the run called 'ID'", "did you mean 'id'?"),
        ("objectives.rto", "this runbook states no rto", "write objectives: {rto: 24h}"),
        ("objectives.rpoo", "there is no objective 'rpoo'", "did you mean 'rpo'?"),
        ("steps.mad.sets", "there is no step 'mad'", "did you mean 'made'?"),
        ("steps.made.set", "step 'made' (ebs.create_snapshots) returns no 'set'", "did you mean 'sets'?"),
        ("steps.later.state", "step 'later' comes later", "refer to a step that stands above"),
        ("steps.beside.state", "step 'beside' runs at the same time", "refer to a step that stands above"),
    ],
)
def test_what_is_not_known_by_then_is_named(text: str, message: str, hint: str) -> None:
    problem = reference_problem(reference(text), known(), ("steps", 2))
    assert problem is not None
    assert (problem.path, problem.message, problem.hint) == (("steps", 2), message, hint)


def test_a_step_alone_cannot_refer_to_itself() -> None:
    problem = reference_problem(reference("steps.here.state"), known({"here"}), ())
    assert problem is not None
    assert problem.message == "a step cannot refer to itself"


def test_where_nothing_stands_above_or_is_declared_that_is_said() -> None:
    bare = Runbook.model_validate({**DOCUMENT, "inputs": {}})
    nothing = Known(bare, SIGNATURES)
    step, given = (reference_problem(reference(text), nothing, ()) for text in ("steps.x.state", "inputs.x"))
    assert step is not None
    assert given is not None
    assert (step.hint, given.hint) == ("no step stands above", "this runbook declares none")
