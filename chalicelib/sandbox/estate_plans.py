"""What the demo estates consist of, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ROOT = "/dev/xvda"
MOST_DISKS = 27  # as many device names as there are here
DATA = ("/dev/sdf", "/dev/sdg", "/dev/sdh", "/dev/sdi", "/dev/sdj", "/dev/sdk", "/dev/sdl", "/dev/sdm")


@dataclass(frozen=True)
class Disk:
    """A volume to be. `iops` and `throughput` (MiB/s) as EBS takes them; a named one can be attached twice."""

    device: str
    kind: str
    gib: int
    iops: int | None = None
    throughput: int | None = None
    encrypted: bool = False
    protected: bool = True
    shared: bool = False
    name: str = ""


@dataclass(frozen=True)
class Machine:
    """An instance to be, in the zone with this number."""

    name: str
    zone: int
    type: str
    disks: tuple[Disk, ...]

    def tags(self) -> dict[str, str]:
        """Return the tags of the instance."""
        return {"Name": self.name, "app": "shop", "tier": self.name.rsplit("-", 1)[0], "backup": "nightly"}


def _gp3(device: str, gib: int, iops: int = 3000, throughput: int = 125, *, encrypted: bool = False) -> Disk:
    return Disk(device, "gp3", gib, iops, throughput, encrypted)


def _scratch(device: str) -> Disk:
    return Disk(device, "gp3", 10, 3000, 125, protected=False)


_SMALL_SHARED = Disk(DATA[1], "io2", 50, 4000, encrypted=True, shared=True, name="shared")
_SMALL = (
    Machine("web-1", 0, "m6i.large", (_gp3(ROOT, 8), _gp3(DATA[0], 20))),
    Machine("web-2", 1, "m6i.large", (_gp3(ROOT, 8), _gp3(DATA[0], 20))),
    Machine(
        "db-1",
        0,
        "r6i.xlarge",
        (_gp3(ROOT, 16, encrypted=True), Disk(DATA[0], "io2", 100, 3000, encrypted=True), _SMALL_SHARED),
    ),
    Machine("db-2", 0, "r6i.xlarge", (_gp3(ROOT, 16, encrypted=True), _SMALL_SHARED)),
    Machine("batch-1", 2, "m6i.large", (_gp3(ROOT, 8), Disk(DATA[0], "st1", 125), _scratch(DATA[1]))),
)

_SHOP_SHARED = Disk(DATA[1], "io2", 60, 6000, encrypted=True, shared=True, name="spool")


def _db(number: int) -> Machine:
    disks = (
        _gp3(ROOT, 30, encrypted=True),
        Disk(DATA[0], "io2", 200, 8000, encrypted=True),
        _gp3(DATA[1], 50, 6000, 250, encrypted=True),
    )
    return Machine(f"db-{number}", number - 1, "r6i.2xlarge", disks)


_SHOP = (
    *(Machine(f"web-{n}", n - 1, "m6i.large", (_gp3(ROOT, 8), _gp3(DATA[0], 20))) for n in (1, 2, 3)),
    *(Machine(f"api-{n}", n - 1, "m6i.xlarge", (_gp3(ROOT, 16), _gp3(DATA[0], 40, 4000))) for n in (1, 2, 3)),
    *(_db(n) for n in (1, 2, 3)),
    Machine("queue-1", 1, "r6i.large", (_gp3(ROOT, 8), _gp3(DATA[0], 40, 3000, 250), _SHOP_SHARED)),
    Machine("queue-2", 1, "r6i.large", (_gp3(ROOT, 8), _gp3(DATA[0], 40, 3000, 250), _SHOP_SHARED)),
    Machine("batch-1", 2, "m6i.2xlarge", (_gp3(ROOT, 16), Disk(DATA[0], "st1", 500), _scratch(DATA[1]))),
)

PLANS: dict[str, tuple[tuple[Machine, ...], list[tuple[int, Disk]]]] = {
    "small": (_SMALL, [(1, Disk("/dev/archive", "gp2", 30, name="archive"))]),
    "shop": (_SHOP, [(0, Disk("/dev/archive", "sc1", 250, encrypted=True, name="archive"))]),
}


def fleet(volumes: int, per_instance: int) -> Iterator[Machine]:
    """Yield machines with so many volumes in all, spread over three zones.

    Raises:
        ValueError: a number is below one, or a machine would hold more than 27 volumes.
    """
    if volumes < 1 or not 1 <= per_instance <= MOST_DISKS:
        raise ValueError(f"a fleet has at least one volume, and 1 to {MOST_DISKS} of them per instance")
    devices = (ROOT, *(f"/dev/sd{letter}" for letter in "bcdefghijklmnopqrstuvwxyz"), "/dev/xvdb")
    left, number = volumes, 0
    while left:
        number += 1
        disks = tuple(_gp3(devices[i], 8 + (number + i) % 5 * 8) for i in range(min(left, per_instance)))
        left -= len(disks)
        yield Machine(f"node-{number}", number % 3, "m6i.large", disks)
