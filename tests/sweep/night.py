"""Nights on the small estate: last night, made once by the runbook itself; and tonight, on a fork of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import create_table
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.truth import HOME, Night, Seen, Witness, told_wrong

LAST_NIGHT = datetime(2031, 1, 6, 2, 0, 5, tzinfo=UTC)  # 03:00 in Paris, and as late as schedules are
TONIGHT = LAST_NIGHT + timedelta(days=1)
TOPIC = "backups"
POINTS, VOLUMES = 6, 11  # of the estate's twelve volumes eleven are protected: in five sets, and one by itself
Kill = tuple[int, str]  # at which call, `before` or `after` it takes effect


def cause_of(at: datetime, kind: str = "schedule") -> Cause:
    """Return the cause of a night's run; the same for every delivery."""
    return Cause(f"{kind}/0/{at:%Y-%m-%dT%H:%M:%SZ}", at, kind)


@dataclass(frozen=True)
class Ending:
    """How a night ended.

    Attributes:
        outcomes: Of each engine's process, in order.
        complaints: What is wrong in AWS and in the ledger; empty when all is as it must be.
        log: The AWS calls of all engines, in order.
        faults: How many faults of each kind there were.
        took_s: Virtual seconds that the run took.
    """

    outcomes: tuple[Outcome, ...]
    complaints: tuple[str, ...]
    log: tuple[dict[str, Any], ...]
    faults: dict[str, int]
    took_s: float

    @property
    def kills(self) -> int:
        """How many engines were killed."""
        return sum(outcome.killed for outcome in self.outcomes)


class Nights:
    """A sandbox in which last night's backup is there, and the engines and the witness for tonight."""

    def __init__(self, box: Sandbox, engines: Engines) -> None:
        self.box, self.engines, self.witness = box, engines, Witness()
        self.estate = box.control.estate("small")
        self.witness.point(box.url)
        truth = self.witness.truth
        truth.sns(HOME).create_topic(Name=TOPIC)
        create_table(truth, HOME, "lifeboat", lambda _seconds: None)
        [made] = engines.run(box.url, [cause_of(LAST_NIGHT)])
        if made.state != "succeeded":
            raise RuntimeError(f"last night's backup could not be made: {made}")
        box.control.advance(to=TONIGHT)
        self.before: Seen = self.witness.see()
        self.published = len(box.control.published())
        if (len(self.before.home), len(self.before.away)) != (VOLUMES, VOLUMES):
            raise RuntimeError("last night's backup is not what it should be")

    @contextmanager
    def tonight(self, weather: dict[str, Any] | None = None) -> Iterator[Tonight]:
        """Give a copy of everything, in which tonight's run can be started."""
        control = self.box.control.fork()
        try:
            control.reset_calls()
            if weather:
                control.weather(**weather)
            yield Tonight(self, control)
        finally:
            control.quit()

    def night(
        self, kills: Sequence[Kill] = (), weather: dict[str, Any] | None = None, cause: Cause | None = None
    ) -> Ending:
        """Let tonight's run be killed so often, start it again with the same key each time, and look at the end.

        Args:
            kills: Where each engine but the last is killed, counted from that engine's first call.
            weather: Changes of the sandbox's settings.
            cause: What the run is started for; else tonight's schedule.
        """
        with self.tonight(weather) as tonight:
            for kill in kills:
                if not tonight.start([cause or cause_of(TONIGHT)], kill)[0].killed:
                    return tonight.end()
            tonight.start([cause or cause_of(TONIGHT)])
            return tonight.end()


class Tonight:
    """One night on a sandbox of its own."""

    def __init__(self, nights: Nights, control: Control) -> None:
        self.nights, self.control = nights, control
        self.outcomes: list[Outcome] = []

    def start(
        self, causes: Sequence[Cause], kill: Kill | None = None, settings: dict[str, Any] | None = None
    ) -> list[Outcome]:
        """Start an engine for each cause, all at once, wait for their ends, and tell them; one may be killed."""
        if kill:
            self.control.kill(*kill)
        ended = self.nights.engines.run(self.control.url, causes, settings)
        self.control.kill(None)
        self.outcomes += ended
        return ended

    def end(self) -> Ending:
        """Compare what is there with what must be there."""
        complaints, took_s = self._judged()
        return Ending(
            tuple(self.outcomes),
            tuple(complaints),
            tuple(self.control.call_log()),
            self.control.faults(),
            took_s,
        )

    def _judged(self) -> tuple[list[str], float]:
        nights, witness = self.nights, self.nights.witness
        witness.point(self.control.url)
        after = witness.see()
        made = [run for run in after.runs if run.run_id not in {old.run_id for old in nights.before.runs}]
        wrong = [f"an engine crashed: {o.told}" for o in self.outcomes if "crashed" in o.told]
        if len(made) != 1:
            return [*wrong, f"there are {len(made)} runs instead of one"], 0.0
        [run] = made
        protected = frozenset(nights.estate["protected"])
        key = nights.estate["keys"]["alias/recovery"]
        wrong += Night(nights.before, after, run, protected, key).complaints()
        wrong += told_wrong(witness.record(run, self.control.now()), POINTS, VOLUMES)
        wrong += self._told_people(run.run_id)
        return wrong, ((run.ended_at or self.control.now()) - run.started_at).total_seconds()

    def _told_people(self, run_id: str) -> list[str]:
        """A notice may come once more for each killed engine, since SNS cannot be asked; never not at all."""
        sent = self.control.published(self.nights.published)
        strays = [
            f"a notice to {one['topic']} of {one['attributes'].get('lifeboat_run')}"
            for one in sent
            if not one["topic"].endswith(f":{TOPIC}") or one["attributes"].get("lifeboat_run") != run_id
        ]
        most = 1 + sum(outcome.killed for outcome in self.outcomes)
        return strays if 1 <= len(sent) <= most else [*strays, f"{len(sent)} notices were sent"]


@contextmanager
def prepared(seed: int) -> Iterator[Nights]:
    """Start a sandbox and a fork server, and make last night's backup: about five seconds of real time."""
    with Sandbox.start(seed=seed, start=LAST_NIGHT.isoformat()) as box, Engines() as engines:
        yield Nights(box, engines)
