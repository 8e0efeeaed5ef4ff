"""One snapshot's fast snapshot restore in one zone, as a function of virtual time. Instants are seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HOUR_S = 3600.0
TIB_GIB = 1024
TURNS_S = 30.0  # how long `enabling` and `disabling` last; assumed
SHOWN_S = HOUR_S  # how long it is shown as `disabled`; assumed


@dataclass
class FastRestore:
    """Since when it is on, until when, and how many credits were left at some instant."""

    size: int
    since_s: float
    off_s: float | None = None
    credits: float = 0.0
    counted_s: float = 0.0

    @property
    def enabled_s(self) -> float:
        """When it is enabled: an hour per TiB after it was asked for."""
        return self.since_s + TURNS_S + self.size * HOUR_S / TIB_GIB

    def state(self, now_s: float) -> str:
        """Return `enabling`, `optimizing`, `enabled`, `disabling` or `disabled`."""
        if self.off_s is not None:
            return "disabling" if now_s < self.off_s + TURNS_S else "disabled"
        if now_s < self.since_s + TURNS_S:
            return "enabling"
        return "optimizing" if now_s < self.enabled_s else "enabled"

    def shown(self, now_s: float) -> bool:
        """Return True while a listing shows it."""
        return self.off_s is None or now_s < self.off_s + TURNS_S + SHOWN_S

    def times(self) -> Iterator[tuple[str, float]]:
        """Yield when it entered, or will enter, each state; what it was disabled before is left out."""
        until = float("inf") if self.off_s is None else self.off_s
        on = (("enablingTime", 0.0), ("optimizingTime", TURNS_S), ("enabledTime", self.enabled_s - self.since_s))
        yield from ((name, self.since_s + after_s) for name, after_s in on if self.since_s + after_s <= until)
        if self.off_s is not None:
            yield "disablingTime", self.off_s
            yield "disabledTime", self.off_s + TURNS_S

    def take(self, now_s: float) -> bool:
        """Take a credit for a volume; False when it is not enabled, or there is less than one."""
        if self.state(now_s) != "enabled":
            return False
        per_hour = min(10.0, TIB_GIB / self.size)
        filled = self.credits + (now_s - max(self.counted_s, self.enabled_s)) / HOUR_S * per_hour
        self.credits, self.counted_s = min(max(1.0, per_hour), filled), now_s
        if self.credits < 1:
            return False
        self.credits -= 1
        return True
