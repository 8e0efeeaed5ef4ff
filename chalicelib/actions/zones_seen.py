"""What AWS shows of the zones of a Region and of what a runbook has in them: the evidence of `zones.assess`.

A kind of evidence that cannot be read is silent, and said so: during an outage some of these reads may fail.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html (running instances only;
a status is `impaired` when the checks fail, `insufficient-data` when there is nothing to go by),
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumeStatus.html and
https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_ListAutoshifts.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.actions.tag_selection import Selector
from chalicelib.aws import listing
from chalicelib.aws.alarms import AlarmNow, alarms_in, alarms_named
from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.targets import Target, target_groups, targets_of
from chalicelib.domain.run import RunCause
from chalicelib.domain.zone_evidence import Evidence, Says
from chalicelib.errors import ActionError, InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

AT_ONCE = 100  # ids in one status request
LIVING = ["pending", "running", "stopping", "stopped"]
BAD, GOOD = "bad", "good"


@dataclass
class Seen:
    """What was seen.

    Attributes:
        zones: State by zone ID, as AWS states it.
        names: Zone ID by name.
        instances: What is selected and not terminated.
        evidence: All of it.
        unread: What could not be read, with why.
        trouble: The first error of a read, if any.
    """

    zones: dict[str, str]
    names: dict[str, str]
    instances: list[InstanceTypeDef] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    trouble: ActionError | None = None

    def zone_of(self, instance: InstanceTypeDef) -> str:
        """Return the ID of the zone that an instance is in."""
        name = instance["Placement"]["AvailabilityZone"]
        return self.names.get(name, name)


def seen(aws: Aws, region: str, select: Selector, causes: Sequence[RunCause]) -> Seen:
    """Read everything that may be evidence.

    Raises:
        ActionError: the zones or the instances cannot be read at all.
        InputError: `action.nothing_selected`, there is nothing of what is selected.
    """
    found = _zones(aws, region)
    found.instances = _instances(aws, region, select)
    targets = _try(found, "targets", lambda: _targets(aws, region, select)) or []
    if not found.instances and not targets:
        raise InputError(
            "action.nothing_selected", f"Nothing in {region} fits {select}: neither an instance nor a target."
        )
    home = {i["InstanceId"]: found.zone_of(i) for i in found.instances}
    home |= _try(found, "targets' instances", lambda: _homes(aws, region, found, targets, home)) or {}
    found.evidence += _by_share("targets", [(home[t.id], _of_target(t)) for t in targets if t.id in home])
    found.evidence += _try(found, "instances", lambda: _instance_status(aws, region, found, home)) or []
    found.evidence += _try(found, "volumes", lambda: _volume_status(aws, region, found)) or []
    found.evidence += _try(found, "alarms", lambda: _alarms(aws, region, found, causes)) or []
    found.evidence += _try(found, "autoshift", lambda: _autoshifts(aws, region)) or []
    found.evidence += [*_states(found), *_told(found, causes)]
    return found


def _try(found: Seen, kind: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ActionError as error:
        found.unread.append(f"{kind} could not be read: {error.message}")
        found.trouble = found.trouble or error
        return None


def _zones(aws: Aws, region: str) -> Seen:
    with translated(f"the zones of {region}"):
        answer = aws.ec2(region).describe_availability_zones()
    zones = [z for z in answer["AvailabilityZones"] if z.get("ZoneType", "availability-zone") == "availability-zone"]
    return Seen({z["ZoneId"]: z["State"] for z in zones}, {z["ZoneName"]: z["ZoneId"] for z in zones})


def _instances(aws: Aws, region: str, select: Selector) -> list[InstanceTypeDef]:
    filters: dict[str, list[str]] = {f"tag:{k}": [v] if isinstance(v, str) else v for k, v in select.tags.items()}
    if select.tags:
        return listing.instances(aws, region, {**filters, "instance-state-name": LIVING})
    known = listing.instances_by_id(aws, region, [name for name in select.ids if name.startswith("i-")])
    return [each for each in known.values() if each["State"]["Name"] in LIVING]


def _targets(aws: Aws, region: str, select: Selector) -> list[Target]:
    named = [name for name in select.ids if not name.startswith("i-")]
    if not select.tags and not named:
        return []
    wanted = select if select.tags else Selector(ids=named)
    return targets_of(aws, region, wanted.of(target_groups(aws, region)))


def _homes(aws: Aws, region: str, found: Seen, targets: Iterable[Target], home: Mapping[str, str]) -> dict[str, str]:
    others = sorted({t.id for t in targets if t.id.startswith("i-")} - set(home))
    return {name: found.zone_of(each) for name, each in listing.instances_by_id(aws, region, others).items()}


def _of_target(target: Target) -> str:
    return {"healthy": GOOD, "unhealthy": BAD, "unavailable": BAD}.get(target.state, "")


def _by_share(kind: str, seen_in: Iterable[tuple[str, str]]) -> list[Evidence]:
    """Speak against a zone when at least half of what says anything is bad, and else for it."""
    counts: dict[str, dict[str, int]] = {}
    for zone, how in seen_in:
        if how:
            count = counts.setdefault(zone, {BAD: 0, GOOD: 0})
            count[how] += 1
    made = []
    for zone, count in sorted(counts.items()):
        total = count[BAD] + count[GOOD]
        says = Says.AGAINST if 2 * count[BAD] >= total else Says.FOR
        made.append(Evidence(kind=kind, zone=zone, says=says, what=f"{count[BAD]} of {total} are bad"))
    return made


def _instance_status(aws: Aws, region: str, found: Seen, home: Mapping[str, str]) -> list[Evidence]:
    running = [i["InstanceId"] for i in found.instances if i["State"]["Name"] == "running"]
    said: list[tuple[str, str]] = []
    for some in listing.batches(running, AT_ONCE):
        with translated(f"the status of instances in {region}"):
            answer = aws.ec2(region).describe_instance_status(InstanceIds=some)
        for each in answer["InstanceStatuses"]:
            checks = {each["SystemStatus"]["Status"], each["InstanceStatus"]["Status"]}
            how = BAD if "impaired" in checks else GOOD if checks == {"ok"} else ""
            said.append((home[each["InstanceId"]], how))
    return _by_share("instances", said)


def _volume_status(aws: Aws, region: str, found: Seen) -> list[Evidence]:
    volumes = {
        mapping["Ebs"]["VolumeId"]
        for instance in found.instances
        for mapping in instance.get("BlockDeviceMappings", [])
        if "Ebs" in mapping
    }
    said: list[tuple[str, str]] = []
    for some in listing.batches(sorted(volumes), AT_ONCE):
        with translated(f"the status of volumes in {region}"):
            answer = aws.ec2(region).describe_volume_status(VolumeIds=some)
        for each in answer["VolumeStatuses"]:
            how = {"impaired": BAD, "ok": GOOD}.get(each["VolumeStatus"]["Status"], "")
            said.append((found.names.get(each["AvailabilityZone"], each["AvailabilityZone"]), how))
    return _by_share("volumes", said)


def _alarms(aws: Aws, region: str, found: Seen, causes: Sequence[RunCause]) -> list[Evidence]:
    """All alarms that are in ALARM and name a zone, and those that set the run off, as they are now."""
    named = [str(cause.about["alarm"]) for cause in causes if cause.about.get("alarm")]
    triggers = [name for cause in causes for name in _listed(cause.about.get("triggers"))]
    now = {alarm.name: alarm for alarm in alarms_named(aws, region, [*named, *triggers])}
    now |= {alarm.name: alarm for alarm in alarms_in(aws, region, "ALARM")}
    made = []
    for name, alarm in sorted(now.items()):
        says = {"ALARM": Says.AGAINST, "OK": Says.FOR}.get(alarm.state)
        for zone in _zones_named(alarm, found) if says else ():
            assert says is not None  # noqa: S101 - for the type checker
            made.append(Evidence(kind="alarms", zone=zone, says=says, what=f"{name} is {alarm.state}"))
    return made


def _listed(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _zones_named(alarm: AlarmNow, found: Seen) -> list[str]:
    """Return the zones that an alarm's dimensions or its name tell, by ID or by name."""
    words = {*alarm.dimensions.values(), *re.findall(r"[a-z]{2,5}\d-az\d+|[a-z]{2}(?:-[a-z]+)+-\d[a-z]\b", alarm.name)}
    return sorted({found.names.get(word, word) for word in words} & set(found.zones))


