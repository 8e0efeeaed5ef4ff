"""An evening on which a zone goes dark: the estate and last night's backups, made once; each attempt is a fork."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.cli.disaster import CHECKED_S, EVENING, RUNBOOK
from chalicelib.cli.estate import whole
from chalicelib.cli.rescue import Rescue
from chalicelib.domain.run import Run
from chalicelib.errors import ActionError
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.settings import Settings
from chalicelib.stores.ledger import DynamoLedger
from chalicelib.stores.table import Table
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.night import Kill
from tests.sweep.steering import Truth
from tests.sweep.truth import HOME

LOOK_S, LOOKS = 30, 40
# Calls to the dark zone hang or fail in any case; beside that, AWS is not at its best on such a day.
BAD_DAY: dict[str, Any] = {"throttle_share": 0.2, "throttle_reads_share": 0.1, "visibility_s": 45}


@dataclass(frozen=True)
class Evening:
    """How an evening ended: what each engine told, and what is wrong; empty when all is as it must be."""

    outcomes: tuple[Outcome, ...]
    complaints: tuple[str, ...]

    @property
    def kills(self) -> int:
        """How many engines were killed."""
        return sum(outcome.killed for outcome in self.outcomes)


class Evenings:
    """The sandbox in which the zone is dark and its alarm has just fired, and the engines for it."""

    def __init__(self, box: Sandbox, engines: Engines) -> None:
        self.box, self.engines, self.truth = box, engines, Truth()
        self.estate = whole(box.control)
        self.zone_id = str(self.estate["zone_ids"][self.estate["zones"][0]])
        seen = len(box.control.events())
        box.control.disaster("az_dark", zone=self.zone_id)
        self.event = self._alarm(seen)
        self.well = self._instances_elsewhere(box.control)

    def _alarm(self, seen: int) -> dict[str, Any]:
        for _ in range(LOOKS):
            self.box.control.advance(LOOK_S)
            for delivery in self.box.control.events(seen):
                event: dict[str, Any] = delivery["event"]
                if event.get("source") == "aws.cloudwatch" and event["detail"]["alarmName"].startswith("az-"):
                    return event
        raise ActionError("demo.no_alarm", "The zone's alarm did not fire.")

    def _instances_elsewhere(self, control: Control) -> dict[str, str]:
        """Return the state of every instance outside the dark zone, by id."""
        dark = next(name for name, zone_id in self.estate["zone_ids"].items() if zone_id == self.zone_id)
        pages = control.witness("ec2").get_paginator("describe_instances").paginate()
        found = [one for page in pages for r in page["Reservations"] for one in r["Instances"]]
        return {i["InstanceId"]: i["State"]["Name"] for i in found if i["Placement"]["AvailabilityZone"] != dark}

    def evening(self, kills: Sequence[Kill] = (), weather: dict[str, Any] | None = None) -> Evening:
        """Let the run be killed so often, hand the same event over again each time, and look at the end."""
        control = self.box.control.fork()
        try:
            control.reset_calls()
            if weather:
                control.weather(**weather)
            cause, outcomes = Cause(RUNBOOK, EVENING, "alarm", RUNBOOK, self.event), []
            for kill in (*kills, None):
                control.kill(*(kill or (None,)))
                outcomes += self.engines.run(control.url, [cause])
                if kill and not outcomes[-1].killed:
                    break
            control.kill(None)
            return Evening(tuple(outcomes), tuple(self._complaints(control, outcomes)))
        finally:
            control.quit()

    def _complaints(self, control: Control, outcomes: Sequence[Outcome]) -> Iterator[str]:
        yield from (f"an engine crashed: {o.told}" for o in outcomes if "crashed" in o.told)
        runs = self._runs(control)
        if len(runs) != 1 or runs[0].state.value != "succeeded":
            yield f"the runs ended as {[(run.state.value, run.message) for run in runs]}"
        control.weather(throttle_share=0, throttle_reads_share=0)
        control.advance(CHECKED_S)
        yield from Rescue.read(control, self.estate, self.zone_id).wrong
        now = self._instances_elsewhere(control)
        yield from (
            f"{one} of a healthy zone is {now.get(one, 'gone')}" for one in self.well if now.get(one) != "running"
        )

    def _runs(self, control: Control) -> list[Run]:
        self.truth.steering.url = control.url
        ledger = DynamoLedger(Table(self.truth, HOME, Settings(region=HOME).table), HOME)
        return ledger.list_runs(limit=10, runbook=RUNBOOK)


@contextmanager
def prepared(seed: int) -> Iterator[Evenings]:
    """Start a sandbox and a fork server, and let the zone go dark: about twenty seconds of real time."""
    with Sandbox.start(seed=seed, start=_start().isoformat()) as box, Engines() as engines:
        yield Evenings(box, engines)


def _start() -> datetime:
    return EVENING - timedelta(days=1)
