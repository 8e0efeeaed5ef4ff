"""The changes with which the points of one volume take over: on, fast, then the older ones off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.actions.base import StepContext
from chalicelib.actions.ebs_sources import Source
from chalicelib.aws.fast_restores import ENABLED, FastRestore
from chalicelib.aws.zones import Zones
from chalicelib.domain import fast_restoring as fast
from chalicelib.domain.change import Change, ChangeKind


@dataclass(frozen=True)
class Case:
    """One volume.

    Attributes:
        source: Its newest usable point.
        slow: Why that is to be fast; empty when it need not be.
        old: What Lifeboat enabled for it and is to be disabled.
        new: What AWS shows of the newest point in each wanted zone (ID); empty when it need not be fast.
    """

    source: Source
    slow: str
    old: Sequence[FastRestore]
    new: Mapping[str, FastRestore | None]

    @property
    def name(self) -> str:
        """The volume."""
        return self.source.facts.volume_id

    @property
    def snapshot(self) -> str:
        """The newest point."""
        return self.source.point.snapshot_id

    @property
    def policy(self) -> str:
        """The policy of its points."""
        return self.source.point.policy

    @property
    def size(self) -> int:
        """The volume's size in GiB when the point was made."""
        return self.source.facts.size_gib

    @property
    def missing(self) -> list[str]:
        """The zones in which it is still to be enabled."""
        return [zone for zone, one in self.new.items() if one is None or not one.on]


def changes_of(
    case: Case, cases: Mapping[str, Case], after: Mapping[str, str], zones: Zones, ctx: StepContext
) -> Iterator[Change]:
    """Yield the changes for one volume.

    Args:
        case: The volume.
        cases: All volumes, by name.
        after: Whose turn has to be over before that of a volume.
        zones: The Region's.
        ctx: The step.
    """
    made = _Making(case, zones, ctx)
    before = cases.get(after[case.name])
    first = [made.name("off", one.snapshot_id, one.zone_id) for one in before.old] if before else []
    for zone in case.missing:
        yield made.enable(zone, first)
    for zone in sorted({one.zone_id for one in case.old} & set(case.new)):
        if not made.ready(zone):
            yield made.wait(zone)
    for one in case.old:
        yield made.disable(one)


@dataclass(frozen=True)
class _Making:
    case: Case
    zones: Zones
    ctx: StepContext

    def name(self, what: str, snapshot: str, zone: str) -> str:
        """Name a change as other changes name it."""
        return f"{self.ctx.step_id}/{_key(what, snapshot, zone)}"

    def ready(self, zone: str) -> bool:
        """Return True when the newest point has had time for a first credit in a zone."""
        there = self.case.new[zone]
        if there is None or there.state != ENABLED or there.enabled is None:
            return False
        return there.enabled + fast.first_credit_in(self.case.size) <= self.ctx.now

    def enable(self, zone: str, after: Sequence[str]) -> Change:
        reason = f"{self.case.name}: {self.case.slow}."
        return self._change("on", "enable", self.case.snapshot, zone, reason, after)

    def wait(self, zone: str) -> Change:
        """Return the change that changes nothing: older points stay on until this one can give a fast volume."""
        first = [self.name("on", self.case.snapshot, zone)] if zone in self.case.missing else []
        made = self._change("fast", "wait", self.case.snapshot, zone, "Older points stay on until then.", first)
        wait_s = int(fast.first_credit_in(self.case.size).total_seconds())
        return made.model_copy(update={"params": {**made.params, "credit_s": wait_s}})

    def disable(self, old: FastRestore) -> Change:
        new = self.case.snapshot if self.case.new else ""
        waits = new and not self.ready(old.zone_id)
        reason = f"{new} of {self.case.name} is newer." if new else f"{self.case.name} can be read in fast enough."
        after = [self.name("fast", new, old.zone_id)] if waits else []
        made = self._change("off", "disable", old.snapshot_id, old.zone_id, reason, after)
        return made.model_copy(update={"params": {**made.params, "newer": new}})

    def _change(self, what: str, do: str, snapshot: str, zone: str, reason: str, after: Sequence[str]) -> Change:
        params = {"do": do, "snapshot": snapshot, "zone": self.zones.name_of(zone), "zone_id": zone}
        return Change(
            key=_key(what, snapshot, zone),
            kind=ChangeKind.MODIFY,
            resource=snapshot,
            region=self.ctx.region,
            reason=f"{_SAID[do]} in {zone}. {reason}",
            after=tuple(after),
            targets=(self.case.name,),
            params={**params, "volume": self.case.name, "size_gib": self.case.size, "policy": self.case.policy},
            order=f"{self.case.name}.{what}",
        )


_SAID = {
    "enable": "Fast snapshot restore is enabled",
    "wait": "Nothing is sent: it is waited until volumes of it are fast",
    "disable": "Fast snapshot restore is disabled",
}


def _key(what: str, snapshot: str, zone: str) -> str:
    return f"{what}.{snapshot}.{zone}"


def turning_off(change: Change) -> Change:
    """Return the change that takes an enabling back."""
    snapshot, zone = str(change.params["snapshot"]), str(change.params["zone_id"])
    return change.model_copy(
        update={
            "key": _key("off", snapshot, zone),
            "reason": f"Fast snapshot restore is disabled in {zone}: this run enabled it.",
            "after": (),
            "params": {**change.params, "do": "disable", "newer": ""},
        }
    )
