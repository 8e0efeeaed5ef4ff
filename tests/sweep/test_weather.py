"""The nightly backup in storms: throttled, unanswered, listed late, under a quota it does not know of; and killed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.event import parse
from tests.sweep.engines import Cause
from tests.sweep.night import TONIGHT, Nights
from tests.sweep.plan import PERCENT, some_kills, storm, verdict

pytestmark = pytest.mark.sweep

STORMS = range(1, 1 + max(1, 12 * PERCENT // 100))
DAY = timedelta(days=1)


@pytest.mark.parametrize("seed", STORMS)
def test_a_storm_changes_nothing_about_the_end(nights: Nights, seed: int) -> None:
    ending = nights.night(weather=storm(seed))
    assert not (wrong := verdict(ending, (), seed)), wrong[0]
    faults = ending.faults
    assert faults["throttled"] >= 1, "30 % of some 30 mutating calls"
    assert any(call["outcome"] == "ResourceLimitExceeded" for call in ending.log), "the quota was never met"


@pytest.mark.parametrize("seed", STORMS)
def test_an_engine_killed_several_times_in_a_storm_leaves_the_same_end(nights: Nights, seed: int) -> None:
    kills = some_kills(seed)
    ending = nights.night(kills, storm(seed))
    assert not (wrong := verdict(ending, kills, seed)), wrong[0]
    assert ending.kills >= 1 or all(at > len(ending.log) for at, _ in kills)


def test_answers_are_really_lost_and_listings_really_late_in_these_storms(nights: Nights) -> None:
    """Over all seeds: a storm in which nothing is lost proves nothing."""
    lost = sum(nights.night(weather=storm(seed)).faults.get("answer_lost", 0) for seed in (1, 2, 3, 4))
    assert lost >= 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_schedule_delivered_twice_and_late_makes_one_run(nights: Nights, seed: int) -> None:
    """Every delivery starts an engine of its own, the second one while nobody knows how the first one ended."""
    weather = storm(seed)
    weather["events"] = {"drop_share": 0.5, "double_share": 1.0, "late_s": 600}
    with nights.tonight(weather) as tonight:
        runbook = {"lifeboat": "schedule", "runbook": "nightly-backup", "trigger": 0}
        sent = {**runbook, "scheduled_at": "<aws.scheduler.scheduled-time>"}
        [added] = tonight.control.schedules([{"name": "nightly", "expression": "cron(0 3 * * ? *)", "input": sent}])
        fires_at = datetime.fromisoformat(added["next"])
        tonight.control.advance(to=fires_at + timedelta(minutes=15))
        fired = [one["event"] for one in tonight.control.events() if one["target"] == "schedule"]
        causes = [
            Cause(event.cause_key, event.occurred_at) for event in (parse(raw, datetime.now(UTC)) for raw in fired)
        ]
        assert len(causes) == 2
        for cause in causes:
            tonight.start([cause])
        ending = tonight.end()
    assert TONIGHT < fires_at < TONIGHT + DAY
    assert not (wrong := verdict(ending, (), seed)), wrong[0]
    assert [outcome.told["how"] for outcome in ending.outcomes] == ["new", "existing"]
