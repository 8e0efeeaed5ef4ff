"""The changes that replace one instance, in order: image, launch, tags of the volumes, fence, then what moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_sources import Group, Source
from chalicelib.actions.ec2_recorded import base_request
from chalicelib.actions.ec2_replacement_given import LaunchReplacementsInput
from chalicelib.aws import health, tags
from chalicelib.domain.change import Change, ChangeKind

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef


@dataclass(frozen=True)
class Case:
    """One instance and everything that its replacement takes.

    Attributes:
        instance: As DescribeInstances shows it.
        zone_id: The zone that it is in.
        status: `ok`, `impaired` or `unknown`.
        group: What its volumes are restored from.
        sites: Where it can be launched, in the order in which it is tried.
        known: What only its attributes tell.
        notes: What its owner has to know.
        rates: The initialization rate of each volume.
        fast: The volumes that fast snapshot restore is to have read in at once.
        addresses: Allocation ids of its Elastic IP addresses.
        targets: Where it is registered as a target.
    """

    instance: InstanceTypeDef
    zone_id: str
    status: str
    group: Group
    sites: Sequence[dict[str, Any]] = ()
    known: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rates: Mapping[str, int | None] = field(default_factory=dict)
    fast: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()
    targets: tuple[Mapping[str, str | int], ...] = ()

    @property
    def name(self) -> str:
        """The instance's id."""
        return self.instance["InstanceId"]

    @property
    def root(self) -> Source | None:
        """What its root volume is restored from."""
        device = self.instance.get("RootDeviceName")
        return next((s for s in self.group.sources.values() if s.facts.boot or s.facts.device == device), None)


def changes_of(case: Case, given: LaunchReplacementsInput, ctx: StepContext) -> Iterator[Change]:
    """Yield the changes for one instance. In a drill only what makes the new one."""
    make = _Maker(case, given, ctx)
    if make.root is not None:
        yield make.image(make.root)
    yield make.launch()
    if ctx.drill:
        return
    yield make.volume_tags()
    if given.old == "leave":
        return
    yield make.fence()
    yield from (make.address(one) for one in case.addresses)
    yield from (make.target(number, one) for number, one in enumerate(case.targets, 1))


