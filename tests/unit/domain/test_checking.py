"""Covers what is checked of a runbook as a whole: actions, what they are given, conditions, ids, triggers, guard."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.checking import check
from chalicelib.domain.runbook import Runbook
from tests.documents.actions import SIGNATURES

CREATE = {"id": "made", "uses": "ebs.create_snapshots", "with": {"select": {"tags": {"a": "b"}}, "policy": "p"}}
COPY = {
    "id": "copied",
    "uses": "ebs.copy_snapshots",
    "with": {"snapshots": "${{ steps.made.snapshots }}", "to_region": "us-west-2"},
}
NOTICE = {"uses": "notify.send", "with": {"topic": "oncall"}}


def told(*steps: Any, **more: Any) -> list[tuple[str, str, str]]:
    runbook = Runbook.model_validate(
        {
            "version": 1,
            "name": "some",
            "guard": {"regions": ["us-east-1", "us-west-2"]},
            "steps": list(steps) or [CREATE],
            **more,
        }
    )
    return [(problem.key, problem.message, problem.hint) for problem in check(runbook, SIGNATURES)]


def giving(step: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {**step, "with": {**step["with"], **given}}


def test_a_good_runbook_has_no_problems() -> None:
    assert told(CREATE, COPY, verify=[NOTICE], on_failure=[NOTICE], always=[NOTICE]) == []


def test_an_unknown_action_is_named_with_what_was_meant() -> None:
    assert told({**CREATE, "uses": "ebs.create_snapshot"}) == [
        ("steps[0].uses", "there is no action 'ebs.create_snapshot'", "did you mean 'ebs.create_snapshots'?")
    ]


def test_a_check_asks_nobody() -> None:
    given = {"select": {"tags": {"a": "b"}}, "since": "run.start"}
    checked = {"uses": "check.recovery_points", "with": given, "approved_in_advance": "I said so"}
    assert told(CREATE, verify=[checked]) == [("verify[0].approved_in_advance", "a check asks nobody", "leave it out")]


def test_outputs_of_an_unknown_action_are_not_judged() -> None:
    steps = ({**CREATE, "uses": "nobody.knows"}, {**COPY, "if": "${{ steps.made.anything }}"})
    assert [key for key, _, _ in told(*steps)] == ["steps[0].uses"]


def test_references_of_an_unknown_action_are_still_checked() -> None:
    step = {"id": "x", "uses": "nobody.knows", "with": {"a": "${{ inputs.gone }}", "b": ["${{ run.id }}"]}}
    assert [key for key, _, _ in told(step)] == ["steps[0].uses", "steps[0].with.a"]


def test_what_an_action_is_given_is_checked_key_by_key() -> None:
    step = {**CREATE, "with": {"select": {"volumes": ["x"]}, "polcy": "p", "consistency": "none"}}
    assert [key for key, _, _ in told(step)] == [
        "steps[0].with.select.volumes[0]",
        "steps[0].with.consistency",
        "steps[0].with.polcy",
    ]


def test_steps_of_a_parallel_group_have_their_own_path() -> None:
    group = {"parallel": [CREATE, {"id": "other", "uses": "gone"}]}
    assert [key for key, _, _ in told(group)] == ["steps[0].parallel[1].uses"]


@pytest.mark.parametrize(
    ("inputs", "value", "problem"),
    [
        ({"type": "region", "default": "us-west-2"}, "${{ inputs.x }}", None),
        ({"type": "string", "default": "us-west-2"}, "${{ inputs.x }}", None),
        ({"type": "string", "default": "a"}, "us-${{ inputs.x }}-1", None),
        ({"type": "enum", "choices": ["us-west-2"], "default": "us-west-2"}, "${{ inputs.x }}", None),
        (
            {"type": "enum", "choices": ["big"], "default": "big"},
            "${{ inputs.x }}",
            "inputs.x is a big, and a Region is wanted here",
        ),
        (
            {"type": "integer", "default": 1},
            "${{ inputs.x }}",
            "inputs.x is a whole number, and a Region is wanted here",
        ),
        (
            {"type": "boolean", "default": True},
            "${{ inputs.x }}",
            "inputs.x is true or false, and a Region is wanted here",
        ),
        (
            {"type": "instance_ids", "default": []},
            "us-${{ inputs.x }}",
            "inputs.x is a list of instance ids and cannot stand inside a text",
        ),
    ],
)
def test_the_type_of_a_reference_must_be_able_to_fit(inputs: dict[str, Any], value: str, problem: str | None) -> None:
    found = told(CREATE, giving(COPY, to_region=value), inputs={"x": inputs})
    assert [message for _, message, _ in found] == ([problem] if problem else [])


def test_a_text_cannot_be_built_where_none_is_wanted() -> None:
    step = {**NOTICE, "id": "n", "with": {"topic": "t", "repeat": "${{ run.id }}0"}}
    assert told(step) == [
        ("steps[0].with.repeat", "a text stands where a whole number is wanted", "let the reference stand alone")
    ]


def test_a_reference_under_an_unknown_key_is_one_problem() -> None:
    assert [key for key, _, _ in told(giving(CREATE, polici="${{ run.id }}"))] == ["steps[0].with.polici"]


def test_a_malformed_reference_is_one_problem_with_its_hint() -> None:
    assert told(giving(CREATE, policy="${{ runs.id }}")) == [
        ("steps[0].with.policy", "'${{ runs.id }}' is not a reference: it starts with 'runs'", "did you mean 'run'?")
    ]


def test_a_reference_cannot_be_a_key() -> None:
    assert told({**NOTICE, "id": "n", "with": {"topic": "t", "${{ run.id }}": 1}}) == [
        ("steps[0].with.${{ run.id }}", "a key cannot be a reference", "")
    ]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("${{ inputs.flag }}", None),
        ("${{ inputs.ids }}", None),
        ("${{ steps.made.points }}", None),
        ("${{ steps.made.snapshots }}", None),
        ("${{ inputs.text }}", "inputs.text is a text, neither true nor false"),
        ("${{ steps.made.state }}", "steps.made.state is a text, neither true nor false"),
        ("${{ run.start }}", "run.start is a time, neither true nor false"),
        ("${{ inputs.gone }}", "there is no input 'gone'"),
        ("${{ steps.copied.copies }}", "a step cannot refer to itself"),
    ],
)
@pytest.mark.parametrize("word", ["if", "unless"])
def test_a_condition_must_be_true_or_false(word: str, condition: str, message: str | None) -> None:
    inputs = {
        "flag": {"type": "boolean", "default": True},
        "ids": {"type": "volume_ids", "default": []},
        "text": {"type": "string", "default": ""},
    }
    found = told(CREATE, {**COPY, word: condition}, inputs=inputs)
    assert (
        found == [] if message is None else [(key, text) for key, text, _ in found] == [(f"steps[1].{word}", message)]
    )


def test_ids_are_unique_over_all_phases() -> None:
    assert [
        (key, message) for key, message, _ in told(CREATE, {**COPY, "id": "made2"}, verify=[{**NOTICE, "id": "made"}])
    ][-1:] == [("verify[0].id", "there are two steps 'made'")]


@pytest.mark.parametrize("taken", ["verify-1", "on_failure-2", "always-9"])
def test_a_name_that_nameless_steps_get_is_taken(taken: str) -> None:
    [(key, message, _)] = told({**CREATE, "id": taken}, verify=[NOTICE])
    assert (key, message) == ("steps[0].id", f"'{taken}' is a name that steps without an id get")


@pytest.mark.parametrize("free", ["verify-it", "verify", "always_1"])
def test_names_that_only_look_like_it_are_free(free: str) -> None:
    assert told({**CREATE, "id": free}) == []


def test_names_of_steps_that_take_back_are_taken() -> None:
    assert told({**CREATE, "id": "undo-made"}) == [
        ("steps[0].id", "'undo-made' is a name that steps which take back get", "take another")
    ]


def test_what_steps_did_is_taken_back_after_steps_and_verify_only() -> None:
    assert told({**CREATE, "on_failure": "undo"}, verify=[{**NOTICE, "on_failure": "undo"}]) == []
    assert told(always=[{**NOTICE, "on_failure": "undo"}]) == [
        ("always[0].on_failure", "nothing is taken back after 'always'", "write stop or continue")
    ]


def test_a_trigger_needs_defaults_because_nobody_is_there() -> None:
    inputs = {"volumes": {"type": "volume_ids"}}
    assert told(inputs=inputs) == []
    [(key, message, _)] = told(inputs=inputs, when=[{"alarm": "x"}])
    assert (key, message) == (
        "inputs.volumes",
        "a trigger starts this runbook, and nobody is there to give input 'volumes'",
    )


def test_an_enum_needs_choices() -> None:
    assert [key for key, _, _ in told(inputs={"size": {"type": "enum"}})] == ["inputs.size"]


def test_a_wrong_event_pattern_is_found_inside_its_trigger() -> None:
    assert told(when=[{"alarm": "x"}, {"event": {"source": [{"prefx": "a"}]}}]) == [
        ("when[1].event.source[0].prefx", "there is no filter 'prefx'", "did you mean 'prefix'?")
    ]


@pytest.mark.parametrize(
    ("to_region", "default", "refused"),
    [
        ("us-west-2", "us-west-2", False),
        ("eu-west-1", "us-west-2", True),
        ("${{ inputs.to }}", "us-west-2", False),
        ("${{ inputs.to }}", "eu-west-1", True),
        ("${{ inputs.to }}", None, False),
        ("${{ run.region }}", "eu-west-1", False),
        ("eu-${{ inputs.to }}", "eu-west-1", False),
    ],
)
def test_a_region_outside_the_guard_is_refused_before_anything_runs(
    to_region: str,
    default: str | None,
    refused: bool,  # noqa: FBT001
) -> None:
    found = told(CREATE, giving(COPY, to_region=to_region), inputs={"to": {"type": "region", "default": default}})
    assert [message for _, message, _ in found] == (
        ["eu-west-1 is not among the Regions that guard.regions allows"] if refused else []
    )


def test_reading_another_region_is_allowed() -> None:
    proof = {
        "uses": "check.recovery_points",
        "with": {"select": {"tags": {"a": "b"}}, "since": "1d", "regions": ["eu-west-1"]},
    }
    assert told(CREATE, verify=[proof]) == []


SITE = {"subnet": "${{ inputs.subnet }}", "security_group": "sg-1", "instance_profile": "drills"}


def test_a_drill_refers_to_inputs_only_and_a_schedule_of_drills_needs_its_place() -> None:
    inputs = {"subnet": {"type": "string", "default": "subnet-1"}}
    when = [{"schedule": "rate(7 days)", "mode": "drill"}]
    assert told(when=when, inputs=inputs, drill=SITE) == []
    assert told(when=when) == [("when[0].mode", "a drill needs a place to restore to", "add a section 'drill'")]
    hint = "write a text, or one reference to an input"
    assert told(drill=SITE) == [("drill.subnet", "inputs.subnet is no input of this runbook", hint)]
    assert told(drill={**SITE, "subnet": "${{ run.id }}"}) == [
        ("drill.subnet", "run.id is no input of this runbook", hint)
    ]
    [(key, _, said)] = told(drill={**SITE, "subnet": "${{ inputs"})
    assert (key, said) == ("drill.subnet", hint)
