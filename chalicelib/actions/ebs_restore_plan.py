"""Which volumes are restored from what: groups of volumes that belong together, each from one set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_selection import VolumeSelector, attached_to, selected
from chalicelib.actions.ebs_sources import Group, Source, Sources, fast_in, rates
from chalicelib.actions.restoring import drill_zone, too_old
from chalicelib.aws import tags
from chalicelib.aws.zones import read_zones
from chalicelib.domain.change import Change, ChangeKind, Failure, Forecast, Plan
from chalicelib.errors import InputError


@dataclass(frozen=True)
class Asked:
    """What a step asks for; see `RestoreVolumesInput`."""

    select: VolumeSelector
    policy: str
    zone: str
    at: datetime | None
    max_age: timedelta | None
    within: timedelta | None


def planned(asked: Asked, ctx: StepContext, *, waits: bool) -> Plan:
    """Return the plan of a restore.

    Raises:
        InputError: nothing is selected, or there is no such zone.
        ActionError: AWS refused a read.
    """
    region = ctx.region
    groups, failures, notes = groups_of(asked.select, ctx)
    zones = read_zones(ctx.aws, region)
    name = zones.name_of(drill_zone(ctx, region) if ctx.drill else asked.zone)
    zone_id = zones.id_of(name)
    sources = Sources(ctx, region, asked.policy, [volume for some in groups.values() for volume in some])
    found = {key: sources.of(volumes, asked.at) for key, volumes in sorted(groups.items())}
    failures += [
        no_point(volume, why, asked.policy, region, "It is not restored")
        for g in found.values()
        for volume, why in g.missing.items()
    ]
    usable = [source for group in found.values() for source in group.sources.values()]
    fast = (
        fast_in(ctx, region, [one.point.snapshot_id for one in usable], [zone_id]) if usable and asked.within else set()
    )
    rate, slow = rates(usable, fast, asked.within)
    changes = []
    for one in sorted(usable, key=lambda source: source.facts.volume_id):
        rated = rate[one.facts.volume_id]
        how = {"waits": waits, "fast": one.point.snapshot_id in fast}
        changes.append(_change(one, rated, (name, zone_id), region, how))
    return Plan(
        changes=tuple(changes),
        failures=tuple(failures),
        notes=(*notes, *(mixed(key, g) for key, g in found.items() if g.mixed), *slow),
        forecast=Forecast(
            data_gib=sum(change.size_gib for change in changes),
            duration=timedelta(minutes=1),
            basis="until the volumes are available; their data is read in after that, and AWS promises no time for it",
        ),
        ask=too_old([g.at for g in found.values()], asked.max_age or ctx.rpo, ctx.now),
    )


def groups_of(select: VolumeSelector, ctx: StepContext) -> tuple[dict[str, list[str]], list[Failure], list[str]]:
    """Return the volumes of each instance, and each loose one alone; also those named that are no longer there.

    Raises:
        InputError: nothing is selected.
        ActionError: AWS refused a read.
    """
    gone = sorted(set(select.volumes)) if not (select.tags or select.instances or select.zone) else []
    groups: dict[str, list[str]] = {}
    try:
        selection = selected(ctx.aws, ctx.region, select)
    except InputError as error:
        if error.code != "action.nothing_selected" or not gone:
            raise
        return {volume: [volume] for volume in gone}, [], [f"{len(gone)} volumes are no longer there."]
    for volume in selection.volumes:
        home = next(iter(sorted(attached_to(volume))), volume["VolumeId"])
        groups.setdefault(home, []).append(volume["VolumeId"])
    hidden = {failure.resource for failure in selection.failures} & set(gone)
    groups |= {volume: [volume] for volume in hidden}
    notes = [*selection.notes, *(f"{volume} is no longer there; its points are." for volume in sorted(hidden))]
    return groups, [failure for failure in selection.failures if failure.resource not in hidden], notes


def _change(source: Source, rate: int | None, zone: tuple[str, str], region: str, how: dict[str, bool]) -> Change:
    volume, point = source.facts.volume_id, source.point
    name, zone_id = zone
    item = {
        "item": volume,
        "source_volume": volume,
        "instance_id": source.instance_id or None,
        "device": source.facts.device,
        "snapshot_id": point.snapshot_id,
        "point": tags.iso(point.at),
        "region": region,
        "zone_id": zone_id,
    }
    return Change(
        key=volume,
        kind=ChangeKind.CREATE,
        resource=volume,
        region=region,
        reason=f"A new volume in {zone_id} from {point.snapshot_id} of {point.at:%Y-%m-%d %H:%M} UTC.",
        targets=(volume,),
        params={
            "snapshot": point.snapshot_id,
            "point": tags.iso(point.at),
            "zone": name,
            "zone_id": zone_id,
            "block": source.block(rate),
            "multi_attach": source.facts.multi_attach,
            "tags": dict(source.user_tags),
            **how,
        },
        yields=(item,),
        size_gib=source.facts.size_gib,
        order=volume,
    )


def no_point(volume: str, why: str, policy: str, region: str, so: str) -> Failure:
    """Return the failure of a volume that has no usable point, with what follows from it."""
    return Failure(
        resource=volume,
        code="action.no_point",
        message=f"{volume} {why} (policy {policy}, {region}). {so}. Name another policy or a later `at`, or look for a "
        "copy in another Region.",
    )


def mixed(key: str, group: Group) -> str:
    """Return the warning that the volumes of a group are not of one point in time."""
    times: Iterable[str] = sorted({f"{s.point.at:%Y-%m-%d %H:%M}" for s in group.sources.values()})
    return f"warning: the volumes of {key} are of different points in time: {', '.join(times)} UTC."