class _Maker:
    def __init__(self, case: Case, given: LaunchReplacementsInput, ctx: StepContext) -> None:
        self.case, self.given, self.ctx = case, given, ctx
        self.root = case.root if given.root == "point" else None
        # Whoever still answers is disrupted; who does not is not.
        self.hurts = case.status != health.IMPAIRED and not ctx.drill

    def _change(self, key: str, kind: ChangeKind, reason: str, params: dict[str, Any], *needs: str) -> Change:
        case = self.case
        return Change(
            key=key,
            kind=ChangeKind.DISRUPT if self.hurts else kind,
            resource=case.name,
            region=self.ctx.region,
            reason=reason,
            after=tuple(f"{self.ctx.step_id}/{need}" for need in needs),
            targets=(case.name,),
            params={"instance": case.name, "old": case.name, **params},
            order=case.name,
            group=case.name,
        )

    def image(self, root: Source) -> Change:
        instance = self.case.instance
        traits: dict[str, Any] = {
            "Architecture": instance.get("Architecture", "x86_64"),
            "RootDeviceName": instance.get("RootDeviceName", ""),
            "VirtualizationType": instance.get("VirtualizationType", "hvm"),
            "EnaSupport": instance.get("EnaSupport", True),
        }
        if instance.get("BootMode"):
            traits["BootMode"] = instance["BootMode"]
        ebs = {k: v for k, v in root.block().items() if k not in {"Encrypted", "KmsKeyId"}}
        params = {
            "do": "image",
            "traits": traits,
            "ebs": {**ebs, "DeleteOnTermination": True},
            "point": tags.iso(root.point.at),
            "status": self.case.status,
        }
        reason = f"An image whose root is {root.point.snapshot_id} of {root.point.at:%Y-%m-%d %H:%M} UTC."
        return self._change(f"image.{self.case.name}", ChangeKind.CREATE, reason, params)

    def launch(self) -> Change:
        case, given, ctx = self.case, self.given, self.ctx
        restored = [s for s in case.group.sources.values() if self.root is not None or s is not case.root]
        at = min((s.point.at for s in restored), default=None)
        template = given.launch_template.partition(":") if given.launch_template else ("", "", "")
        asked = {"LaunchTemplateId": template[0], **({"Version": template[2]} if template[2] else {})}
        params = {
            "do": "launch",
            "base": base_request(case.instance, case.known, asked if template[0] else {}, ctx.drill),
            "image": "" if self.root is not None or template[0] else case.instance.get("ImageId", ""),
            "sites": [*case.sites],
            "blocks": [self._block(source) for source in restored],
            "devices": {self._device(source): source.facts.volume_id for source in restored},
            "tags": tags.of_user(tags.of(case.instance)),
            "point": tags.iso(at) if at else "",
            "status": case.status,
            "old_zone": case.zone_id,
            "old_address": case.instance.get("PrivateIpAddress", ""),
            "waits": given.wait_for == "initialised",
            "fast": sorted(case.fast & {source.facts.volume_id for source in restored}),
            "notes": [*case.notes],
        }
        of = f" with its volumes of {at:%Y-%m-%d %H:%M} UTC" if at else ""
        first = case.sites[0]
        reason = f"A replacement in {first['zone_id']} ({first['type']}){of}; it is {case.status} in {case.zone_id}."
        needs = (f"image.{case.name}",) if self.root is not None else ()
        change = self._change(case.name, ChangeKind.CREATE, reason, params, *needs)
        return change.model_copy(update={"size_gib": sum(source.facts.size_gib for source in restored)})

    def _device(self, source: Source) -> str:
        root = source is self.case.root
        return str(self.case.instance.get("RootDeviceName")) if root else source.facts.device

    def _block(self, source: Source) -> dict[str, Any]:
        device, ebs = self._device(source), source.block(self.case.rates.get(source.facts.volume_id))
        if source is self.case.root:
            ebs.pop("SnapshotId")  # the image says it
            if source.key == source.point.kms_key:
                ebs = {name: value for name, value in ebs.items() if name not in {"Encrypted", "KmsKeyId"}}
        blocks = self.case.instance.get("BlockDeviceMappings", [])
        kept = {block.get("DeviceName"): block.get("Ebs", {}).get("DeleteOnTermination", False) for block in blocks}
        return {"DeviceName": device, "Ebs": {**ebs, "DeleteOnTermination": bool(self.ctx.drill or kept.get(device))}}

    def volume_tags(self) -> Change:
        restored = [s for s in self.case.group.sources.values() if self.root is not None or s is not self.case.root]
        params = {"do": "tags", "tags": {source.facts.volume_id: dict(source.user_tags) for source in restored}}
        reason = "The new volumes get the tags of the old ones."
        return self._change(f"tags.{self.case.name}", ChangeKind.MODIFY, reason, params, self.case.name)

    def fence(self) -> Change:
        params = {"do": "fence", **self._fencing(), "defer": True}
        done = "isolated" if self.given.old == "isolate" else "stopped"
        reason = f"It is {done} once its replacement runs; while {self.case.zone_id} is dark that is owed."
        return self._change(f"fence.{self.case.name}", ChangeKind.MODIFY, reason, params, self.case.name)

    def _fencing(self) -> dict[str, Any]:
        """Return how the old instance is fenced, and what it takes to let it go again."""
        groups = sorted(group.get("GroupId", "") for group in self.case.instance.get("SecurityGroups", []))
        zone = self.case.zone_id
        return {"how": self.given.old, "isolation": self.given.isolation_group, "groups": groups, "zone_id": zone}

    def address(self, allocation: str) -> Change:
        params = {"do": "address", "from": self.case.name, **self._fencing()}
        needs = (self.case.name, f"fence.{self.case.name}")
        change = self._change(
            f"address.{allocation}", ChangeKind.MODIFY, "It moves to the replacement.", params, *needs
        )
        return change.model_copy(update={"resource": allocation})

    def target(self, number: int, one: Mapping[str, str | int]) -> Change:
        params = {"do": "targets", **one, **self._fencing()}
        needs = (self.case.name, f"fence.{self.case.name}")
        reason = f"Its registration with {one['name']} moves to the replacement."
        return self._change(f"target.{number}.{self.case.name}", ChangeKind.MODIFY, reason, params, *needs)
