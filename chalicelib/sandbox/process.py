"""The sandbox as a process of its own: started, used by URL, closed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from chalicelib.sandbox.client import Control
from chalicelib.sandbox.weather.clock import DEFAULT_START

PATIENCE_S = 3.0  # real time
ROOT = Path(__file__).resolve().parents[2]


class Sandbox:
    """A running sandbox. Use `Sandbox.start()`, as a context manager or with `close()`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url
        self.control = Control(url)

    @classmethod
    def start(cls, *, seed: int = 1, start: str = DEFAULT_START, weather: bool = True, port: int = 0) -> Sandbox:
        """Start a server and wait until it is ready (about two seconds of real time).

        Args:
            seed: Seed of all chance.
            start: The virtual time at the start, ISO 8601 UTC.
            weather: False for plain moto.
            port: Loopback port; 0 takes a free one.

        Raises:
            RuntimeError: the server ended before it was ready.
        """
        command = [sys.executable, "-m", "chalicelib.sandbox.server", "--port", str(port), "--seed", str(seed)]
        command += ["--start", start, "--weather", "on" if weather else "off", "--parent-pid", str(os.getpid())]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - our own code
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError(f"the sandbox ended with {process.wait()} before it was ready")
        return cls(process, json.loads(line)["url"])

    def close(self) -> None:
        """End the server. Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self.control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
