"""Drives a run in this process: the same loop as in Lambda, with a real or a virtual clock and no SDK."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.run import Run, RunState
from chalicelib.domain.types import format_duration
from chalicelib.engine.advance import Engine
from chalicelib.engine.starter import Starter
from chalicelib.errors import ActionError, RefusedError, StoreError

PATIENCE = 10  # failed ticks in a row before the loop gives up; the run can be continued with its key
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def here() -> str:
    """Name this process as a holder: host, boot and pid."""
    boot = BOOT_ID.read_text().strip()[:8] if BOOT_ID.exists() else "-"
    return f"local:{platform.node()}:{boot}:{os.getpid()}"


def surely_dead(holder: str) -> bool:
    """Return True when a holder was a process of this host that is no more."""
    prefix, _, pid = holder.rpartition(":")
    if prefix != here().rpartition(":")[0]:
        return holder.startswith(f"local:{platform.node()}:") and BOOT_ID.exists() and prefix.split(":")[2] != _boot()
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _boot() -> str:
    return here().split(":")[2]


class HereLauncher:
    """The launcher of a process that drives its runs itself: the loop goes on with the next generation."""

    def start(self, run_id: str, generation: int) -> None:
        """Do nothing: this process is the execution."""

    def holder(self, run_id: str, generation: int) -> str:  # noqa: ARG002 - the same for all
        """Return this process's name."""
        return here()

    def settle(self, slot: str) -> bool:  # noqa: ARG002 - there is nobody else
        """Leave what runs owe to this process."""
        return False


def hold(run: Run, starter: Starter, *, new: bool) -> Run:
    """Make this process the run's driver, whatever state the run is in; a terminal run is returned as it is.

    Raises:
        RefusedError: another engine drives it (`run.held`); it says which and until when it is believed.
        SupersededError: another process was faster.
    """
    if run.ended and run.state is not RunState.STOPPED:
        return run
    if new and run.holder == here() and run.generation == 1:
        return run
    now = starter.clock.now()
    if run.state is RunState.RUNNING and run.beat_until and run.beat_until > now and not surely_dead(run.holder):
        raise RefusedError(
            "run.held",
            f"Run '{run.run_id}' is being driven by {run.holder}, which is believed for another "
            f"{format_duration(run.beat_until - now)}. Watch it with `lifeboat runs show {run.run_id}`, "
            "or break its hold with `lifeboat runs release`.",
            run_id=run.run_id,
        )
    return starter.take_over(run, holder=here())


def drive(engine: Engine, run: Run, on_tick: Callable[[], None] = lambda: None) -> Run:
    """Drive a held run until it is terminal, and return it.

    A slice that fails because the ledger or AWS cannot be reached is tried again, ten times in a row at most.

    Raises:
        SupersededError: another process drives the run now.
        KeyboardInterrupt: as it came; the hold is given up first, and the same key continues the run.
        StoreError: the ledger could not be reached for long; the same key continues the run.
    """
    generation, failures = run.generation, 0
    while not run.ended:
        try:
            tick = engine.advance(run.run_id, generation)
            failures = 0
        except (StoreError, ActionError):
            failures += 1
            if failures >= PATIENCE:
                raise
            engine.clock.sleep(min(60, 2**failures))
            continue
        except KeyboardInterrupt:
            _let_go(engine, run.run_id)
            raise
        on_tick()
        generation = tick.generation
        if tick.ended:
            break
        try:
            engine.clock.sleep(tick.wait_s)
        except KeyboardInterrupt:
            _let_go(engine, run.run_id)
            raise
    ended = engine.ledger.load(run.run_id)
    return ended or run


def _let_go(engine: Engine, run_id: str) -> None:
    run = engine.ledger.load(run_id)
    if run and not run.ended and run.holder == here():
        engine.ledger.rest(run.model_copy(update={"beat_until": engine.clock.now() - timedelta(seconds=1)}))
