"""Engines in processes of their own, made by the fork server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.sweep.steering import NOWHERE

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cause:
    """Why a run is started; the same key is the same run. `at` is aware, UTC.

    An `event` is taken in as it is; a `book` is a runbook of the test's own.
    """

    key: str
    at: datetime
    kind: str = "schedule"
    runbook: str = "nightly-backup"
    event: dict[str, Any] | None = None
    mode: str = "run"
    inputs: dict[str, Any] = field(default_factory=dict)
    book: dict[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """How one engine's process ended, and what it told before (nothing when it was killed)."""

    status: int
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def killed(self) -> bool:
        """True when it was killed."""
        return self.status == -signal.SIGKILL

    @property
    def state(self) -> str:
        """The run's state as the engine saw it at the end; "" when it did not come to that."""
        return str(self.told.get("state", ""))

    @property
    def code(self) -> str:
        """The code of the error with which the engine refused; "" when it did not."""
        return str(self.told.get("refused", ""))


class Engines:
    """The fork server; use it as a context manager."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LIFEBOAT_"))}
        environment |= {
            "AWS_ENDPOINT_URL": NOWHERE,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [sys.executable, "-m", "tests.sweep.zygote"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )

    def run(self, url: str, causes: Sequence[Cause], settings: dict[str, Any] | None = None) -> list[Outcome]:
        """Start an engine for each cause, all at once, and return how they ended, in the same order.

        Args:
            url: The sandbox.
            causes: One for each engine.
            settings: What their settings have besides the defaults, JSON-safe.

        Raises:
            RuntimeError: the fork server has ended.
        """
        attempts = [
            {
                "url": url,
                "key": cause.key,
                "kind": cause.kind,
                "occurred_at": cause.at.isoformat(),
                "runbook": cause.runbook,
                **({"event": cause.event} if cause.event else {}),
                "mode": cause.mode,
                "inputs": cause.inputs,
                "book": cause.book,
            }
            for cause in causes
        ]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"attempts": attempts, "settings": settings or {}}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the fork server has ended with {self._process.wait()}")
        return [Outcome(ended["status"], ended["told"] or {}) for ended in json.loads(line)]

    def close(self) -> None:
        """End the fork server."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
