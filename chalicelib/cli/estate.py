"""The estate that the sandbox shows to people: `shop`, which already holds last night's backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import StoreError

if TYPE_CHECKING:
    from chalicelib.sandbox.client import Control

NAME = "shop"
RUNBOOK, DATABASES = "nightly-backup", "nightly-databases"
REST_S = 20 * 3600  # from the end of last night's backups to the evening


def shop(control: Control) -> dict[str, Any]:
    """Build the estate and back it up as the night before would have, with the shipped runbook itself.

    Returns:
        What the sandbox tells of the estate: ids by kind.

    Raises:
        StoreError: last night's backup did not succeed (`sandbox.no_backup`).
    """
    estate = control.estate(NAME)
    _rest_after(control, RUNBOOK)
    return estate


def whole(control: Control) -> dict[str, Any]:
    """Build everything that there is: the shop, a front, Auto Scaling groups and databases, all backed up last night.

    Returns:
        What the sandbox tells of each: ids by kind.

    Raises:
        StoreError: as `shop`.
    """
    found = control.estate(NAME)
    for name in ("databases", "front", "groups"):
        found = {**control.estate(name), **found}
    _rest_after(control, RUNBOOK, DATABASES)
    return found


def _rest_after(control: Control, *runbooks: str) -> None:
    """Carry runbooks out as the night before would have, and let the time until the evening pass."""
    from chalicelib.cli.options import Place
    from chalicelib.cli.world import sandboxed
    from chalicelib.domain.run import RunCause, RunState
    from chalicelib.domain.template import check_inputs
    from chalicelib.engine.local import drive, hold
    from chalicelib.settings import shipped_runbooks

    with sandboxed(Place(sandbox=True, runbooks=shipped_runbooks()), control=control) as services:
        for name in runbooks:
            book, now = services.catalog.load(name), services.clock.now()
            cause = RunCause(kind="manual", key="last-night", occurred_at=now, summary="the backup of the night before")
            run = services.starter.start(book, cause, check_inputs(book, {})).run
            ended = drive(services.engine, hold(run, services.starter, new=True))
            if ended.state is not RunState.SUCCEEDED:
                raise StoreError(
                    "sandbox.no_backup", f"Last night's {name} of the sandbox ended {ended.state}: {ended.message}"
                )
    control.advance(REST_S)
    control.reset_calls()
