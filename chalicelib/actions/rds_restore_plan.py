"""The plan of a restore: everything is looked up first, then old names are given up, then databases are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.actions.base import StepContext
from chalicelib.actions.rds_blueprint import (
    Blueprint,
    classes_of,
    drawn,
    member_call,
    rename_call,
    restore_call,
    rooted,
)
from chalicelib.actions.rds_preflight import Preflight
from chalicelib.actions.rds_restore_given import Placement
from chalicelib.actions.rds_restore_points import Origin, Origins, lost_reason, stand_ins
from chalicelib.aws import tags
from chalicelib.aws.live_databases import READY, Live, live
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.domain.change import Change, ChangeKind, Failure, Forecast, Plan, Question
from chalicelib.domain.types import format_duration
from chalicelib.errors import InputError

TAKES_MIN = 20  # minutes; assumed, AWS promises nothing
ENOUGH = 2  # zones for a standby
NOT_REHEARSED = (
    "not rehearsed: this drill states no `db_subnet_group`, and databases are restored nowhere else. Give the drill a "
    "DB subnet group of isolated subnets in two zones."
)


@dataclass(frozen=True)
class Drafting:
    """What the changes of one plan are made with."""

    given: Placement
    ctx: StepContext
    zones: Zones
    away: str
    look: Preflight
    there: Mapping[str, Live]


def drafted(origins: Origins, given: Placement, region: str, ctx: StepContext) -> Plan:
    """Return the plan that restores what was found.

    Raises:
        InputError: a zone is unknown, or one name was given to several databases.
        ActionError: AWS refused a read.
    """
    if ctx.drill and not ctx.drill.db_subnet_group:
        return Plan(notes=(NOT_REHEARSED,))
    zones = read_zones(ctx.aws, region)
    away = zones.ids[zones.name_of(given.away_from)] if given.away_from else ""
    there = live(ctx.aws, zones, [one.database for one in origins.found])
    notes, wanted = list(origins.notes), list[Origin]()
    instead = stand_ins(region, ctx) if given.only_lost and not ctx.drill else {}
    for one in origins.found:
        why = _left_alone(one, there.get(one.database), given, away, ctx) or _replaced(one, instead)
        notes += [why] if why else []
        wanted += [] if why else [one]
    if given.name and len(wanted) > 1:
        raise InputError(
            "action.one_name",
            f"`name: {given.name}` is for one database, and {len(wanted)} are to be restored: "
            f"{', '.join(one.database for one in wanted)}. Leave it out, or select one.",
        )
    draft = Drafting(given, ctx, zones, away, Preflight(ctx.aws, zones), there)
    made = [_database(draft, one) for one in wanted]
    changes = [change for one in made if isinstance(one, list) for change in one]
    failures = [one for one in made if isinstance(one, Failure)]
    return Plan(
        changes=tuple(changes),
        failures=(*origins.failures, *failures),
        notes=(*notes, *_unrecorded(changes)),
        forecast=Forecast(
            data_gib=sum(change.size_gib for change in changes),
            basis=f"AWS promises nothing; often {TAKES_MIN} minutes, and reads are slow until the data is there",
        ),
        ask=_question(changes, wanted, ctx),
    )


def _left_alone(one: Origin, there: Live | None, given: Placement, away: str, ctx: StepContext) -> str:
    if ctx.drill:
        return ""
    if there is not None and tags.HANDS_OFF in there.tags:
        return f"{one.database} is left alone: it is tagged {tags.HANDS_OFF}."
    if given.only_lost and not lost_reason(there, away):
        return f"{one.database} is left alone: it is not lost ({there.status if there else ''})."
    return ""


def _replaced(one: Origin, instead: Mapping[str, str]) -> str:
    """Return the note that a lost database was restored before; "" when it was not."""
    there = instead.get(one.identity.rsplit("/", 1)[-1])
    if not there:
        return ""
    return f"{one.database} is left alone: {there} was restored for it. To restore it again, leave `only_lost` out."


def _question(changes: Sequence[Change], wanted: Sequence[Origin], ctx: StepContext) -> Question | None:
    if not changes or ctx.drill:
        return None
    restored = {change.resource for change in changes}
    said = [
        f"{one.database} as of {tags.iso(one.point)} ({format_duration(ctx.now - one.point)} ago)"
        for one in wanted
        if one.database in restored
    ]
    return Question(
        reason=f"Databases are restored: {'; '.join(said)}. What was written since is not in them.", may_lose_data=True
    )


def _unrecorded(changes: Sequence[Change]) -> Iterable[str]:
    if changes:
        yield (
            "Points do not record deletion protection, backup retention, maintenance windows, IAM authentication, "
            "monitoring and log exports: set them on what was restored."
        )


def _database(draft: Drafting, origin: Origin) -> list[Change] | Failure:
    plan = drawn(origin, draft.given, draft.ctx.drill)
    if isinstance(plan, str):
        return Failure(resource=origin.database, code="action.not_recorded", message=f"{origin.database}: {plan}.")
    plan, wrong = _looked_up(draft, plan)
    code, why = wrong if wrong[1] else _not_replaceable(draft, origin)
    if why:
        return Failure(resource=origin.database, code=code, message=f"{origin.database} cannot be restored: {why}.")
    return _changes(draft, plan)


def _looked_up(draft: Drafting, plan: Blueprint) -> tuple[Blueprint, tuple[str, str]]:
    """Return the blueprint with its zones, and what is wrong with it as code and text."""
    look, cluster = draft.look, plan.origin.kind == "cluster"
    covered, wrong = look.subnet_zones(plan.subnet_group)
    groups = [wrong, look.parameters(plan.parameter_group, of_cluster=cluster)]
    groups += [] if cluster else [look.options(plan.option_group)]
    groups += [look.parameters(one.parameter_group, of_cluster=False) for one in plan.members]
    if missing := next((one for one in groups if one), ""):
        return plan, ("action.group_missing", missing)
    if unusable := look.key(plan.origin.key):
        return plan, ("action.key_unusable", unusable)
    able = [zone for zone in _wanted_zones(draft, covered) if zone != draft.away]
    for one in classes_of(plan):
        offered, standby = look.offered(plan.manifest.engine, plan.manifest.version, one)
        if not offered or (plan.multi_az and not standby):
            how = "Multi-AZ " if offered else ""
            what = f"{plan.manifest.engine} {plan.manifest.version} in {draft.zones.region}"
            return plan, ("action.not_orderable", f"{one} cannot be ordered {how}for {what}; state `instance_class`")
        able = [zone for zone in able if zone in offered]
    stated = bool(draft.away or draft.given.zones)
    if len(able) < (ENOUGH if plan.multi_az else 1):
        return plan, ("action.no_zone", _no_zone(draft, plan, covered, able))
    return replace(plan, zones=able if stated else ()), ("", "")


def _wanted_zones(draft: Drafting, covered: Sequence[str]) -> Sequence[str]:
    wanted = [draft.zones.ids[draft.zones.name_of(one)] for one in draft.given.zones]
    return [zone for zone in wanted if zone in covered] if wanted else covered


def _no_zone(draft: Drafting, plan: Blueprint, covered: Sequence[str], able: Sequence[str]) -> str:
    needs = "two zones for a standby" if plan.multi_az else "a zone"
    away = f" outside {draft.away}" if draft.away else ""
    more = "; or state `multi_az: false`" if plan.multi_az and able else ""
    found = f"it covers {', '.join(covered)}, of which {', '.join(able) or 'none'} will do"
    return (
        f"the DB subnet group {plan.subnet_group} has not {needs}{away} in which its class can be ordered: {found}. "
        f"State another `subnet_group` or `zones`{more}"
    )


def _not_replaceable(draft: Drafting, origin: Origin) -> tuple[str, str]:
    """Return why the old database cannot give up its name, as code and text."""
    there = draft.there.get(origin.database)
    if draft.given.replace != "rename" or draft.ctx.drill or there is None or there.status in READY:
        return "", ""
    return "action.not_renamable", (
        f"{origin.database} is {there.status}, and AWS renames only what is available. Restore beside it with "
        "`replace: none` and point its applications at the new endpoint, or delete it and run again"
    )


def _changes(draft: Drafting, plan: Blueprint) -> list[Change]:
    origin, ctx, given = plan.origin, draft.ctx, draft.given
    renames = given.replace == "rename" and ctx.drill is None
    old = draft.there.get(origin.database)
    restore_key, rename_key = f"restore/{origin.database}", f"rename/{origin.database}"
    target = origin.name if renames else given.name if given.name and not ctx.drill else ""
    target = target or rooted(origin.name, ctx.effect_id(restore_key))
    carries = (renames or old is None) if given.carry_tags is None else given.carry_tags
    own: dict[str, str] = {tags.RESTORED: origin.identity}
    own |= {tags.DRILL: ctx.run_id} if ctx.drill else {}
    kept = tags.merged(own, origin.tags if carries and not ctx.drill else {})[0]
    made: list[Change] = []
    if renames and old is not None:
        made.append(_rename(draft, origin, old, rename_key))
    zone = plan.zone_of(0)
    call = restore_call(plan, target, draft.zones.name_of(zone) if zone else "")
    after = (f"{ctx.step_id}/{rename_key}",) if made else ()
    made.append(_made(draft, origin, restore_key, "restore", target, call, kept, after))
    first = ""
    for number, one in enumerate(plan.members):
        key = f"member/{origin.database}/{number}"
        name, zone = rooted(one.name, ctx.effect_id(key)), plan.zone_of(number)
        call = member_call(plan, one, name, target, draft.zones.name_of(zone) if zone else "")
        need = first or f"{ctx.step_id}/{restore_key}"  # the one that is made first writes
        made.append(_made(draft, origin, key, "member", name, call, own, (need,)))
        first = first or f"{ctx.step_id}/{key}"
    return made


def _rename(draft: Drafting, origin: Origin, old: Live, key: str) -> Change:
    to = rooted(origin.name, f"old-{draft.ctx.effect_id(key)[2:10]}")
    operation, params = rename_call(origin.kind, origin.name, to)
    return Change(
        key=key,
        kind=ChangeKind.MODIFY,
        resource=origin.database,
        region=draft.zones.region,
        reason=f"{origin.database} gives up its name and endpoint and becomes {to}; it is kept, and clients lose it.",
        targets=(origin.database,),
        params={
            "what": "rename",
            "kind": origin.kind,
            "name": origin.name,
            "to": to,
            "resource_id": old.resource_id,
            "snapshot": origin.resource,
            "operation": operation,
            "call": params,
        },
        order="0",
    )


def _made(
    draft: Drafting,
    origin: Origin,
    key: str,
    what: str,
    target: str,
    call: tuple[str, Mapping[str, Any]],
    own: Mapping[str, str],
    after: tuple[str, ...],
) -> Change:
    from_what = origin.resource or f"its backups of {origin.to or 'the latest restorable time'}"
    words = f"restored as {target} from {from_what}" if what == "restore" else f"gets its instance {target}"
    return Change(
        key=key,
        kind=ChangeKind.CREATE,
        resource=origin.database,
        region=draft.zones.region,
        reason=f"{origin.database} of {tags.iso(origin.point)} is {words}.",
        after=after,
        targets=(origin.database,),
        params={
            "what": what,
            "kind": origin.kind if what == "restore" else "db",
            "target": target,
            "snapshot": origin.resource,
            "drill": draft.ctx.drill is not None,
            "operation": call[0],
            "call": dict(call[1]),
            "tags": dict(own),
        },
        yields=({"item": key, "point": tags.iso(origin.point)},),
        size_gib=origin.size_gib if what == "restore" else 0,
        order="1",
    )
