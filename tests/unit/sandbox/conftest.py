"""One sandbox for all tests here; each test gets a fork of it, prepared with the estate `small`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.sandbox.client import Control, VirtualClock, attach, models
from tests.shared_box import empty

HOME, WEST = "us-east-1", "us-west-2"


@dataclass
class World:
    """A fork of the sandbox, and clients that share its clock and never retry."""

    control: Control
    estate: dict[str, Any]
    clock: VirtualClock
    attempts: int = 1
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str = HOME) -> Any:
        if (service, region) not in self._clients:
            inner = botocore.session.Session()
            inner.register_component("data_loader", models())
            inner.set_credentials("test", "test")
            attach(inner, self.clock)
            session: Any = boto3.Session(botocore_session=inner, region_name=region)
            retries: Any = {"mode": "standard", "total_max_attempts": self.attempts}
            made = session.client(service, endpoint_url=self.control.url, config=Config(retries=retries))
            self._clients[service, region] = made
        return self._clients[service, region]

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    @property
    def west(self) -> Any:
        return self.client("ec2", WEST)

    @property
    def truth(self) -> Any:
        return self._truth(HOME)

    @property
    def western_truth(self) -> Any:
        return self._truth(WEST)

    def _truth(self, region: str) -> Any:
        key = ("witness", region)
        if key not in self._clients:
            self._clients[key] = self.control.witness("ec2", region)
        return self._clients[key]

    def named(self, name: str) -> str:
        return str(self.estate["names"][name])

    def snapshot(self, name: str = "web-1/sdf") -> str:
        """A completed snapshot that everyone sees."""
        made = self.truth.create_snapshot(VolumeId=self.named(name))["SnapshotId"]
        self.control.settle()
        return str(made)

    def look(self, snapshot_id: str, *, west: bool = False) -> Any:
        truth = self.western_truth if west else self.truth
        [found] = truth.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return found

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.control.quit()


@pytest.fixture(scope="session")
def aws() -> Iterator[tuple[Control, dict[str, Any]]]:
    with empty() as control:
        yield control, control.estate("small")


@pytest.fixture
def world(aws: tuple[Control, dict[str, Any]]) -> Iterator[World]:
    control, estate = aws
    fork = control.fork()
    made = World(fork, estate, VirtualClock(fork.url))
    yield made
    made.close()


@pytest.fixture
def refused() -> Callable[..., str]:
    """Make a call that must be refused, and return AWS's code."""

    def call(function: Callable[..., Any], **arguments: Any) -> str:
        with pytest.raises(ClientError) as caught:
            function(**arguments)
        return str(caught.value.response["Error"]["Code"])

    return call
