"""What a preview shows, and that it neither changes nor records anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.actions.base import StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Failure, Forecast, Plan, Question
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.preview import StepPreview, preview, summed
from chalicelib.errors import ActionError, InputError
from chalicelib.settings import Settings
from tests.fakes import REGION, FakeClock, MakeThings, ThingsGiven, World, toy_actions, toy_runbook

SETTINGS = Settings(region=REGION, retry_mode="standard")
MAKE = {"id": "things", "uses": "toy.make_things", "with": {"names": ["a", "b"]}}
COPY = {"id": "copies", "uses": "toy.make_things", "with": {"things": "${{ steps.things.things }}"}}


def previewed(world: World, given: dict[str, Any] | None = None, **book: Any) -> dict[str, StepPreview]:
    runbook = Runbook.model_validate(toy_runbook(**book))
    actions = toy_actions(world)
    steps = preview(runbook, given or {}, Aws(SETTINGS), actions, SETTINGS, world.clock.now())
    assert world.applied == []
    return {step.id: step for step in steps}


def a_world() -> World:
    return World(FakeClock())


def test_every_change_is_shown_and_a_check_is_left_for_later() -> None:
    steps = previewed(a_world())
    assert [change.resource for change in steps["things"].changes] == ["a", "b", "c"]
    assert steps["verify-1"].status == "checked_later"


def test_a_step_that_consumes_anothers_items_is_planned_from_what_that_one_would_make() -> None:
    steps = previewed(a_world(), steps=[MAKE, COPY], verify=[])
    assert [change.after for change in steps["copies"].changes] == [("things/a",), ("things/b",)]


def test_a_later_step_sees_the_outputs_that_are_known_before_the_run() -> None:
    last = {**MAKE, "id": "more", "if": "${{ steps.things.total }}"}
    assert previewed(a_world(), steps=[MAKE, last], verify=[])["more"].status == "planned"
    none = {**MAKE, "with": {"names": []}}
    assert previewed(a_world(), steps=[none, last], verify=[])["more"].status == "skipped"


def test_what_would_be_asked_is_shown_and_so_is_what_is_approved_in_advance() -> None:
    world = a_world()
    world.ask = Question(reason="unusual")
    advance = {**MAKE, "approved_in_advance": "drilled"}
    asks = previewed(world, steps=[MAKE], verify=[])["things"]
    assert (asks.status, asks.ask, asks.in_advance) == ("planned", world.ask, "")
    assert previewed(world, steps=[advance], verify=[])["things"].in_advance == "drilled"
    world.ask = Question(reason="unusual", choices=("a", "b"))
    assert previewed(world, steps=[advance], verify=[])["things"].in_advance == ""
    world.ask = None
    assert previewed(world, steps=[advance], verify=[])["things"].in_advance == ""


def test_a_condition_on_an_input_decides() -> None:
    step = {**MAKE, "unless": "${{ inputs.quiet }}"}
    inputs = {"quiet": {"type": "boolean", "default": False}}
    assert previewed(a_world(), {"quiet": True}, inputs=inputs, steps=[step])["things"].status == "skipped"
    assert previewed(a_world(), {"quiet": False}, inputs=inputs, steps=[step])["things"].status == "planned"


def test_what_only_a_check_can_tell_is_unknown_and_no_error() -> None:
    check = {"id": "look", "uses": "check.things", "with": {"names": ["a"]}}
    step = {**MAKE, "if": "${{ steps.look.total }}"}
    found = previewed(a_world(), steps=[check, step], verify=[])["things"]
    assert (found.status, found.code) == ("unknown", "")
    assert "${{ steps.look.total }}" in found.message


def test_what_a_skipped_step_would_have_told_is_an_error_as_in_the_run() -> None:
    inputs = {"quiet": {"type": "boolean", "default": True}}
    skipped = {**MAKE, "unless": "${{ inputs.quiet }}"}
    last = {**MAKE, "id": "more", "if": "${{ steps.things.total }}"}
    found = previewed(a_world(), {"quiet": True}, inputs=inputs, steps=[skipped, last], verify=[])["more"]
    assert (found.status, found.code) == ("failed", "reference.unresolved")


def test_an_error_of_a_step_is_told_and_what_needs_it_says_so() -> None:
    world = a_world()
    world.plan_error = InputError("action.nothing_selected", "Nothing is tagged so.")
    after = {**COPY, "id": "again", "with": {"things": "${{ steps.copies.things }}"}}
    steps = previewed(world, steps=[MAKE, COPY, after], verify=[])
    assert (steps["things"].status, steps["things"].code) == ("failed", "action.nothing_selected")
    assert steps["things"].wrong_input
    assert steps["copies"].message == "needs what step 'things' makes, which cannot be planned"
    assert steps["again"].message == "needs what step 'copies' makes, which cannot be planned"


def test_a_refusal_of_aws_is_no_wrong_input() -> None:
    world = a_world()
    world.plan_error = ActionError("aws.denied", "Not allowed.")
    found = previewed(world)["things"]
    assert (found.status, found.wrong_input) == ("failed", False)


def test_an_action_that_tries_to_write_while_it_plans_is_refused_before_anything_is_sent() -> None:
    class Eager(MakeThings):
        def plan(self, given: ThingsGiven, ctx: StepContext) -> Plan:
            ctx.aws.sns(ctx.region, "write").create_topic(Name="never")
            return super().plan(given, ctx)

    world, runbook = a_world(), Runbook.model_validate(toy_runbook(steps=[MAKE], verify=[]))
    [found] = preview(runbook, {}, Aws(SETTINGS), {Eager.name: Eager(world)}, SETTINGS, world.clock.now())
    assert (found.status, found.code) == ("refused", "aws.read_only")


def test_the_guard_judges_each_step_and_the_others_are_planned_all_the_same() -> None:
    guard = {"regions": [REGION], "max_targets": 2}
    more = {**MAKE, "id": "more", "with": {"names": ["a", "b", "c"]}}
    steps = previewed(a_world(), guard=guard, steps=[more, MAKE])
    assert (steps["more"].status, steps["more"].code) == ("refused", "guard.max_targets")
    assert steps["more"].changes == ()
    assert steps["things"].status == "planned"


def test_what_a_plan_says_would_fail_is_in_the_preview() -> None:
    world = a_world()
    world.plan_failures = (Failure(resource="z", code="action.gone", message="z is gone"),)
    assert previewed(world)["things"].failures == world.plan_failures


def test_the_sum_takes_groups_one_after_another_and_leaves_out_what_follows_a_failure() -> None:
    runbook = Runbook.model_validate(toy_runbook())

    def step(phase: str, group: int, hours: int) -> StepPreview:
        forecast = Forecast(data_gib=10, duration=timedelta(hours=hours))
        found = previewed(a_world())["things"]
        return found.model_copy(update={"phase": phase, "group": group, "forecast": forecast})

    steps = [step("steps", 0, 1), step("steps", 0, 3), step("steps", 1, 2), step("on_failure", 2, 9)]
    total = summed(runbook, {}, REGION, steps, a_world().clock.now(), {("ec2", "DescribeVolumes", REGION): 2})
    assert total.duration == timedelta(hours=5)
    assert total.data_gib == 30
    assert total.changes == {"create": 9}
    assert total.resources == 3
    assert total.calls[0].count == 2
