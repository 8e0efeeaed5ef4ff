"""The fork server of the sweeps: `python -m tests.sweep.zygote`. Makes engines that can really be killed, quickly.

It imports everything and makes all clients once, without opening a connection or starting a thread, and then forks a
child for each attempt at a run. It reads one JSON request per line, `{"attempts": [...], "settings": {...}}`, and
answers, when all children have ended and are collected, with one line: `[{"pid", "status", "told"}]`.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any

from chalicelib.bootstrap import Services, build
from chalicelib.domain.run import Run, RunCause
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.template import check_inputs
from chalicelib.engine.intake import on_event
from chalicelib.engine.local import drive, hold
from chalicelib.errors import LifeboatError
from chalicelib.sandbox.client import VirtualClock, attach
from chalicelib.settings import Settings
from tests.sweep.steering import LateClock, Steering

HOME, AWAY = "us-east-1", "us-west-2"
RUNBOOKS = (
    "nightly-backup",
    "nightly-retention",
    "nightly-databases",
    "database-retention",
    "replace-unhealthy",
    "az-evacuation",
    "restore-drill",
)
HANGS_S = 120  # real time after which an attempt counts as hanging, and is ended
CLIENTS = (
    *(("ec2", region, manner) for region in (HOME, AWAY) for manner in ("read", "once")),
    *(("rds", region, manner) for region in (HOME, AWAY) for manner in ("read", "once")),
    *(("autoscaling", HOME, manner) for manner in ("read", "once", "write")),
    ("elbv2", HOME, "read"),
    ("dynamodb", HOME, "write"),
    ("kms", HOME, "read"),
    ("kms", AWAY, "read"),
    ("elbv2", HOME, "read"),
    ("elbv2", HOME, "once"),
    ("sts", HOME, "read"),
    ("rbin", HOME, "read"),
    ("rbin", AWAY, "read"),
    ("sns", HOME, "read"),
    ("sns", HOME, "once"),
    ("cloudwatch", HOME, "read"),
    ("service-quotas", HOME, "read"),
    *(
        (service, HOME, manner)
        for service in ("autoscaling", "elbv2", "arc-zonal-shift", "ec2", "rds")
        for manner in ("read", "write", "once")
    ),
)


class Warm:
    """Services with their clients made, not yet led to any sandbox."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.steering, self.clock = Steering(), LateClock()
        chosen = Settings(region=HOME, retry_mode="standard", **settings)
        self.services: Services = build(chosen, clock=self.clock, prepare=self._prepare)
        for service, region, manner in CLIENTS:
            self.services.aws.client(service, region, manner)
        self.runbooks: dict[str, Runbook] = {name: self.services.catalog.load(name) for name in RUNBOOKS}

    def _prepare(self, session: Any) -> None:
        attach(session, self.clock)  # type: ignore[arg-type]
        self.steering.attach(session)

    def attempt(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Start or continue the run of a cause, drive it to its end, and tell what came of it."""
        self.steering.url = asked["url"]
        self.clock.clock = VirtualClock(asked["url"])
        if "event" in asked:
            return self._taken_in(asked["event"])
        services = self.services
        cause = RunCause(
            kind=asked["kind"],
            key=asked["key"],
            occurred_at=datetime.fromisoformat(asked["occurred_at"]),
            summary=f"{asked['kind']} {asked['key']}",
            trigger=0 if asked["kind"] == "schedule" else None,
        )
        if asked.get("book"):
            runbook = Runbook.model_validate(asked["book"])
        else:
            runbook = self.runbooks.get(asked["runbook"]) or services.catalog.load(asked["runbook"])
        inputs = check_inputs(runbook, asked["inputs"])
        started = services.starter.start(runbook, cause, inputs, mode=asked["mode"])
        return self._driven(started.run, started.how)

    def _taken_in(self, event: dict[str, Any]) -> dict[str, Any]:
        """Hand an event to the same intake as in Lambda, and drive the one run that it is for."""
        [taken] = on_event(event, self.services)["runs"]
        run = self.services.ledger.load(taken["run_id"])
        assert run is not None
        return self._driven(run, taken["outcome"])

    def _driven(self, started: Run, how: str) -> dict[str, Any]:
        drove, services = not started.ended, self.services
        run = drive(services.engine, hold(started, services.starter, new=how == "new")) if drove else started
        told = {"how": how, "run_id": started.run_id, "drove": drove}
        return {**told, "state": run.state.value, "message": run.message, "generation": run.generation}


def child(warm: Warm, asked: dict[str, Any], pipe: int) -> int:
    """Be one engine; returns the exit status."""
    signal.alarm(HANGS_S)
    try:
        told, status = warm.attempt(asked), 0
    except LifeboatError as error:
        told, status = {"refused": error.code, "message": error.message}, 3
    except BaseException:  # noqa: BLE001 - it must not come back into the fork server's loop
        told, status = {"crashed": traceback.format_exc()}, 1
    os.write(pipe, json.dumps(told).encode())
    return status


def carried_out(warm: Warm, attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fork a child for each attempt, all at once, and collect them in the order in which they end."""
    pipes: dict[int, int] = {}
    for asked in attempts:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os._exit(child(warm, asked, writing))
        os.close(writing)
        pipes[pid] = reading
    ended: dict[int, int] = {}
    while len(ended) < len(pipes):
        pid, status = os.wait()  # collected at once: one that only waits to be collected looks alive to others
        ended[pid] = os.waitstatus_to_exitcode(status)
    return [{"pid": pid, "status": ended[pid], "told": _read(pipe)} for pid, pipe in pipes.items()]


def _read(pipe: int) -> dict[str, Any] | None:
    with os.fdopen(pipe, "rb") as stream:
        text = stream.read()
    told: dict[str, Any] | None = json.loads(text) if text else None
    return told


def main() -> None:
    """Serve until standard input ends."""
    assert Path.cwd().joinpath("runbooks").is_dir(), "start it where the runbooks are"
    known: dict[str, Warm] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = json.dumps(request["settings"], sort_keys=True)
        if name not in known:
            known[name] = Warm(request["settings"])
            gc.collect()
            gc.freeze()  # children share what is here now
        sys.stdout.write(json.dumps(carried_out(known[name], request["attempts"])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
