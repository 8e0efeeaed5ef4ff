"""One sandbox for the tests of actions; every test works on a fork of it, an AWS of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import pytest

from chalicelib.aws.clients import Aws
from chalicelib.sandbox.client import Control, VirtualClock, attach
from chalicelib.settings import Settings
from tests.shared_box import Prepared, empty
from tests.unit.actions.groups import Groups
from tests.unit.actions.world import HOME, World

W = TypeVar("W", bound=World)


@pytest.fixture(scope="session")
def _prepared() -> Iterator[Prepared]:
    with empty() as control:
        estate = control.estate("small")
        control.settle()
        yield control, estate


@pytest.fixture
def world(_prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    control, estate = _prepared
    yield from _worlds(World, control, estate, monkeypatch)


@pytest.fixture(scope="session")
def _grouped(_prepared: Prepared) -> Iterator[Prepared]:
    control = _prepared[0].fork()
    front = control.estate("front")
    yield control, {**_prepared[1], "front": front, **control.estate("groups")}
    control.quit()


@pytest.fixture
def groups(_grouped: tuple[Control, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Groups]:
    yield from _worlds(Groups, *_grouped, monkeypatch)


def _worlds(kind: type[W], origin: Control, estate: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[W]:
    control = origin.fork()
    monkeypatch.setenv("AWS_ENDPOINT_URL", control.url)
    clock = VirtualClock(control.url)
    aws = Aws(Settings(region=HOME, retry_mode="standard"), prepare=lambda session: attach(session, clock))
    yield kind(control, clock, aws, estate)
    control.quit()
