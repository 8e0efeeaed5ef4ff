"""Demo estates, built inside the server on moto's stores: fast, and finished at once.

`small` is for tests (12 volumes), `shop` for the demo (30 volumes), `fleet` for scale. All have the home Region
us-east-1, the recovery Region us-west-2, a key in each and the SNS topics `oncall` and `backups` at home.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.sandbox import front
from chalicelib.sandbox.autoscaling import estate as groups
from chalicelib.sandbox.ec2 import history
from chalicelib.sandbox.estate_plans import PLANS, Disk, Machine, fleet
from chalicelib.sandbox.rds import estate as databases
from chalicelib.sandbox.rds import replicas
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME, RECOVERY = "us-east-1", "us-west-2"
INSTANT = {"visibility_s": 0, "volume_create_s": 0, "attach_s": 0, "instance_start_s": 0}


@dataclass
class _Built:
    volumes: list[str] = field(default_factory=list)
    protected: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def build(sky: Sky, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """Build an estate and return what is in it.

    Args:
        sky: Where.
        name: `small`, `shop` or `fleet`; or what is added: `databases`, `replicas` of these, `front` or `groups`
            (their modules tell what they return), or `history`: so many `nights` in which every volume was backed up.
        params: For `fleet`: `volumes` (how many in all) and `per_instance`.

    Returns:
        `volumes` and `instances` (all ids), `protected` (ids of volumes tagged backup=nightly), `names` (name to id),
        `keys` (alias to ARN), `topic` (ARN of `oncall`), `zones`, `region`, `recovery_region`.

    Raises:
        ValueError: there is no such estate, or it takes no such parameters.
    """
    if name in {"databases", "front", "groups", "history", "replicas"}:
        return _added(sky, name, params)
    machines, loose = _plan(name, params)
    backend = sky.land(HOME).backend
    zones = [zone.name for zone in backend.describe_availability_zones()][:3]
    with _instantly(sky):
        keys = {"alias/shop": _key(HOME, "alias/shop"), "alias/recovery": _key(RECOVERY, "alias/recovery")}
        builder = _Builder(backend, zones, keys["alias/shop"])
        for machine in machines:
            builder.machine(machine)
        for zone, disk in loose:
            builder.disk(disk, zones[zone], None)
    built = builder.built
    return {
        "region": HOME,
        "recovery_region": RECOVERY,
        "zones": zones,
        "keys": keys,
        "topic": _topic(),
        "volumes": built.volumes,
        "protected": built.protected,
        "instances": built.instances,
        "names": built.names,
    }


def _added(sky: Sky, name: str, params: dict[str, Any]) -> dict[str, Any]:
    if name == "databases":
        return _databases(sky)
    if name == "groups":
        with _instantly(sky):
            return groups.build(sky, HOME)
    if name == "front":
        return front.build(sky, HOME, params)
    if name == "replicas":
        return _replicas(sky)
    count, policy = int(params["nights"]), str(params.get("policy", "nightly"))
    return {"snapshots": history.nights(sky, HOME, RECOVERY, count, policy)}


def _databases(sky: Sky) -> dict[str, Any]:
    zones = [zone.name for zone in sky.land(HOME).backend.describe_availability_zones()][:3]
    key_arn = _key(HOME, "alias/shop")
    _key(RECOVERY, "alias/recovery")
    with _instantly(sky):
        return databases.build(sky, HOME, RECOVERY, zones, key_arn)


def _replicas(sky: Sky) -> dict[str, Any]:
    here, there = (
        [str(zone.name) for zone in sky.land(region).backend.describe_availability_zones()]
        for region in (HOME, RECOVERY)
    )
    return {"replicas": replicas.build(sky, HOME, RECOVERY, here[2], there[0], _key(RECOVERY, "alias/recovery"))}


def _plan(name: str, params: dict[str, Any]) -> tuple[Iterable[Machine], list[tuple[int, Disk]]]:
    if name == "fleet":
        return fleet(int(params.get("volumes", 1000)), int(params.get("per_instance", 4))), []
    if name not in PLANS or params:
        raise ValueError(f"no estate '{name}' with the parameters {sorted(params)}: {sorted(PLANS)} take none")
    return PLANS[name]


@contextmanager
def _instantly(sky: Sky) -> Iterator[None]:
    before = sky.settings
    sky.settings = before.with_changes(INSTANT)
    try:
        yield
    finally:
        sky.settings = before


def _key(region: str, alias: str) -> str:
    from moto.kms.models import kms_backends

    backend = kms_backends[ACCOUNT][region]
    found = backend.get_key_id_from_alias(alias)
    if found:
        return str(backend.keys[found].arn)
    key = backend.create_key("", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", f"The key {alias}", [])
    backend.create_alias(key.id, alias)
    return str(key.arn)


def _topic() -> str:
    from moto.sns.models import sns_backends

    sns_backends[ACCOUNT][HOME].create_topic("backups")
    return str(sns_backends[ACCOUNT][HOME].create_topic("oncall").arn)


class _Builder:
    def __init__(self, backend: Any, zones: list[str], key_arn: str) -> None:
        self.backend, self.zones, self.key_arn = backend, zones, key_arn
        self.built = _Built()
        self._subnets = {zone: subnet.id for zone, subnet in backend.get_default_subnets().items()}
        self._image = backend.register_image("lifeboat-demo", "The image of the demo's machines")
        self._image.root_device_name = "/dev/xvda"
        vpc_id = backend.get_default_vpc().id
        name = f"shop-{len(backend.groups[vpc_id])}"  # an estate may be built beside another
        self._group = backend.create_security_group(name, "The machines of the shop", vpc_id)
        backend.snapshots.pop(self._image.ebs_snapshot.id)  # the image is the vendor's, and so is what it is made of

    def machine(self, machine: Machine) -> None:
        zone = self.zones[machine.zone % len(self.zones)]
        reservation = self.backend.run_instances(
            self._image.id,
            1,
            None,
            [],
            region_name=HOME,
            is_instance_type_default=True,
            instance_type=machine.type,
            subnet_id=self._subnets[zone],
            placement=zone,
            block_device_mappings=[],
            security_group_ids=[self._group],
            tags={"instance": machine.tags()},
        )
        [instance] = reservation.instances
        instance.started_at_s = 0.0  # long ago: its status checks are over
        role = f"shop-{machine.tags()['tier']}"
        instance.iam_instance_profile = {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/{role}", "Id": role}
        self.built.instances.append(instance.id)
        self.built.names[machine.name] = instance.id
        for disk in machine.disks:
            volume_id = self.built.names.get(disk.name) or self.disk(disk, zone, machine)
            self.backend.attach_volume(volume_id, instance.id, disk.device, disk.device == "/dev/xvda")

    def disk(self, disk: Disk, zone: str, machine: Machine | None) -> str:
        volume = self.backend.create_volume(
            size=disk.gib,
            zone_name=zone,
            encrypted=disk.encrypted,
            kms_key_id=self.key_arn if disk.encrypted else None,
            volume_type=disk.kind,
            iops=disk.iops,
            throughput=disk.throughput,
            multi_attach_enabled=disk.shared,
        )
        name = disk.name or f"{machine.name if machine else 'loose'}{disk.device.removeprefix('/dev')}"
        volume_id = str(volume.id)
        self.built.volumes.append(volume_id)
        self.built.names[name] = volume_id
        if disk.protected:
            self.built.protected.append(volume_id)
            self.backend.create_tags([volume_id], {"Name": name, "app": "shop", "backup": "nightly"})
        return volume_id
