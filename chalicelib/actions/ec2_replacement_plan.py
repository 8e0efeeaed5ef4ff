"""Decides which instances are replaced, from which points, where, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_sources import Group, Source, Sources, fast_in, rates
from chalicelib.actions.ec2_moving import addresses, groups_with
from chalicelib.actions.ec2_recorded import attributes, remarks, unfit
from chalicelib.actions.ec2_replacement_changes import Case, changes_of
from chalicelib.actions.ec2_replacement_given import LaunchReplacementsInput
from chalicelib.actions.ec2_selection import Instances, instances_of, named
from chalicelib.actions.ec2_sites import Sites, read_sites
from chalicelib.actions.restoring import drill_zone, too_old
from chalicelib.aws import health, listing, tags
from chalicelib.aws.zones import Zones, read_zones
from chalicelib.domain.change import Change, ChangeKind, Failure, Forecast, Plan
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, VolumeTypeDef

ALIVE = ("pending", "running")
START = timedelta(minutes=3)


@dataclass
class Findings:
    """What planning comes to, instance by instance."""

    cases: list[Case] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def planned(given: LaunchReplacementsInput, ctx: StepContext) -> Plan:
    """Return the plan of a step.

    Raises:
        InputError: nothing is selected, or it is not said from where or to where.
        ActionError: AWS refused a read.
    """
    region = ctx.region
    away, to_zones, zones = _zones(given, ctx)
    selection = instances_of(ctx.aws, region, given.select)
    wanted, notes = _wanted(selection, away, zones, ctx)
    found = Findings(failures=selection.failures, notes=[*selection.notes, *notes])
    if wanted:
        _fill(found, given, wanted, (away, to_zones), ctx)
    changes = [change for case in found.cases for change in changes_of(case, given, ctx)]
    return Plan(
        changes=tuple(changes),
        failures=tuple(found.failures),
        notes=tuple(dict.fromkeys(found.notes)),
        forecast=Forecast(
            data_gib=sum(change.size_gib for change in changes),
            duration=START,
            basis="until the instances run; their volumes are read in after that, and AWS promises no time for it",
        ),
        population=_population(changes, len(selection.instances)),
        ask=too_old([case.group.at for case in found.cases], given.max_age or ctx.rpo, ctx.now),
    )


def _population(changes: Sequence[Change], selected: int) -> int:
    """Return of how many changes the guard takes its share: as if all selected instances were replaced."""
    each: dict[str, int] = {}
    for change in changes:
        each[change.group] = each.get(change.group, 0) + (change.kind is ChangeKind.DISRUPT)
    return max([1, *each.values()]) * selected


def _zones(given: LaunchReplacementsInput, ctx: StepContext) -> tuple[str, list[str], Zones]:
    """Return the ID of the zone to leave ("" for none), those of the zones to go to, and all zones."""
    zones = read_zones(ctx.aws, ctx.region)
    away = zones.id_of(zones.name_of(given.away_from)) if given.away_from else ""
    if ctx.drill:
        return away, [drill_zone(ctx, ctx.region)], zones
    to_zones = [zones.id_of(zones.name_of(zone)) for zone in given.to_zones]
    to_zones = [zone for zone in dict.fromkeys(to_zones) if zone != away]
    if not away or not to_zones:
        raise InputError(
            "action.no_zone",
            "Say which zone is left (`away_from`) and which ones take the new instances (`to_zones`, other than that "
            "one), for example from a step `zones.assess`.",
        )
    return away, to_zones, zones


def _wanted(selection: Instances, away: str, zones: Zones, ctx: StepContext) -> tuple[list[InstanceTypeDef], list[str]]:
    """Return the instances to be replaced, and remarks about the others."""
    here = [i for i in selection.instances if not away or zones.id_of(i["Placement"]["AvailabilityZone"]) == away]
    running = [i for i in here if i["State"]["Name"] in ALIVE or ctx.drill]
    stopped = sorted({i["InstanceId"] for i in here} - {i["InstanceId"] for i in running})
    notes = [f"Not running, and so not replaced: {named(stopped)}."] if stopped else []
    if not here:
        notes.append(f"No selected instance is in {away}: there is nothing to replace.")
    if ctx.drill:
        return running, notes
    there = standing_in(ctx, ctx.region, [i["InstanceId"] for i in running])
    notes += [f"{old} has a replacement already, {new}: nothing is done." for old, new in sorted(there.items())]
    return [i for i in running if i["InstanceId"] not in there], notes


def standing_in(ctx: StepContext, region: str, ids: Sequence[str]) -> dict[str, str]:
    """Return the living replacements that any run (no drill) has made, by the instance that they stand in for.

    Raises:
        ActionError: AWS refused a read.
    """
    found: dict[str, str] = {}
    for some in listing.batches(sorted(ids), listing.FILTER_VALUES - 4):
        wanted = {f"tag:{tags.RESTORED}": some, "instance-state-name": ["pending", "running", "stopping", "stopped"]}
        for one in listing.instances(ctx.aws, region, wanted):
            if tags.DRILL not in tags.of(one):
                found[tags.of(one)[tags.RESTORED]] = one["InstanceId"]
    return found


def _fill(
    found: Findings,
    given: LaunchReplacementsInput,
    wanted: Sequence[InstanceTypeDef],
    way: tuple[str, list[str]],
    ctx: StepContext,
) -> None:
    """Read what every instance needs, in as few calls as there are, and judge them one by one."""
    region, ids = ctx.region, [one["InstanceId"] for one in wanted]
    away, to_zones = way
    volumes = _volumes(ctx, region, ids)
    sources = Sources(ctx, region, given.policy, [one for some in volumes.values() for one in some])
    sites = read_sites(ctx, region, wanted, to_zones, given.types)
    sites.only = [ctx.drill.subnet_id] if ctx.drill else given.subnets
    status = health.instances(ctx.aws, region, ids)
    for instance in wanted:
        name = instance["InstanceId"]
        case = Case(instance, away, status[name], sources.of(_single(volumes[name]), given.at))
        _judge(found, case, volumes[name], sites, given, ctx)
    _rate(found, given, to_zones, ctx)
    _moves(found, given, ctx)


def _volumes(ctx: StepContext, region: str, ids: Sequence[str]) -> dict[str, dict[str, VolumeTypeDef]]:
    found: dict[str, dict[str, VolumeTypeDef]] = {one: {} for one in ids}
    for volume in listing.volumes_by(ctx.aws, region, "attachment.instance-id", ids, {}):
        for attachment in volume.get("Attachments", []):
            if attachment.get("InstanceId") in found:
                found[attachment["InstanceId"]][volume["VolumeId"]] = volume
    return found


def _single(volumes: Mapping[str, VolumeTypeDef]) -> list[str]:
    return sorted(one for one, volume in volumes.items() if not volume.get("MultiAttachEnabled"))


def _judge(
    found: Findings,
    case: Case,
    volumes: Mapping[str, VolumeTypeDef],
    sites: Sites,
    given: LaunchReplacementsInput,
    ctx: StepContext,
) -> None:
    """Add one instance to what is done, or say why it cannot be."""
    name = case.instance["InstanceId"]
    why = _cannot(case, given)
    places, notes = ([], []) if why else sites.of(case.instance, given.types)
    if not why and not places:
        why = f"no zone can take it: {' '.join(notes) or 'no zone offers its type'}"
    if why:
        found.failures.append(
            Failure(
                resource=name,
                code="action.not_replaceable",
                message=f"{name} is not replaced: {why}. Correct that, or bring it back by hand.",
            )
        )
        return
    lost = [*_shared(name, volumes), *_unprotected(name, case.group)]
    mixed = [f"{name}: warning: its volumes are of different points in time."] if case.group.mixed else []
    known = attributes(ctx, ctx.region, name) if not given.launch_template else {}
    found.notes += [*notes, *lost, *mixed, *remarks(case.instance)]
    found.cases.append(replace(case, sites=places, known=known, notes=(*lost, *mixed)))


def _cannot(case: Case, given: LaunchReplacementsInput) -> str:
    """Return why an instance cannot be replaced; empty when it can."""
    unusable = {one: why for one, why in case.group.missing.items() if why != "has no recovery point"}
    if unusable:
        return "; ".join(f"{one} {why}" for one, why in sorted(unusable.items()))
    if given.root == "image":
        return ""
    if case.root is None:
        return (
            f"policy {given.policy} has no recovery point of its root volume. Say `root: image` to launch it from its "
            "own image"
        )
    return unfit(case.instance)


def _shared(name: str, volumes: Mapping[str, VolumeTypeDef]) -> list[str]:
    return [
        f"{name}: {one} is attached to several instances and is not restored with it. Restore it by itself with "
        "ebs.restore_volumes into the zone of the new ones, stop these, and attach it to each: ebs.attach_volumes "
        "takes volume_id, instance_id and device."
        for one, volume in sorted(volumes.items())
        if volume.get("MultiAttachEnabled")
    ]


def _unprotected(name: str, group: Group) -> list[str]:
    return [f"{name}: {one} has no recovery point and is not restored." for one in sorted(group.missing)]


def _rate(found: Findings, given: LaunchReplacementsInput, to_zones: Sequence[str], ctx: StepContext) -> None:
    """Decide how fast the volumes are read in; fast snapshot restore counts where every zone in question has it."""
    every: list[Source] = [one for case in found.cases for one in case.group.sources.values()]
    if not every or given.initialised_within is None:
        return
    snapshots = [one.point.snapshot_id for one in every]
    fast = fast_in(ctx, ctx.region, snapshots, to_zones)
    rate, slow = rates(every, fast, given.initialised_within)
    found.notes += slow
    at_once = frozenset(one.facts.volume_id for one in every if one.point.snapshot_id in fast)
    found.cases = [replace(case, rates=rate, fast=at_once) for case in found.cases]


def _moves(found: Findings, given: LaunchReplacementsInput, ctx: StepContext) -> None:
    """Find what points to the old instances, if it is to move."""
    if ctx.drill or not found.cases or not given.move:
        return
    ids = [case.instance["InstanceId"] for case in found.cases]
    if given.old == "leave":
        found.notes.append("old: leave: no address and no target moves, since the old instances may still be at work.")
        return
    held: dict[str, list[str]] = {}
    if "addresses" in given.move:
        for some in listing.batches(sorted(ids)):
            for one in addresses(ctx, ctx.region, "instance-id", some):
                held.setdefault(one.get("InstanceId", ""), []).append(one.get("AllocationId", ""))
    targets = _targets(found.cases, ctx) if "targets" in given.move else {}
    found.cases = [
        replace(case, addresses=tuple(sorted(held.get(name, ()))), targets=tuple(targets.get(name, ())))
        for name, case in zip(ids, found.cases, strict=True)
    ]


def _targets(cases: Iterable[Case], ctx: StepContext) -> dict[str, list[dict[str, str | int]]]:
    """Return where each instance is registered, by its id or its private address."""
    names: dict[str, tuple[str, str]] = {}
    for case in cases:
        names[case.instance["InstanceId"]] = (case.instance["InstanceId"], "instance_id")
        names[case.instance.get("PrivateIpAddress", "")] = (case.instance["InstanceId"], "private_ip")
    found: dict[str, list[dict[str, str | int]]] = {}
    for one, arn, port, label in groups_with(ctx, ctx.region, set(names) - {""}):
        instance, by = names[one]
        found.setdefault(instance, []).append({"group": arn, "port": port, "from": one, "by": by, "name": label})
    return found