def _autoshifts(aws: Aws, region: str) -> list[Evidence]:
    client = aws.client("arc-zonal-shift", region)
    with translated(f"autoshifts in {region}", service="arc-zonal-shift"):
        pages = client.get_paginator("list_autoshifts").paginate(status="ACTIVE")
        zones = sorted({each["awayFrom"] for page in pages for each in page["items"]})
    return [_of_aws("autoshift", zone, "AWS shifts traffic away from it") for zone in zones]


def _states(found: Seen) -> list[Evidence]:
    """A zone that is `available` says nothing: AWS rarely changes it."""
    odd = [(zone, state) for zone, state in sorted(found.zones.items()) if state != "available"]
    return [_of_aws("zone state", zone, f"AWS says that it is {state}") for zone, state in odd]


def _told(found: Seen, causes: Sequence[RunCause]) -> list[Evidence]:
    """What AWS Health and autoshift told in the events that set the run off."""
    made = []
    for cause in causes:
        about = cause.about
        if about.get("health") and about.get("status") != "closed":
            told = {found.names.get(str(about.get("zone")), ""), *_listed(about.get("zones_told"))}
            what = f"AWS Health told of {about.get('service', 'a service')} there"
            made += [_of_aws("health", zone, what) for zone in sorted(told & set(found.zones))]
        if about.get("autoshift") and str(about.get("away_from")) in found.zones:
            made.append(_of_aws("autoshift", str(about["away_from"]), "AWS told that it shifts traffic away from it"))
    return made


def _of_aws(kind: str, zone: str, what: str) -> Evidence:
    return Evidence(kind=kind, zone=zone, says=Says.AGAINST, what=what)
