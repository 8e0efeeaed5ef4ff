"""Two thousand volumes in one run with the real quota of 20 copies; and the fewest calls when nothing takes time."""

from __future__ import annotations

import pytest

from bench.night import PAGE, VOLUMES_PAGE, Night, night
from bench.order import HOME, RECOVERY

pytestmark = pytest.mark.sweep

VOLUMES, QUOTA, HAND_OVER = 2000, 20, 300
DURABLE_OPERATIONS = 3000  # Lambda's limit for one execution
STEP_RESULT = 256 * 1024  # bytes, of one durable step
ENGINE_MIB = 250
INSTANT_VOLUMES = 500
SLOW = {"copies": {"gib_per_s": 0.01}, "snapshots": {"gib_per_s": 0.025}}  # minutes between completions, not seconds


@pytest.fixture(scope="module")
def night_of_2000() -> Night:
    return night(VOLUMES, ticks_per_generation=HAND_OVER)


def test_every_volume_has_its_snapshot_and_its_copy(night_of_2000: Night) -> None:
    assert night_of_2000.outcome.state == "succeeded"
    assert (len(night_of_2000.snapshots), len(night_of_2000.copies)) == (VOLUMES, VOLUMES)
    assert night_of_2000.count("CreateSnapshots") == night_of_2000.instances
    assert night_of_2000.count("CopySnapshot") == VOLUMES


def test_the_run_hands_over_several_times_and_no_execution_passes_its_limits(night_of_2000: Night) -> None:
    *worked, last = night_of_2000.ticks_by_generation.values()
    assert len(worked) > 1
    assert set(worked) == {HAND_OVER}
    assert 0 < last <= HAND_OVER
    assert night_of_2000.most_operations <= DURABLE_OPERATIONS
    assert 0 < night_of_2000.largest_result < STEP_RESULT


def test_the_engine_stays_small(night_of_2000: Night) -> None:
    assert night_of_2000.outcome.peak_mib < ENGINE_MIB


def test_the_quota_of_copies_is_full_until_the_last_ones(night_of_2000: Night) -> None:
    ticks = night_of_2000.outcome.ticks
    first = next(number for number, tick in enumerate(ticks) if tick.copies_in_flight == QUOTA)
    after = ticks[first:]
    assert [t.copies_in_flight for t in after] == [min(QUOTA, t.copies_planned - t.copies_done) for t in after]


def test_aws_is_never_asked_for_more_copies_than_the_quota_and_hardly_ever_works_on_fewer(night_of_2000: Night) -> None:
    assert max(night_of_2000.in_flight(copy.began_s) for copy in night_of_2000.copies) == QUOTA
    assert {how for _, _, _, how in night_of_2000.calls} == {"ok"}
    assert night_of_2000.fullness(QUOTA) > 0.95


def test_looks_are_at_completions(night_of_2000: Night) -> None:
    for region in (HOME, RECOVERY):
        looks, waves = night_of_2000.looks(region)
        assert looks <= 1.1 * waves, region


def test_ec2_is_called_hardly_more_than_it_must_be(night_of_2000: Night) -> None:
    assert night_of_2000.ec2_calls <= 1.05 * night_of_2000.fewest_calls()


def test_instant_snapshots_cost_hardly_more_than_the_fewest_possible_calls() -> None:
    """Plain moto has no quotas, so the engine is told of none."""
    instant = night(INSTANT_VOLUMES, weather=False, lifted=True)
    pages = -(-INSTANT_VOLUMES // VOLUMES_PAGE)
    sweep = 2 * -(-INSTANT_VOLUMES // PAGE)  # one in each Region
    assert instant.outcome.state == "succeeded"
    assert len(instant.copies) == INSTANT_VOLUMES
    assert instant.ec2_calls <= 1.05 * (pages + instant.instances + INSTANT_VOLUMES + sweep)


def test_looks_follow_the_forecast_also_when_completions_are_far_apart() -> None:
    slow = night(60, changes=SLOW)
    asked, found = (sum(each) for each in zip(slow.looks(HOME), slow.looks(RECOVERY), strict=True))
    assert slow.outcome.state == "succeeded"
    assert asked <= 1.1 * found
    assert slow.ec2_calls <= 1.05 * slow.fewest_calls()
