"""Who protects what: only scheduled runbooks, with their inputs' defaults, and nothing that only a run can know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.protection import protections, unwatched
from chalicelib.domain.runbook import Runbook

MAKE: dict[str, Any] = {"id": "s", "uses": "ebs.create_snapshots"}
NIGHTLY = [{"schedule": "cron(0 3 * * ? *)"}]


def book(given: dict[str, Any], **more: Any) -> Runbook:
    guard = {"regions": ["us-east-1"], "max_targets": 1}
    steps = [{**MAKE, "with": given}]
    whole = {"version": 1, "name": "nightly", "description": "d", "guard": guard, "when": NIGHTLY, "steps": steps}
    return Runbook.model_validate({**whole, **more})


def test_a_scheduled_step_protects_what_it_selects_with_the_defaults_of_its_inputs() -> None:
    tier = {"tier": {"type": "string", "default": "gold"}}
    given = {"select": {"tags": {"tier": "${{ inputs.tier }}"}}, "policy": "p", "region": "eu-west-1"}
    [one] = protections([book(given, inputs=tier, objectives={"rpo": "24h"})], "us-east-1")
    assert one.select == {"tags": {"tier": "gold"}}
    assert (one.runbook, one.service, one.region, one.policy) == ("nightly", "ebs", "eu-west-1", "p")
    assert one.rpo == timedelta(hours=24)


def test_what_has_no_schedule_or_cannot_be_known_beforehand_protects_nothing() -> None:
    given = {"select": {"volumes": "${{ inputs.volumes }}"}, "policy": "p"}
    needed = {"volumes": {"type": "volume_ids"}}
    by_run = {"select": {"tags": {"run": "${{ run.id }}"}}, "policy": "p"}
    books = [book({"select": {}, "policy": "p"}, when=[]), book(given, inputs=needed), book(by_run)]
    assert protections(books, "us-east-1") == []


SELECT = {"select": {"tags": {"tier": "gold"}}, "policy": "p"}


def copy(step: str, of: str, to: str, **more: Any) -> dict[str, Any]:
    given = {"snapshots": f"${{{{ steps.{of}.snapshots }}}}", "to_region": to, "kms_key": "alias/x"}
    return {"id": step, "uses": "ebs.copy_snapshots", "with": given, **more}


def with_copies(*copies: dict[str, Any], **more: Any) -> Runbook:
    return book({}, steps=[{**MAKE, "with": SELECT}, *copies], **more)


def test_points_are_to_be_wherever_they_are_copied_to_also_by_way_of_another_region() -> None:
    away = {"away": {"type": "region", "default": "us-west-2"}}
    copies = [copy("c", "s", "${{ inputs.away }}"), copy("d", "c", "eu-west-1"), copy("e", "s", "us-east-1")]
    many = [{**MAKE, "id": "t", "with": SELECT}, copy("f", "t", "sa-east-1")]
    [one, other] = protections([with_copies(*copies, *many, inputs=away)], "us-east-1")
    assert (one.step, one.away) == ("s", ("eu-west-1", "us-west-2"))
    assert (other.step, other.away) == ("t", ("sa-east-1",))


@pytest.mark.parametrize(
    ("condition", "away"),
    [
        ({"if": "${{ inputs.far }}"}, ()),
        ({"unless": "${{ inputs.far }}"}, ("us-west-2",)),
        ({"if": "${{ inputs.near }}"}, ("us-west-2",)),
        ({"unless": "${{ inputs.near }}"}, ()),
    ],
)
def test_a_step_that_schedules_skip_is_not_counted_on(condition: dict[str, str], away: tuple[str, ...]) -> None:
    inputs = {name: {"type": "boolean", "default": name == "near"} for name in ("far", "near")}
    [one] = protections([with_copies(copy("c", "s", "us-west-2", **condition), inputs=inputs)], "us-east-1")
    assert one.away == away


def test_what_only_a_run_can_know_is_named_with_the_reason() -> None:
    by_run = {"select": {"tags": {"run": "${{ run.id }}"}}, "policy": "p"}
    copies = with_copies(copy("c", "s", "${{ run.region }}"))
    books = [book(by_run), copies, book(by_run, when=[])]
    assert [(one.step, "run.id" in one.why) for one in unwatched(books, "us-east-1")] == [("s", True), ("c", False)]
    assert [one.away for one in protections(books, "us-east-1")] == [()]
