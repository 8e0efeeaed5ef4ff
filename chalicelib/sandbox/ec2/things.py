"""Volumes, snapshots, attachments and instances whose states are a function of virtual time.

They stand in for moto's own classes, so that whatever moto still answers by itself sees the same states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.models.instances import Instance, InstanceState

from chalicelib.sandbox.weather.ground import virtual_utcnow
from chalicelib.sandbox.weather.sky import overhead

COPY_VOLUME_ID = "vol-ffffffff"  # what AWS shows as the volume of a copied snapshot; not to be used for anything
GIB = 1 << 30


@dataclass
class Hold:
    """One attachment of a volume to an instance. Instants are seconds since 1970."""

    volume: Any
    instance: Any
    device: str
    since_s: float
    ready_at_s: float
    delete_on_termination: bool = False
    gone_at_s: float | None = None
    attach_time: datetime = field(default_factory=virtual_utcnow)

    @property
    def volume_id(self) -> str:
        """The id of the volume."""
        return str(self.volume.id)

    @property
    def instance_id(self) -> str:
        """The id of the instance."""
        return str(self.instance.id)

    @property
    def status(self) -> str:
        """`attaching`, `attached` or `detaching`, by the clock."""
        if self.gone_at_s is not None:
            return "detaching"
        return "attaching" if overhead().now_s < self.ready_at_s else "attached"


class WeatherVolume(Volume):
    """A volume: creating, then available or in-use, or error; may be held by several instances."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.holds: list[Hold] = []
        super().__init__(*args, **kwargs)
        sky = overhead()
        self.size = int(self.size)
        self.serial = sky.next_serial()
        self.born_s = sky.now_s
        self.ready_at_s = sky.now_s + sky.settings.volume_create_s
        self.visible_at_s = sky.now_s + sky.settings.visibility_s
        self.fails: str | None = None
        self.initialization_rate: int | None = None
        self.hydration_bytes = 0
        self.fast_restored = False

    @property
    def attachment(self) -> Any:
        """The first attachment: moto knows of one only."""
        return self.holds[0] if self.holds else None

    @attachment.setter
    def attachment(self, value: Any) -> None:
        if value is None:
            self.holds.clear()

    @property
    def attachments(self) -> list[Any]:
        """All attachments that are not gone by now."""
        self.let_go()
        return list(self.holds)

    @property
    def status(self) -> str:
        """The state by the clock."""
        if overhead().now_s < self.ready_at_s:
            return "creating"
        if self.fails:
            return "error"
        return "in-use" if self.attachments else "available"

    def let_go(self) -> None:
        """Forget the attachments whose detaching is over, on both sides. Idempotent."""
        now_s = overhead().now_s
        for hold in [h for h in self.holds if h.gone_at_s is not None and h.gone_at_s <= now_s]:
            self.holds.remove(hold)
            mapping = hold.instance.block_device_mapping
            if hold.device in mapping and mapping[hold.device].volume_id == self.id:
                del mapping[hold.device]


class WeatherSnapshot(Snapshot):
    """A snapshot or copy: pending until `ready_at_s`, then completed, or error with a reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sky = overhead()
        self.serial = sky.next_serial()
        self.size = int(self.volume.size)
        self.began_s = sky.now_s
        self.ready_at_s = sky.now_s
        self.visible_at_s = sky.now_s + sky.settings.visibility_s
        self.fails: str | None = None
        self.deleted = False
        self.locked = False
        self.is_copy = False
        self.source_arn = ""
        self.origin_volume = str(self.volume.id)
        self.completion_minutes: int | None = None
        self.incremental = False
        self.full_bytes = int(self.size * GIB * used_share(self.origin_volume))
        land = sky.land(self.ec2_backend.region_name)
        land.snapshots_of[self.origin_volume].append(self)

    @property
    def status(self) -> str:
        """The state by the clock."""
        if overhead().now_s < self.ready_at_s:
            return "pending"
        return "error" if self.fails else "completed"

    @status.setter
    def status(self, value: str) -> None:
        """Ignore what moto sets: the clock decides."""

    @property
    def volume_id(self) -> str:
        """The source volume; for a copy the arbitrary id that AWS shows."""
        return COPY_VOLUME_ID if self.is_copy else self.origin_volume

    @property
    def volume_size(self) -> int:
        """The size of the volume when the snapshot began, in GiB."""
        return self.size

    @property
    def progress(self) -> str:
        """Progress as AWS writes it, linear in time: `0%` to `100%`; a failed one stays where it was seen last."""
        now_s, span_s = overhead().now_s, self.ready_at_s - self.began_s
        if now_s < self.ready_at_s and span_s > 0:
            return f"{int(99 * (now_s - self.began_s) / span_s)}%"
        return "99%" if self.fails else "100%"


def used_share(volume_id: str) -> float:
    """Return how much of a volume holds data: 0.3 to 0.9, the same for the same volume and seed."""
    return 0.3 + 0.6 * overhead().draw("used", volume_id)


class WeatherInstance(Instance):
    """An instance that takes time to start and to stop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sky = overhead()
        self.serial = sky.next_serial()
        self.visible_at_s = sky.now_s + sky.settings.visibility_s
        self.settled_at_s = sky.now_s + sky.settings.instance_start_s
        self.started_at_s = sky.now_s
        self.doomed = ""
        self.reservation_id = ""
        sky.land(self.ec2_backend.region_name).instances[self.id] = self

    @property
    def state_now(self) -> tuple[int, str]:
        """Code and name of the state by the clock; moto's own state is where it is heading."""
        code, name = self._state.code, self._state.name
        if overhead().now_s >= self.settled_at_s:
            return code, name
        if self.doomed:
            return 0, "pending"
        return {"running": (0, "pending"), "stopped": (64, "stopping"), "terminated": (32, "shutting-down")}[name]

    def start(self) -> InstanceState:
        """Start; `pending` for a while."""
        self.started_at_s = overhead().now_s
        return self._move(super().start, overhead().settings.instance_start_s)

    def stop(self) -> InstanceState:
        """Stop; `stopping` for a while."""
        return self._move(super().stop, overhead().settings.instance_stop_s)

    def terminate(self) -> InstanceState:
        """Terminate; `shutting-down` for a while."""
        return self._move(super().terminate, overhead().settings.instance_stop_s)

    def _move(self, way: Any, takes_s: float) -> InstanceState:
        code, name = self.state_now
        way()
        self.settled_at_s = overhead().now_s + takes_s
        return InstanceState(name, code)
