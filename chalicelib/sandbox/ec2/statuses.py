"""DescribeInstanceStatus and DescribeVolumeStatus: who is impaired, and how far volumes are read in.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html (running instances only
unless all are asked for), https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumeStatus.html and
https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.listing import listed
from chalicelib.sandbox.ec2.reading import INSTANCES, VOLUMES
from chalicelib.sandbox.ec2.wire import Tree, truth
from chalicelib.sandbox.weather.sky import Sky, overhead

MIB = 1 << 20


def zone_shows_dark(sky: Sky, region: str, zone: str) -> bool:
    """Return True when status checks show by now that a zone (its name or ID) is dark."""
    dark = sky.darkness.over(region, zone)
    return dark is not None and sky.now_s >= dark.since_s + sky.settings.dark.status_lag_s


def checks(instance: Any) -> tuple[str, str]:
    """Return the instance's and the system's status check: ok, impaired, initializing or not-applicable."""
    sky = overhead()
    if instance.state_now[1] != "running":
        return "not-applicable", "not-applicable"
    if zone_shows_dark(sky, instance.ec2_backend.region_name, instance.availability_zone):
        return "impaired", "impaired"
    if sky.now_s < instance.started_at_s + sky.settings.instance_checks_s:
        return "initializing", "initializing"
    return ("impaired", "ok") if instance.id in sky.settings.sick else ("ok", "ok")


STATUSES = replace(
    INSTANCES,
    getters={
        **{name: INSTANCES.getters[name] for name in ("availability-zone", "instance-state-name", "instance-id")},
        "availability-zone-id": lambda i: [i.ec2_backend.get_zone_by_name(i.availability_zone).zone_id],
        "instance-state-code": INSTANCES.getters["instance-state-code"],
        "instance-status.status": lambda i: [checks(i)[0]],
        "system-status.status": lambda i: [checks(i)[1]],
    },
)


def describe_instance_status(call: Ec2Call) -> Tree:
    """List the state and status checks of instances: of the running ones, unless all are asked for."""
    everyone = truth(call.text("IncludeAllInstances"))
    page = listed(call, STATUSES)
    shown = [i for i in page.things if everyone or i.state_now[1] == "running"]
    return {"instanceStatusSet": [_instance_shape(i) for i in shown], "nextToken": page.token}


def _instance_shape(instance: Any) -> Tree:
    code, name = instance.state_now
    own, system = checks(instance)
    zone = instance.ec2_backend.get_zone_by_name(instance.availability_zone)
    return {
        "instanceId": instance.id,
        "availabilityZone": instance.availability_zone,
        "availabilityZoneId": zone.zone_id if zone else None,
        "instanceState": {"code": code, "name": name},
        "instanceStatus": _summary(own),
        "systemStatus": _summary(system),
        "attachedEbsStatus": _summary(system),
        "eventsSet": [],
    }


def _summary(status: str) -> Tree:
    told = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}.get(status)
    return {"status": status, "details": [{"name": "reachability", "status": told}] if told else []}


VOLUME_STATUSES = replace(
    VOLUMES,
    getters={
        **{name: VOLUMES.getters[name] for name in ("availability-zone", "availability-zone-id")},
        "volume-status.status": lambda v: [volume_health(v)],
    },
    shortcuts={},
)


def volume_health(volume: Any) -> str:
    """Return ok, or impaired when its zone is dark and that shows."""
    sky = overhead()
    return "impaired" if zone_shows_dark(sky, volume.ec2_backend.region_name, volume.zone.name) else "ok"


def describe_volume_status(call: Ec2Call) -> Tree:
    """List the health of volumes and how far they are initialized from their snapshot."""
    page = listed(call, VOLUME_STATUSES)
    return {"volumeStatusSet": [_volume_shape(v) for v in page.things], "nextToken": page.token}


def _volume_shape(volume: Any) -> Tree:
    health = volume_health(volume)
    told = "passed" if health == "ok" else "failed"
    status: Tree = {
        "volumeId": volume.id,
        "availabilityZone": volume.zone.name,
        "availabilityZoneId": volume.zone.zone_id,
        "volumeStatus": {"status": health, "details": [{"name": "io-enabled", "status": told}]},
        "actionsSet": [],
        "eventsSet": [],
    }
    if volume.snapshot_id:
        left_s, progress = hydration(volume)
        rated = volume.initialization_rate is not None
        status["initializationStatusDetails"] = {
            "initializationType": "provisioned-rate" if rated else "default",
            "progress": progress,
            "estimatedTimeToCompleteInSeconds": int(left_s) if rated else None,
        }
    return status


def hydration(volume: Any) -> tuple[float, int]:
    """Return how many virtual seconds it takes until all of a volume's snapshot is on it, and how many percent are."""
    sky = overhead()
    if volume.fast_restored:
        return 0.0, 100
    rate = volume.initialization_rate or sky.settings.hydration_mib_s
    whole_s = max(1.0, volume.hydration_bytes / MIB / rate)
    done_s = max(0.0, sky.now_s - volume.ready_at_s)
    return max(0.0, whole_s - done_s), min(100, int(100 * done_s / whole_s))
