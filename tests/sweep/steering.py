"""Clients that are made once and then led from sandbox to sandbox: making them anew takes longer than a run's calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.sandbox.client import VirtualClock, models
from chalicelib.settings import Settings

NOWHERE = "http://127.0.0.1:9"  # the discard port: what is not steered fails instead of reaching anybody


class Steering:
    """Leads all requests of a botocore session to the sandbox of the moment."""

    def __init__(self) -> None:
        self.url = NOWHERE

    def attach(self, session: Any) -> None:
        """Steer a session; its clients must be made for the endpoint `NOWHERE`."""
        session.register_component("data_loader", models())
        session.register("before-send", self._steer)

    def _steer(self, **sent: Any) -> None:
        request = sent["request"]
        request.url = request.url.replace(NOWHERE, self.url, 1)


class LateClock:
    """The engine's clock, made before it is known in which sandbox the engine will run."""

    def __init__(self) -> None:
        self.clock: VirtualClock | None = None

    def now(self) -> datetime:
        """Tell the sandbox's time."""
        return self._known.now()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._known.sleep(seconds)

    def seen(self, moment: datetime) -> None:
        """Take note of a later time."""
        self._known.seen(moment)

    @property
    def _known(self) -> VirtualClock:
        assert self.clock is not None, "the clock was asked before there was a sandbox"
        return self.clock


class Truth(Aws):
    """Clients that see everything at once, without lag or faults, and are not counted; of the sandbox of the moment."""

    def __init__(self) -> None:
        super().__init__(Settings(region="us-east-1"))
        self.steering = Steering()
        self._known: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str, manner: str = "read") -> Any:
        """Return the witness for a service in a Region."""
        key = (service, region)
        if key not in self._known:
            import boto3
            import botocore.session

            inner = botocore.session.Session()
            self.steering.attach(inner)
            inner.register("before-send", _as_witness)
            inner.set_credentials("witness", "witness")
            session: Any = boto3.Session(botocore_session=inner)
            self._known[key] = session.client(service, region_name=region, endpoint_url=NOWHERE)
        return self._known[key]


def _as_witness(**sent: Any) -> None:
    sent["request"].headers["X-Lifeboat-Witness"] = "1"
