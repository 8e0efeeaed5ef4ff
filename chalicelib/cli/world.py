"""Where a command works: the AWS that the environment names, or the embedded one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib.cli.options import Place
from chalicelib.errors import InputError, StoreError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.engine.ports import Clock, Journal, Launcher
    from chalicelib.sandbox.client import Control
    from chalicelib.sandbox.process import Sandbox
    from chalicelib.settings import Settings

SANDBOX_URL = "LIFEBOAT_SANDBOX_URL"
SANDBOX_REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def world(place: Place, journal: Callable[[Clock], Journal] | None = None) -> Iterator[Services]:
    """Open the place where a command works, and close it behind.

    Args:
        place: Which.
        journal: Given the clock of the place, returns who is told what happens; None = nobody.

    Raises:
        InputError: no Region is set.
        StoreError: the ledger's table could not be made.
    """
    if place.sandbox:
        with sandboxed(place, journal) as services:
            yield services
    else:
        yield _local(place, journal)


def _local(place: Place, journal: Callable[[Clock], Journal] | None) -> Services:
    from chalicelib.bootstrap import build
    from chalicelib.engine.clock import SystemClock
    from chalicelib.stores.creation import create_table

    clock = SystemClock()
    services = build(settings_of(place), clock=clock, journal=journal(clock) if journal else None)
    if place.create_ledger:
        create_table(services.aws, services.settings.region, services.settings.table, clock.sleep)
    return services


@contextmanager
def sandboxed(
    place: Place,
    journal: Callable[[Clock], Journal] | None = None,
    control: Control | None = None,
    launcher: Launcher | None = None,
) -> Iterator[Services]:
    """Join the service on an embedded AWS with the estate `shop` and a ledger.

    Args:
        place: Region and runbooks.
        journal: As for `world`.
        control: A sandbox that runs already; None = the one at `LIFEBOAT_SANDBOX_URL`, else a new one that ends with
            this block. An estate is built only where there is no volume yet.
        launcher: Who makes runs execute; None = this process itself.
    """
    from chalicelib.bootstrap import build
    from chalicelib.sandbox.client import VirtualClock, attach
    from chalicelib.stores.creation import create_table

    with ExitStack() as stack:
        control = control or stack.enter_context(_running())
        stack.enter_context(_environment(control.url))
        clock = VirtualClock(control.url)
        settings = settings_of(place, region=SANDBOX_REGION, retry_mode="standard")
        services = build(
            settings,
            clock=clock,
            journal=journal(clock) if journal else None,
            launcher=launcher,
            prepare=lambda session: attach(session, clock),
        )
        if place.needs_ledger:
            create_table(services.aws, settings.region, settings.table, clock.sleep)
        services.aws.calls.take()  # a run's calls are its own
        yield services


@contextmanager
def _running() -> Iterator[Control]:
    """Give the control of a sandbox that is ready to be worked on."""
    from chalicelib.cli.estate import shop
    from chalicelib.sandbox.client import Control

    url = os.environ.get(SANDBOX_URL)
    if not url:
        with _spawned() as box:
            shop(box.control)
            yield box.control
        return
    control = Control(url)
    try:
        _must_answer(control)
        if not control.witness("ec2", SANDBOX_REGION).describe_volumes(MaxResults=5)["Volumes"]:
            shop(control)
        yield control
    finally:
        control.close()


def _spawned() -> Sandbox:
    from chalicelib.sandbox.process import Sandbox

    try:
        return Sandbox.start()
    except RuntimeError as error:
        raise StoreError(
            "sandbox.not_started", f"The sandbox did not start: {error}. It needs what requirements-dev.txt lists."
        ) from error


def _must_answer(control: Control) -> None:
    try:
        control.now()
    except (OSError, ValueError) as error:
        raise InputError(
            "sandbox.unreachable", f"No sandbox answers at {control.url} ({error}); look at {SANDBOX_URL}."
        ) from error


@contextmanager
def _environment(url: str) -> Iterator[None]:
    """Let nothing of the person's AWS environment reach a client of the sandbox, and restore it behind."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update({**KEYS, **nowhere, "AWS_ENDPOINT_URL": url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def settings_of(place: Place, **defaults: Any) -> Settings:
    """Return the settings of the environment with what the command line says on top.

    Args:
        place: What the command line says.
        defaults: What this place needs, whatever the environment says; `--region` goes above it.

    Raises:
        InputError: a setting has a value that it cannot have (`settings.invalid`).
    """
    from pydantic import ValidationError

    from chalicelib.domain.types import REGION_PATTERN
    from chalicelib.settings import Settings

    said = {"region": place.region, "runbooks": place.runbooks}
    try:
        made = Settings(**{**defaults, **{name: value for name, value in said.items() if value is not None}})
    except ValidationError as error:
        wrong = "; ".join(f"LIFEBOAT_{'__'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise InputError("settings.invalid", f"The environment sets what cannot be: {wrong}.") from error
    if made.region and not re.match(REGION_PATTERN, made.region):
        raise InputError("settings.invalid", f"'{made.region}' is not a Region; write for example us-east-1.")
    return made
