"""Counts what is asked of AWS: calls are throttled per account, so they are what costs."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


class CallCounter:
    """Counts requests on the wire by service, operation and Region; retries count as often as they were sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def note(self, service: str, operation: str, region: str) -> None:
        """Count one request."""
        with self._lock:
            self._counts[service, operation, region] += 1

    def attach(self, client: Any) -> None:
        """Count every request that a boto3 client sends from now on."""
        meta = client.meta
        service, region = meta.service_model.service_name, meta.region_name

        def before_send(event_name: str, **_: Any) -> None:
            self.note(service, event_name.rsplit(".", 1)[-1], region)

        meta.events.register("before-send.*.*", before_send)

    def take(self) -> dict[tuple[str, str, str], int]:
        """Return the counts since the last take, and start again at zero."""
        with self._lock:
            taken, self._counts = dict(self._counts), Counter()
        return taken
