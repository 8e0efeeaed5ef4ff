"""Retention: 2,000 random histories; and a run that is killed at each of its AWS calls and started again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import create_table
from tests.histories import History, histories
from tests.invariants import broken
from tests.pasts import AWAY, HOME, Past
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.plan import FAR, PERCENT, SEED, STORMS, WHENS, sampled, storm
from tests.sweep.steering import Truth

pytestmark = pytest.mark.sweep
START = datetime(2031, 1, 6, 2, 0, tzinfo=UTC)
NIGHTS = 14


@settings(
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(histories())
def test_two_thousand_histories_break_no_invariant(history: History) -> None:
    assert broken(history) == []


class Morning:
    """A sandbox with two weeks of points in both Regions, and engines that expire them."""

    def __init__(self, box: Sandbox, engines: Engines) -> None:
        self.box, self.engines, self.truth = box, engines, Truth()
        self.truth.steering.url = box.url
        estate = box.control.estate("small")
        self.truth.sns(HOME).create_topic(Name="backups")
        create_table(self.truth, HOME, "lifeboat", lambda _seconds: None)
        self.past = Past(box.control, self.truth.ec2)
        for _ in range(NIGHTS):
            self.past.night(estate["protected"][:2], estate["protected"][2:3])
        self.cause = Cause("schedule/0/expire", box.control.now(), runbook="nightly-retention")
        self.before = self.there()
        self.faults: Counter[str] = Counter()

    def there(self) -> set[str]:
        return {*self.past.there(HOME), *self.past.there(AWAY)}

    def expired(
        self, kill: tuple[int, str] | None = None, weather: dict[str, Any] | None = None
    ) -> tuple[list[Outcome], set[str], list[str]]:
        """Expire on a copy of everything, killed once if asked; tell how it ended, what is left, and all deletions."""
        control: Control = self.box.control.fork()
        try:
            control.reset_calls()
            control.weather(**(weather or {}))
            if kill:
                control.kill(*kill)
            outcomes = self.engines.run(control.url, [self.cause])
            control.kill(None)
            if outcomes[0].killed:
                outcomes += self.engines.run(control.url, [self.cause])
            self.truth.steering.url = control.url
            self.faults.update(control.faults())
            deleted = [c["outcome"] for c in control.call_log() if c["operation"] == "DeleteSnapshot"]
            return outcomes, self.there(), deleted
        finally:
            self.truth.steering.url = self.box.url
            control.quit()


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[Morning]:
    with Sandbox.start(seed=SEED, start=START.isoformat()) as box, Engines() as engines:
        yield Morning(box, engines)


@pytest.mark.parametrize("when", WHENS)
def test_an_expiry_killed_at_any_call_and_started_again_deletes_what_was_planned_and_nothing_more(
    morning: Morning, when: str
) -> None:
    [calm], left, deleted = morning.expired()
    assert calm.state == "succeeded"
    assert len(deleted) == len(morning.before - left) > 10
    killed, wrong = 0, list[str]()
    for at in sorted({at for shard in range(8) for at in sampled(when, shard)}):
        outcomes, found, _ = morning.expired((at, when))
        if outcomes[-1].state != "succeeded" or found != left:
            wrong.append(f"{when} {at}: {outcomes[-1]}, lost {sorted(left - found)}, not gone {sorted(found - left)}")
        if len(outcomes) == 1:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    print(f"swept retention {when}: {killed} kills, {PERCENT} % with seed {SEED}, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)


def test_a_storm_over_an_expiry_deletes_what_a_calm_one_does_also_when_killed(morning: Morning) -> None:
    _, left, _ = morning.expired()
    morning.faults.clear()
    for seed in STORMS:
        for kill in (None, (15 + seed, "after")):
            outcomes, found, _ = morning.expired(kill, storm(seed))
            assert outcomes[-1].state == "succeeded", seed
            assert found == left, seed
    print(f"storms over an expiry of volumes: {dict(morning.faults)}")  # noqa: T201
    assert {"throttled", "answer_lost"} <= morning.faults.keys(), "what is deleted has long been listed"
