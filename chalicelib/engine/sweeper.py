"""Finds runs whose driver died, and starts a successor; then does what runs still owe.

The last line of defence, and safe to run at any time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.domain.run import Run
from chalicelib.engine.ports import Launcher
from chalicelib.engine.watchdog import known_since
from chalicelib.errors import ActionError, LifeboatError, StoreError, SupersededError

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine
    from chalicelib.engine.starter import Starter

EVERY_S = 300  # between two sweeps
AT_MOST = 200  # runs looked at in one sweep; the next sweep follows in minutes


class Sweeps(Protocol):
    """The part of the joined services that a sweep needs."""

    @property
    def engine(self) -> Engine:
        """Has the ledger, the clock, the launcher and the journal."""
        ...

    @property
    def starter(self) -> Starter:
        """Takes runs over."""
        ...


def sweep(services: Sweeps) -> dict[str, Any]:
    """Take every abandoned run over into its next generation, and start that generation's execution.

    Abandoned is a running run whose driver has been silent for the grace time after it was last believed, and one that
    was released and so has no driver. Runs that people drive from their own machines are left to them: they run with
    those people's permissions, and the same key continues them.

    Idempotent: of two sweeps at the same time one takes the run, the other leaves it. When the successor cannot be
    started, the run is abandoned again in time, and the next sweep tries again.

    Returns:
        JSON-safe: `outcome` `swept`, run ids under `restarted`, those left to people under `left`, and
        `<run> <obligation>` under `settled`, as far as this process does what runs owe.

    Raises:
        ActionError: an execution could not be started; the others were.
        StoreError: the ledger could not be reached.
    """
    now, grace_s = _begun(services), services.engine.settings.pace.grace_s
    restarted, left = list[str](), list[str]()
    failed: LifeboatError | None = None
    for run in services.engine.ledger.list_runs(limit=AT_MOST, running=True):
        if not abandoned(run, now, grace_s):
            continue
        if not _ours(run, services.engine.launcher):
            left.append(run.run_id)
            services.engine.teller.left(run, now)
            continue
        try:
            restarted += _restart(run, services)
        except (ActionError, StoreError) as error:
            failed = failed or error
            services.engine.journal.note("restart failed", run_id=run.run_id, error_code=error.code, why=error.message)
    services.engine.teller.catch_up(now)
    settled = _settle(services, now)
    if left:
        services.engine.journal.note("runs left to people", run_ids=left)
    if failed:
        raise failed
    return {"outcome": "swept", "restarted": restarted, "left": left, "settled": settled}


def _begun(services: Sweeps) -> datetime:
    """Return the time; from the first sweep on it is noticed when the watchdog never looks."""
    now = services.engine.clock.now()
    known_since(services.engine.ledger, now)
    return now


def _settle(services: Sweeps, now: datetime) -> list[str]:
    """Do what runs owe and is due, or have it done by an execution that may change AWS."""
    debts = services.engine.debts
    if not debts.due() or services.engine.launcher.settle(str(int(now.timestamp()) // EVERY_S)):
        return []
    return [f"{one.run_id} {one.name}" for one in debts.sweep() if one.outcome == "settled"]


def abandoned(run: Run, now: datetime, grace_s: int) -> bool:
    """Return True for a running run whose driver has been silent for too long, or that has none."""
    return run.beat_until is None or run.beat_until + timedelta(seconds=grace_s) < now


def _ours(run: Run, launcher: Launcher) -> bool:
    return not run.holder or run.holder == launcher.holder(run.run_id, run.generation)


def _restart(run: Run, services: Sweeps) -> list[str]:
    holder = services.engine.launcher.holder(run.run_id, run.generation + 1)
    try:
        taken = services.starter.take_over(run, holder=holder)
    except SupersededError:
        return []  # its driver lives after all, or another sweep was faster
    services.engine.launcher.start(taken.run_id, taken.generation)
    services.engine.journal.note("run restarted", run_id=taken.run_id, generation=taken.generation, was=run.holder)
    return [taken.run_id]
