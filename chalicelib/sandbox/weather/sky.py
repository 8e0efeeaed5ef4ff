"""The one sky over this process: clock, settings, books, mail, and what each Region keeps beside moto's stores."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from chalicelib.sandbox.weather.books import Books
from chalicelib.sandbox.weather.buckets import BucketRack
from chalicelib.sandbox.weather.chance import draw
from chalicelib.sandbox.weather.clock import Clock
from chalicelib.sandbox.weather.darkness import Darkness
from chalicelib.sandbox.weather.fast import FastRestore
from chalicelib.sandbox.weather.mail import Mail
from chalicelib.sandbox.weather.settings import Weather

ACCOUNT = "123456789012"


@dataclass
class Land:
    """What one Region keeps beside moto's stores: indexes, tokens, and tags that are not yet seen by everyone."""

    region: str
    backend: Any
    by_tag: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    fresh_tags: dict[str, dict[str, tuple[float, str | None]]] = field(default_factory=dict)
    snapshots_of: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    pending: list[Any] = field(default_factory=list)
    copies: list[Any] = field(default_factory=list)
    last_snapshot_s: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    instances: dict[str, Any] = field(default_factory=dict)
    copied_volumes: dict[tuple[str, str], str] = field(default_factory=dict)
    fast: dict[tuple[str, str], FastRestore] = field(default_factory=dict)  # by snapshot and zone's name


class Sky:
    """Everything the weather knows. One per process; a fork has its own copy."""

    def __init__(self, start_s: float, settings: Weather | None = None, *, weather: bool = True) -> None:
        self.weather = weather
        self.clock = Clock(start_s)
        self.settings = settings or Weather()
        self.books = Books()
        self.buckets = BucketRack()
        self.mail = Mail(self)
        self.darkness = Darkness(self)
        self.published: list[dict[str, Any]] = []
        self.calls_towards_kill = 0
        self.lands: dict[str, Land] = {}
        self.databases: dict[str, Any] = {}  # what RDS keeps, by Region
        self.scaling: dict[str, Any] = {}  # what Auto Scaling keeps, by Region
        self.fronts: dict[str, Any] = {}  # what Elastic Load Balancing keeps, by Region
        self.alarms: dict[str, Any] = {}  # what CloudWatch keeps, by Region
        self.shifts: dict[str, Any] = {}  # what ARC keeps, by Region
        self._serial = itertools.count(1)

    @property
    def now_s(self) -> float:
        """The virtual time, in seconds since 1970."""
        return self.clock.now_s

    def shifted_from(self, region: str, resource: str, zone_name: str) -> bool:
        """Tell whether the traffic of a resource is shifted away from a zone."""
        kept = self.shifts.get(region)
        away = kept.away_from(resource, self.now_s) if kept else set()
        return bool(away) and self.darkness.known(region, zone_name)[1] in away

    def next_serial(self) -> int:
        """Return a number that orders things by when they were made."""
        return next(self._serial)

    def draw(self, *what: object) -> float:
        """Return a seeded number in [0, 1) for this purpose."""
        return draw(self.settings.seed, *what)

    def change(self, changes: dict[str, Any]) -> None:
        """Change settings; a `kill` starts counting anew.

        Raises:
            pydantic.ValidationError: a setting is unknown or out of range; nothing is changed.
        """
        self.settings = self.settings.with_changes(changes)
        if "kill" in changes:
            self.calls_towards_kill = 0

    def land(self, region: str) -> Land:
        """Return what is kept for a Region.

        Raises:
            KeyError: there is no such Region.
        """
        found = self.lands.get(region)
        if found is None:
            from moto.ec2.models import ec2_backends

            found = self.lands[region] = Land(region, ec2_backends[ACCOUNT][region])
        return found


_over: list[Sky] = []


def spread(sky: Sky) -> None:
    """Make this the sky of the process; moto's things look up to it when they are made or asked."""
    _over[:] = [sky]


def overhead() -> Sky:
    """Return the sky of this process.

    Raises:
        IndexError: no sky was spread yet.
    """
    return _over[0]
