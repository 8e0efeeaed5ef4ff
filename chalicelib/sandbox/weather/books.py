"""What the sandbox writes down: every call and its outcome, every fault it made."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

LOG_LENGTH = 200_000


@dataclass(frozen=True)
class Entry:
    """One call that arrived; `at` is virtual UTC."""

    n: int
    at: str
    service: str
    operation: str
    region: str
    outcome: str


class Books:
    """Counts of calls and faults since the last reset."""

    def __init__(self) -> None:
        self.numbers: Counter[tuple[str, str, str]] = Counter()  # call numbers for chance: never reset
        self.faults: Counter[str] = Counter()
        self._n = 0
        self._log: deque[Entry] = deque(maxlen=LOG_LENGTH)
        self._by: Counter[tuple[str, str, str, str]] = Counter()

    def number(self, service: str, operation: str, region: str) -> int:
        """Return the number of this call among the calls of its operation in its Region, from 1."""
        key = (service, operation, region)
        self.numbers[key] += 1
        return self.numbers[key]

    def fault(self, kind: str) -> None:
        """Count one fault that was injected."""
        self.faults[kind] += 1

    def call(self, at: str, service: str, operation: str, region: str, outcome: str) -> None:
        """Write down one call."""
        self._n += 1
        self._log.append(Entry(self._n, at, service, operation, region, outcome))
        self._by[(service, operation, region, outcome)] += 1

    def summary(self) -> dict[str, Any]:
        """Return the counts by service, operation, Region and outcome, most frequent first."""
        names = ("service", "operation", "region", "outcome")
        by = [{**dict(zip(names, key, strict=True)), "count": count} for key, count in self._by.most_common()]
        return {"total": sum(self._by.values()), "by": by}

    def log(self, after: int) -> list[dict[str, Any]]:
        """Return the calls with a number above `after`, in order; only the last 200,000 are kept."""
        return [asdict(entry) for entry in self._log if entry.n > after]

    def reset(self) -> None:
        """Forget the calls. Faults, and the call numbers that chance depends on, go on."""
        self._by.clear()
        self._log.clear()
        self._n = 0
