"""Covers the runbook itself: its parts, the names of its steps, and that it survives being stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.domain.runbook import AlarmTrigger, EventTrigger, Group, Objectives, Runbook, ScheduleTrigger, Step
from chalicelib.domain.runbook_values import Tolerance
from chalicelib.errors import InputError

FULL: dict[str, Any] = {
    "version": 1,
    "name": "nightly-backup",
    "description": "All of it.",
    "when": [
        {"schedule": "cron(0 3 * * ? *)", "timezone": "Europe/Paris", "max_age": "2h"},
        {"alarm": "db-*", "state": "OK"},
        {"event": {"source": ["aws.health"]}},
    ],
    "inputs": {
        "region": {"type": "region", "default": "us-west-2"},
        "size": {"type": "enum", "choices": ["s", "l"], "default": "s"},
        "volumes": {"type": "volume_ids", "default": []},
    },
    "objectives": {"rpo": "24h", "rto": "90m"},
    "guard": {"regions": ["us-east-1", "us-west-2"], "max_targets": 10, "max_share": "12.5%", "cooldown": "30m"},
    "steps": [
        {"id": "one", "uses": "a.b", "with": {"n": 1, "t": "x", "list": [True, None, 1.5]}, "within": "2h30m"},
        {
            "parallel": [
                {"id": "two", "uses": "a.b", "if": "${{inputs.volumes}}", "tolerate": "10%"},
                {
                    "id": "three",
                    "uses": "a.b",
                    "unless": "${{ inputs.volumes }}",
                    "tolerate": 2,
                    "on_failure": "continue",
                },
            ]
        },
    ],
    "verify": [{"uses": "check.x"}, {"id": "proof", "uses": "check.y"}, {"uses": "check.z"}],
    "on_failure": [{"uses": "notify.send"}],
    "always": [{"uses": "notify.send"}],
}


def full() -> Runbook:
    return Runbook.model_validate(FULL)


def changed(**changes: Any) -> dict[str, Any]:
    return {**FULL, **changes}


def test_a_runbook_survives_being_stored() -> None:
    stored = json.loads(full().model_dump_json(by_alias=True))
    assert Runbook.model_validate(stored) == full()
    assert json.loads(Runbook.model_validate(stored).model_dump_json(by_alias=True)) == stored


def test_the_smallest_runbook_has_safe_defaults() -> None:
    smallest = {
        "version": 1,
        "name": "x",
        "guard": {"regions": ["us-east-1"]},
        "steps": [{"id": "s", "uses": "a.b"}],
    }
    runbook = Runbook.model_validate(smallest)
    assert (runbook.guard.max_targets, runbook.guard.max_share, runbook.guard.cooldown) == (500, 30.0, timedelta())
    assert (runbook.when, runbook.inputs, runbook.objectives.rpo) == ((), {}, None)
    assert runbook.step("s").on_failure == "stop"
    assert Runbook.model_validate(json.loads(runbook.model_dump_json(by_alias=True))) == runbook


def test_steps_without_an_id_are_named_after_their_place() -> None:
    runbook = full()
    assert [step.id for step in runbook.verify] == ["verify-1", "proof", "verify-3"]
    assert [step.id for step in (*runbook.on_failure, *runbook.always)] == ["on_failure-1", "always-1"]


def test_groups_hold_the_steps_of_one_line_together() -> None:
    runbook = full()
    assert [[step.id for step in group] for group in runbook.groups("steps")] == [["one"], ["two", "three"]]
    assert [[step.id for step in group] for group in runbook.groups("verify")] == [
        ["verify-1"],
        ["proof"],
        ["verify-3"],
    ]
    assert runbook.groups("on_failure") == ((runbook.on_failure[0],),)
    assert runbook.groups("always") == ((runbook.always[0],),)


def test_a_step_is_found_by_id_in_every_phase() -> None:
    runbook = full()
    assert [runbook.step(step.id) for step in runbook.all_steps()] == list(runbook.all_steps())
    assert len(runbook.all_steps()) == 8
    with pytest.raises(InputError) as caught:
        runbook.step("four")
    assert caught.value.code == "runbook.no_step"


def test_triggers_lines_and_values_are_typed() -> None:
    runbook = full()
    assert [type(trigger) for trigger in runbook.when] == [ScheduleTrigger, AlarmTrigger, EventTrigger]
    assert [type(line) for line in runbook.steps] == [Step, Group]
    assert runbook.step("one").within == timedelta(hours=2, minutes=30)
    assert runbook.step("two").if_ == "${{ inputs.volumes }}"  # in its one normal form
    assert runbook.step("three").tolerate == Tolerance.model_validate(2)
    assert runbook.objectives.rto == timedelta(minutes=90)


def test_a_runbook_may_be_made_of_its_own_parts() -> None:
    runbook = full()
    assert Runbook.model_validate(changed(steps=list(runbook.steps), when=list(runbook.when))) == runbook


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "Input should be 1"),
        ({"name": "Nightly"}, "pattern"),
        ({"name": "a" * 31}, "at most 30"),
        ({"steps": []}, "at least 1 item"),
        ({"verify": "text"}, "valid tuple"),
        ({"verify": ["text"]}, "dictionary or instance of Step"),
        ({"verify": [{"parallel": []}]}, "directly under 'steps' only"),
        ({"when": [{}]}, "exactly one of the keys"),
        ({"when": ["text"]}, "exactly one of the keys"),
        ({"when": [{"alarm": "a", "event": {}}]}, "exactly one of the keys"),
        ({"when": [{"alarm": "a", "for": "2h"}]}, "at most 1h"),
        ({"when": [{"schedule": "rate(0 days)"}]}, "at least 1"),
        ({"when": [{"schedule": "rate(1 day)", "timezone": "Mars"}]}, "no time zone 'Mars'"),
        ({"guard": {"regions": []}}, "at least 1 item"),
        ({"guard": {"regions": ["us-east-1", "us-east-1"]}}, "stands here twice"),
        ({"steps": [{"id": "s", "uses": "a.b", "on_failure": "undone"}]}, "'stop', 'continue' or 'undo'"),
        ({"steps": [{"id": "s", "uses": "a.b", "if": "always"}]}, "not one reference alone"),
        ({"steps": [{"id": "s", "uses": "a.b", "within": 30}]}, "is not a duration"),
        ({"inputs": {"Upper": {"type": "string"}}}, "pattern"),
    ],
)
def test_a_part_that_is_wrong_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Runbook.model_validate(changed(**change))


def test_objectives_may_be_lengths_of_time_already() -> None:
    day = timedelta(days=1)
    assert Objectives(rpo=day) == Objectives.model_validate({"rpo": "24h"})


def test_what_is_no_mapping_is_no_runbook() -> None:
    with pytest.raises(ValidationError, match="valid dictionary"):
        Runbook.model_validate("text")


def test_a_reserved_wait_that_says_nothing_is_no_error() -> None:
    assert AlarmTrigger.model_validate({"alarm": "a", "for": None}) == AlarmTrigger.model_validate({"alarm": "a"})
