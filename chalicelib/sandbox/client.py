"""The other side of the sandbox: its control API in types, the engine's clock, and the hooks for botocore."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import botocore.endpoint
import botocore.session
import botocore.waiter
from botocore.loaders import Loader, create_loader

TIMEOUT_S = 120.0  # real time; estates for scale take a while

Json = dict[str, Any]


class Control:
    """The control API of one sandbox; safe to use from several threads and across forks.

    Raises:
        ValueError: from every call, when the sandbox refuses it; the text says why.
        OSError: the sandbox is gone.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self._lock = threading.Lock()
        self._open: tuple[int, http.client.HTTPConnection] | None = None

    def now(self) -> datetime:
        """Tell the virtual time, aware, in UTC."""
        return _moment(self._ask("GET", "now")["now"])

    def advance(self, seconds: float | None = None, *, to: datetime | None = None) -> datetime:
        """Move virtual time forward by so many seconds, or to an instant; returns the new time."""
        asked: Json = {"to": to.isoformat()} if to is not None else {"seconds": seconds or 0.0}
        return _moment(self._ask("POST", "advance", asked)["now"])

    def weather(self, **changes: Any) -> Json:
        """Change settings (none: just look) and return all of them; nested ones are merged key by key."""
        found: Json = self._ask("POST", "weather", changes) if changes else self._ask("GET", "weather")
        return found

    def kill(self, at: int | None, when: str = "after") -> None:
        """SIGKILL the calling process at its `at`-th call from now on, `before` or `after` its effect; None resets."""
        self._ask("POST", "weather", {"kill": None if at is None else {"at": at, "when": when}})

    def calls(self) -> Json:
        """Return `{"total": n, "by": [{service, operation, region, outcome, count}]}`."""
        found: Json = self._ask("GET", "calls")
        return found

    def reset_calls(self) -> None:
        """Forget the calls counted so far."""
        self._ask("POST", "calls/reset")

    def call_log(self, after: int = 0) -> list[Json]:
        """Return the calls in order: `{n, at, service, operation, region, outcome}`."""
        found: list[Json] = self._ask("GET", f"calls/log?after={after}")
        return found

    def faults(self) -> dict[str, int]:
        """Return how many faults of each kind were injected so far."""
        found: dict[str, int] = self._ask("GET", "faults")
        return found

    def estate(self, name: str, **params: Any) -> Json:
        """Build an estate (`small`, `shop`, `fleet`) and return its ids; see `chalicelib.sandbox.estates`."""
        found: Json = self._ask("POST", "estate", {"name": name, **params})
        return found

    def disaster(self, kind: str, **what: Any) -> Json:
        """Let a disaster strike, or `heal` one; see `sandbox.disasters`."""
        found: Json = self._ask("POST", "disaster", {"kind": kind, **what})
        return found

    def reached(self) -> list[Json]:
        """Return the calls that reached for something in a dark zone, in order: `{at, region, zone, what}`."""
        found: list[Json] = self._ask("GET", "reached")
        return found

    def fork(self) -> Control:
        """Return the control of a copy of the whole sandbox, a process of its own; end it with `quit()`."""
        return Control(self._ask("POST", "fork")["url"])

    def quit(self) -> None:
        """End the server behind this control."""
        self._ask("POST", "quit")
        self.close()

    def settle(self) -> None:
        """Make everything pending done, and everything hidden visible, at once."""
        self._ask("POST", "settle")

    def schedules(self, schedules: Sequence[Json]) -> list[Json]:
        """Add schedules `{name, expression, timezone, input}`; returns `{name, next}` of each."""
        found: list[Json] = self._ask("POST", "schedules", list(schedules))
        return found

    def events(self, after: int = 0) -> list[Json]:
        """Return the deliveries due by now: `{n, target: event | schedule, at, event}`, in order."""
        found: list[Json] = self._ask("GET", f"events?after={after}")
        return found

    def published(self, after: int = 0) -> list[Json]:
        """Return the SNS messages: `{n, topic, subject, message, attributes, at}`."""
        found: list[Json] = self._ask("GET", f"published?after={after}")
        return found

    def witness(self, service: str, region: str = "us-east-1") -> Any:
        """Return a boto3 client that sees the truth: no lag, no faults, no latency, and not counted."""
        return witness(self.url, service, region)

    def close(self) -> None:
        """Close the connection. Idempotent."""
        with self._lock:
            if self._open is not None:
                self._open[1].close()
                self._open = None

    def _ask(self, method: str, path: str, asked: Any = None) -> Any:
        body = None if asked is None else json.dumps(asked)
        with self._lock:
            status, text = self._send(method, f"/lifeboat/{path}", body)
        if status != http.client.OK:
            raise ValueError(f"the sandbox answered {status}: {text.decode()}")
        return json.loads(text)

    def _send(self, method: str, path: str, body: str | None) -> tuple[int, bytes]:
        if self._open is None or self._open[0] != os.getpid():  # a connection is not shared with a forked child
            self._open = (os.getpid(), http.client.HTTPConnection(self._address, timeout=TIMEOUT_S))
        try:
            self._open[1].request(method, path, body)
            answer = self._open[1].getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._open[1].close()
            self._open = None
            raise


