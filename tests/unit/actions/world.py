"""One AWS of its own for a test of an action, and the action's way to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.actions.base import Action, StepContext
from chalicelib.aws.clients import Aws
from chalicelib.domain.change import Effect, EffectState, Plan, filled_items
from chalicelib.sandbox.client import Control, VirtualClock
from chalicelib.settings import Limits, Settings

HOME, AWAY = "us-east-1", "us-west-2"
NIGHTLY = {"tags": {"backup": "nightly"}}


@dataclass
class World:
    """One AWS with the estate `small`, and the way of an action to it."""

    control: Control
    clock: VirtualClock
    aws: Aws
    estate: dict[str, Any]
    truths: dict[tuple[str, str], Any] = field(default_factory=dict)

    def truth(self, region: str = HOME, service: str = "ec2") -> Any:
        """Return a client that sees everything at once."""
        if (service, region) not in self.truths:
            self.truths[service, region] = self.control.witness(service, region)
        return self.truths[service, region]

    def ctx(self, run_id: str = "run-1", **more: Any) -> StepContext:
        """Return the context of a step at this moment."""
        now = self.clock.now()
        known = {"run_id": run_id, "step_id": "snapshots", "runbook": "nightly", "region": HOME, "started_at": now}
        return StepContext(**{**known, "now": now, "aws": self.aws, "limits": Limits(), **more})

    def later(self, ctx: StepContext, seconds: float) -> StepContext:
        """Let time pass and return the same step's context then."""
        self.clock.sleep(seconds)
        return replace(ctx, now=self.clock.now())

    def carried_out(
        self, action: Action[Any], plan: Plan, ctx: StepContext, needs: Mapping[str, Effect] | None = None
    ) -> dict[str, Effect]:
        """Apply all changes of a plan in one wave, and observe until all are settled."""
        known = {change.key: action.apply(change, needs or {}, ctx) for change in plan.changes}
        for _ in range(50):
            asked = [(c, known[c.key]) for c in plan.changes if not known[c.key].settled]
            if not asked:
                return known
            ctx = self.later(ctx, 600)
            known |= action.observe(asked, ctx)
        raise AssertionError(f"never settled: {[key for key, effect in known.items() if not effect.settled]}")

    def calls(self) -> dict[str, int]:
        """Return how often each operation was called since the last reset."""
        counted: dict[str, int] = {}
        for row in self.control.calls()["by"]:
            counted[row["operation"]] = counted.get(row["operation"], 0) + row["count"]
        return counted

    def set_of(self, instance: str) -> list[str]:
        """Return the ids of all volumes of an instance of the estate, by its name."""
        names: dict[str, str] = self.estate["names"]
        return sorted(one for name, one in names.items() if name.startswith(f"{instance}/"))

    def points(self, region: str = HOME) -> list[dict[str, Any]]:
        """Return Lifeboat's snapshots in a Region, as they truly are."""
        pages = self.truth(region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        mine = [snapshot for page in pages for snapshot in page["Snapshots"]]
        return [s for s in mine if "lifeboat:effect" in tags_of(s)]


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of what AWS described."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


def items_from(plan: Plan, effects: Mapping[str, Effect], step_id: str = "snapshots") -> list[Any]:
    """Return what a step hands on, through JSON, as a runbook's reference gives it to the next one."""
    filled = [item for c in plan.changes for item in filled_items(c, effects.get(c.key, Effect()), step_id)]
    handed: list[Any] = json.loads(json.dumps(filled))
    return handed


def needs_from(effects: Mapping[str, Effect], step_id: str = "snapshots") -> dict[str, Effect]:
    """Return effects under the names by which later steps know them."""
    return {f"{step_id}/{key}": effect for key, effect in effects.items()}


def in_doubt(ctx: StepContext) -> Effect:
    """Return an effect of which only the intent is known."""
    return Effect(state=EffectState.IN_DOUBT, at=ctx.now)


def plain_context(**more: Any) -> StepContext:
    """Return a step's context without an AWS behind it, for what is pure."""
    now = datetime(2031, 1, 6, 1, 0, tzinfo=UTC)
    known = {"run_id": "run-1", "step_id": "snapshots", "runbook": "nightly", "region": HOME, "started_at": now}
    return StepContext(**{**known, "now": now, "aws": Aws(Settings(region=HOME)), "limits": Limits(), **more})
