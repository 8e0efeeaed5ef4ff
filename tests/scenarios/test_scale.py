"""Two hundred volumes in one run: the bounds that hold for thousands, small enough for every test run."""

from __future__ import annotations

import pytest

from bench.night import Night, night
from bench.order import HOME, RECOVERY
from chalicelib.domain.change import Effect, EffectState
from tests.scenarios.conftest import Stage

VOLUMES, QUOTA, HAND_OVER = 200, 20, 50
DURABLE_OPERATIONS = 3000  # Lambda's limit for one execution
STEP_RESULT = 256 * 1024  # bytes, of one durable step


@pytest.fixture(scope="module")
def night_of_200() -> Night:
    return night(VOLUMES, ticks_per_generation=HAND_OVER)


def test_every_volume_has_its_snapshot_and_its_copy(night_of_200: Night) -> None:
    assert night_of_200.outcome.state == "succeeded"
    assert (len(night_of_200.snapshots), len(night_of_200.copies)) == (VOLUMES, VOLUMES)
    assert night_of_200.count("CreateSnapshots") == night_of_200.instances
    assert night_of_200.count("CopySnapshot") == VOLUMES


def test_no_call_was_refused(night_of_200: Night) -> None:
    assert {how for _, _, _, how in night_of_200.calls} == {"ok"}


def test_the_run_hands_over_when_its_execution_has_worked_long_enough(night_of_200: Night) -> None:
    *worked, last = night_of_200.ticks_by_generation.values()
    assert worked
    assert set(worked) == {HAND_OVER}
    assert 0 < last <= HAND_OVER


def test_an_execution_stays_below_its_limits(night_of_200: Night) -> None:
    assert night_of_200.most_operations <= DURABLE_OPERATIONS
    assert 0 < night_of_200.largest_result < STEP_RESULT


def test_the_quota_of_copies_is_full_until_the_last_ones(night_of_200: Night) -> None:
    ticks = night_of_200.outcome.ticks
    full = [number for number, tick in enumerate(ticks) if tick.copies_in_flight == QUOTA]
    after = ticks[full[0] :]
    assert len(full) > VOLUMES // QUOTA
    assert [t.copies_in_flight for t in after] == [min(QUOTA, t.copies_planned - t.copies_done) for t in after]
    assert max(night_of_200.in_flight(copy.began_s) for copy in night_of_200.copies) == QUOTA


def test_looks_are_at_completions(night_of_200: Night) -> None:
    for region in (HOME, RECOVERY):
        looks, waves = night_of_200.looks(region)
        assert looks <= 1.1 * waves + 2, region  # a small run has few waves: the plan's own listing, and one miss


def test_ec2_is_called_hardly_more_than_it_must_be(night_of_200: Night) -> None:
    assert night_of_200.ec2_calls <= 1.05 * night_of_200.fewest_calls()


def test_a_whole_page_of_effects_is_recorded_at_once_and_read_again(stage: Stage) -> None:
    effects = {f"vol-{n:017x}": Effect(state=EffectState.DONE, id=f"snap-{n:017x}") for n in range(200)}
    stage.services.ledger.record("run-1", "copies", 0, effects)
    assert stage.services.ledger.effects("run-1", "copies", 0) == effects
