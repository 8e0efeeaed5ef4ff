"""What restoring a database from a point and to a time have in common: all but the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.rds_restore_given import Placement, RestoredOutput
from chalicelib.actions.rds_restore_watch import LOOK, resource_of, reviewed, watched
from chalicelib.actions.rds_selection import by_kind
from chalicelib.aws import tags
from chalicelib.aws.sending import send
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState
from chalicelib.domain.recovery import Recovery, shown
from chalicelib.errors import ActionError

GONE = frozenset({"DBInstanceNotFound", "DBClusterNotFoundFault"})
P = TypeVar("P", bound=Placement)


class Restoring(Action[P]):
    """An action that renames old databases away and makes new ones, each call as its change says."""

    returns: ClassVar[type[ActionModel]] = RestoredOutput
    within: ClassVar[timedelta] = timedelta(hours=12)
    review_every_s: ClassVar[int | None] = 0
    lease: ClassVar[str | None] = "database"
    rehearsable: ClassVar[bool] = True
    later: ClassVar[tuple[str, ...]] = ("rds.delete_restored", "rds.name_back")

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - what comes before is read in AWS
        return reviewed(changes, ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        [call] = self.calls_for(change, ctx)
        try:
            send(ctx.aws, call.service, call.region, call.operation, call.params, change.resource)
        except ActionError as error:
            if change.params["what"] != "rename" or error.details.get("aws_code") not in GONE:
                raise
            gone = f"{change.resource} is gone; its name is free."
            return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now, message=gone)
        made = change.resource if change.params["what"] == "rename" else resource_of(change)
        facts: dict[str, Any] = {"effect": ctx.effect_id(change.key)}
        return Effect(state=EffectState.PENDING, id=made, at=ctx.now, due=ctx.now + LOOK, facts=facts)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        planned: Mapping[str, Any] = change.params
        params = dict(planned["call"])
        if planned["what"] != "rename":
            own = {**planned["tags"], tags.EFFECT: ctx.effect_id(change.key), tags.RUN: ctx.run_id}
            params["Tags"] = tags.listed(own)
        return (ApiCall("rds", str(change.params["operation"]), change.region, params),)

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002 - all is recorded
        if change.params["what"] == "rename":
            return _named_back(change, effect)
        made, resource_id, mine = resource_of(change), effect.facts.get("resource_id"), effect.facts.get("effect")
        if not resource_id or not mine:
            return Undo(
                cannot=f"{made} was asked for, and AWS never told its id: look whether it is there, whether its tag "
                f"{tags.RUN} names this run, and delete it by hand."
            )
        deletion = Change(
            key=f"delete/{made}",
            kind=ChangeKind.DELETE,
            resource=made,
            region=change.region,
            reason=f"{made} was made by this run for {change.resource}, and goes again.",
            targets=(made,),
            params={
                "kind": change.params["kind"],
                "name": change.params["target"],
                "resource_id": resource_id,
                "effect": mine,
                "member": change.params["what"] == "member",
                "drill": bool(change.params["drill"]) or effect.state is EffectState.FAILED,  # no last snapshot
            },
        )
        return Undo(by="rds.delete_restored", changes=(deletion,))

    def outputs(
        self,
        given: P,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,
    ) -> dict[str, Any]:
        done = [(change, effect) for change, effect in made if effect.state is EffectState.DONE]
        ready = {change.resource: effect for change, effect in done if _serves(change)}
        restored = [(c, e) for c, e in done if c.params["what"] == "restore" and c.resource in ready]
        return {
            "restored": [_told(change, effect) for change, effect in restored],
            **by_kind(resource_of(change) for change, _ in restored),
            "kept": [str(e.id) for c, e in done if c.params["what"] == "rename" and e.id != c.resource],
            "recovered": shown(
                _recovery(change, effect, ready[change.resource], ready[change.resource].at or ctx.now)
                for change, effect in restored
            ),
        }


def _serves(change: Change) -> bool:
    """Return True for what must be done before a database answers: the instance itself, or a cluster's first one."""
    if change.params["what"] == "member":
        return change.key.endswith("/0")
    return change.params["what"] == "restore" and change.params["kind"] == "db"


def _told(change: Change, effect: Effect) -> dict[str, Any]:
    return {
        "resource": change.resource,
        "replacement": resource_of(change),
        "endpoint": effect.facts.get("endpoint", ""),
        "zone": effect.facts.get("zone", ""),
        "point": change.yields[0]["point"],
    }


def _recovery(change: Change, effect: Effect, ready: Effect, at: datetime) -> Recovery:
    return Recovery(
        resource=change.resource,
        replacement=resource_of(change),
        region=change.region,
        zone_id=str(ready.facts.get("zone") or ""),
        point=datetime.fromisoformat(str(change.yields[0]["point"])),
        ready_at=at,
        note=f"answers at {effect.facts.get('endpoint', '')}; its data is read slowly until all of it is there",
    )


def _named_back(change: Change, effect: Effect) -> Undo:
    if effect.id == change.resource:
        return Undo(cannot=f"{change.resource} was gone before it could be renamed; there is nothing to name back.")
    name, old = str(change.params["name"]), str(change.params["to"])
    back = Change(
        key=f"name-back/{change.resource}",
        kind=ChangeKind.MODIFY,
        resource=change.resource,
        region=change.region,
        reason=f"{change.params['kind']}:{old} gets its name {name} and its endpoint back.",
        targets=(change.resource,),
        params={
            "kind": change.params["kind"],
            "name": old,
            "to": name,
            "resource_id": change.params["resource_id"],
        },
    )
    return Undo(by="rds.name_back", changes=(back,))