class VirtualClock:
    """The engine's clock in the sandbox: sleeping moves it, and every answer of the sandbox brings it up to date.

    Nobody else moves it, so a process that does nothing stands still. Thread-safe.
    """

    def __init__(self, url: str) -> None:
        self._lock = threading.Lock()
        control = Control(url)
        self._now = control.now()
        control.close()

    def now(self) -> datetime:
        """Tell the virtual time, aware, in UTC."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let virtual seconds pass; takes no real time."""
        with self._lock:
            self._now += timedelta(seconds=max(0.0, seconds))

    def seen(self, moment: datetime) -> None:
        """Take note of a later time that the sandbox has told."""
        with self._lock:
            self._now = max(self._now, moment)


def attach(session: botocore.session.Session, clock: VirtualClock) -> None:
    """Make every client of a session share the sandbox's time, and make botocore's retries and waiters wait in it.

    botocore keeps its sleep in modules, so the waits of all sessions of this process become virtual.

    Args:
        session: A botocore session, before its clients are made (`boto3.Session()._session` is one).
        clock: The clock of the engine.
    """

    def tell(**sent: Any) -> None:
        request = sent["request"]
        request.headers["X-Lifeboat-Now"] = clock.now().isoformat(timespec="microseconds")
        request.headers["X-Lifeboat-Pid"] = str(os.getpid())
        request.headers["X-Lifeboat-Operation"] = sent["event_name"].rsplit(".", 1)[-1]

    def hear(**got: Any) -> None:
        response_dict = got.get("response_dict")
        told = response_dict["headers"].get("X-Lifeboat-Now") if response_dict else None
        if told:
            clock.seen(_moment(told))

    session.register("before-send", tell)
    session.register("response-received", hear)
    waits = SimpleNamespace(sleep=clock.sleep, time=_real_time)
    modules: tuple[Any, ...] = (botocore.endpoint, botocore.waiter)
    for module in modules:
        module.time = waits


def witness(url: str, service: str, region: str = "us-east-1") -> Any:
    """Return a boto3 client that sees the truth: no lag, no faults, no latency, and not counted."""
    import boto3
    from botocore.config import Config

    inner = botocore.session.Session()
    inner.register_component("data_loader", models())
    inner.register("before-send", _as_witness)
    inner.set_credentials("witness", "witness")
    session: Any = boto3.Session(botocore_session=inner, region_name=region)
    patient = Config(retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_S)
    return session.client(service, endpoint_url=url, config=patient)


@lru_cache(maxsize=1)
def models() -> Loader:
    """Return a loader of service models that all witnesses share: reading EC2's takes longer than starting a fork."""
    return create_loader()


def _as_witness(**sent: Any) -> None:
    sent["request"].headers["X-Lifeboat-Witness"] = "1"


def _real_time() -> float:
    return datetime.now(UTC).timestamp()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
