"""The sweeps of tests/sweep in small: the nightly backup killed where it hurts, in one storm, and started twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sweep.night import POINTS, TONIGHT, VOLUMES, Ending, Nights, cause_of, prepared

SEED = 5


@pytest.fixture(scope="module")
def nights() -> Iterator[Nights]:
    with prepared(SEED) as made:
        yield made


@pytest.fixture(scope="module")
def calm(nights: Nights) -> Ending:
    """Return a night in which nothing happens: where its calls are is where the others are killed."""
    return nights.night()


def call_of(calm: Ending, operation: str, which: int = 0, later: int = 0) -> int:
    """Return the number of the `which`-th call of an operation, or of one so many calls later."""
    numbers = [n for n, call in enumerate(calm.log, 1) if call["operation"] == operation]
    return numbers[which] + later


def test_a_calm_night_leaves_one_point_and_one_copy_of_every_volume(calm: Ending) -> None:
    assert calm.complaints == ()
    made = [call["operation"] for call in calm.log if call["operation"].startswith(("Create", "Copy"))]
    assert (made.count("CreateSnapshots") + made.count("CreateSnapshot"), made.count("CopySnapshot")) == (
        POINTS,
        VOLUMES,
    )
    assert [call["operation"] for call in calm.log].count("Publish") == 1


@pytest.mark.parametrize(
    ("operation", "which", "later", "when"),
    [
        ("PutItem", 2, 0, "after"),  # the run is in the index of runs, and does not exist yet
        ("CreateSnapshots", 0, -1, "after"),  # the intent is written, and nothing was sent
        ("CreateSnapshots", 1, 0, "after"),  # AWS makes a set that nobody here knows of
        ("CreateSnapshot", 0, 1, "before"),  # the same of a single volume: its id is known and not yet recorded
        ("CopySnapshot", 0, 0, "after"),
        ("Publish", 0, 0, "after"),
    ],
)
def test_a_backup_killed_where_it_hurts_and_started_again_ends_as_if_it_had_not_been(
    nights: Nights, calm: Ending, operation: str, which: int, later: int, when: str
) -> None:
    ending = nights.night([(call_of(calm, operation, which, later), when)])
    assert ending.complaints == ()
    assert [outcome.killed for outcome in ending.outcomes] == [True, False]
    assert ending.outcomes[-1].state == "succeeded"


def test_a_storm_with_two_kills_changes_nothing_about_the_end(nights: Nights) -> None:
    weather = {
        "seed": 3,
        "throttle_share": 0.3,
        "lost_answer_share": 0.15,
        "visibility_s": 60,
        "quotas": {"copies_per_destination": 3},
    }
    ending = nights.night([(24, "after"), (60, "before")], weather)
    assert ending.complaints == ()
    assert ending.kills == 2
    assert ending.faults["throttled"] >= 1
    assert ending.faults["answer_lost"] >= 1


def test_two_engines_started_at_once_with_one_key_make_one_run(nights: Nights) -> None:
    cause = cause_of(TONIGHT, "manual")
    with nights.tonight() as tonight:
        both = tonight.start([cause, cause])
        ending = tonight.end()
    assert ending.complaints == ()
    assert sorted(bool(outcome.told.get("drove")) for outcome in both) == [False, True]
    assert sorted(outcome.code for outcome in both) == ["", "run.held"]
