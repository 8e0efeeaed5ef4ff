"""check.volumes: are the volumes attached, well, and is all of their data on them?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.ebs_selection import VolumeSelector, attached_to, selected
from chalicelib.actions.recovery_points import missing_findings
from chalicelib.aws import health, tags
from chalicelib.aws.health import VolumeHealth
from chalicelib.domain.change import Finding
from chalicelib.domain.types import VolumeId, format_duration

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VolumeTypeDef


class VolumesInput(ActionModel):
    """Which volumes, and what is asked of them."""

    select: VolumeSelector = Field(description="The volumes: by tags, ids, instances or zone.")
    attached: bool = Field(default=True, description="Whether each must be attached.")
    initialised: bool = Field(
        default=False, description="Whether all data must be on each by now; else it is only told."
    )
    not_in_zone: str | None = Field(None, description="ID or name of a zone in which none may be; the impaired one.")


class VolumesOutput(ActionModel):
    """What was found."""

    ok: bool = Field(description="Whether every volume is as it must be.")
    volumes: int = Field(description="How many were looked at.")
    initialised: int = Field(description="On how many all data is.")
    slowest_percent: int = Field(description="How far the slowest one is read in.")
    left_s: int | None = Field(description="Seconds until all are, where AWS tells (provisioned rates); else None.")
    restored: list[VolumeId] = Field(description="Those of them that a recovery made.")


class Volumes(Check[VolumesInput]):
    """Judge volumes: status checks, attachment, and how far they are read in from their snapshots.

    Progress is percent, times are seconds. A volume that is attached works at once, slowly, until all of its data is
    on it; how far it is, is told for each, and asked for only with `initialised: true`.
    """

    name: ClassVar[str] = "check.volumes"
    given: ClassVar[type[ActionModel]] = VolumesInput
    returns: ClassVar[type[ActionModel]] = VolumesOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeVolumes",
        "ec2:DescribeVolumeStatus",
        "ec2:DescribeAvailabilityZones",
    )
    within: ClassVar[timedelta] = timedelta(minutes=15)
    calls: ClassVar[str] = (
        "DescribeAvailabilityZones once, DescribeVolumes per 500 volumes (200 when named by id or instance), "
        "DescribeVolumeStatus per 200."
    )

    def check(self, given: VolumesInput, ctx: StepContext) -> Verdict:
        selection = selected(ctx.aws, ctx.region, given.select)
        told = health.volumes(ctx.aws, ctx.region, [volume["VolumeId"] for volume in selection.volumes])
        away = selection.zones.name_of(given.not_in_zone) if given.not_in_zone else ""
        states = {v["VolumeId"]: told.get(v["VolumeId"], VolumeHealth(health.UNKNOWN)) for v in selection.volumes}
        found = [_finding(v, states[v["VolumeId"]], given, away, ctx.region) for v in selection.volumes]
        findings = [*found, *missing_findings(selection.failures, ctx.region)]
        left = [state.left_s for state in states.values() if not state.initialised]
        restored = [v["VolumeId"] for v in selection.volumes if tags.RESTORED in tags.of(v)]
        outputs = {
            "ok": all(finding.ok for finding in findings),
            "volumes": len(states),
            "initialised": sum(state.initialised for state in states.values()),
            "slowest_percent": min((state.progress for state in states.values()), default=health.WHOLE),
            "left_s": None if None in left else max((one for one in left if one is not None), default=0),
            "restored": restored,
        }
        return Verdict(findings, outputs)


def _finding(volume: VolumeTypeDef, state: VolumeHealth, given: VolumesInput, away: str, region: str) -> Finding:
    name, hosts = volume["VolumeId"], attached_to(volume)
    code, said = _complaint(volume, state, given, away)
    where = f"attached to {', '.join(sorted(hosts))}" if hosts else "attached to nothing"
    left = f", {format_duration(timedelta(seconds=state.left_s))} to go" if state.left_s else ""
    read = "all data is on it" if state.initialised else f"{state.progress}% read in{left}"
    facts = {"status": state.status, "progress": state.progress, "left_s": state.left_s, "attached_to": sorted(hosts)}
    message = f"{name} is {state.status}, {where}, {read}."
    return Finding(
        resource=name, region=region, ok=not code, code=code, message=f"{message} {said}".strip(), facts={**facts}
    )


def _complaint(volume: VolumeTypeDef, state: VolumeHealth, given: VolumesInput, away: str) -> tuple[str, str]:
    if away and volume["AvailabilityZone"] == away:
        return "check.volume_in_zone", f"It is in {away}, where it must not be. Restore it into another zone."
    if state.status != health.OK:
        return "check.volume_impaired", "Look at its events, or restore it from its newest point."
    attached = [one for one in volume.get("Attachments", []) if one.get("State") == "attached"]
    if given.attached and not attached:
        return "check.volume_not_attached", "Attach it (`ebs.attach_volumes`), or ask with `attached: false`."
    if given.initialised and not state.initialised:
        return "check.volume_not_initialised", "It works, and is slow until then. Wait, or provision a rate next time."
    return "", ""
