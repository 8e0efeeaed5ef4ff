"""Who protects what: only scheduled runbooks, with their inputs' defaults, and nothing that only a run can know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.domain.protection import protections
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
