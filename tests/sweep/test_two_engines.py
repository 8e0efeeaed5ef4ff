"""Two engines started at once with the same key make one run, whichever of them is killed."""

from __future__ import annotations

import random

import pytest

from tests.sweep.engines import Cause
from tests.sweep.night import TONIGHT, Nights, cause_of
from tests.sweep.plan import PERCENT, SEED, verdict

pytestmark = pytest.mark.sweep

ROUNDS = max(2, 12 * PERCENT // 100)
BY_HAND, BY_SCHEDULE = cause_of(TONIGHT, "manual"), cause_of(TONIGHT)


@pytest.mark.parametrize("cause", [BY_HAND, BY_SCHEDULE], ids=["by hand", "by schedule"])
@pytest.mark.parametrize("attempt", range(ROUNDS // 2))
def test_of_two_engines_with_one_key_one_runs_and_the_other_says_who(
    nights: Nights, attempt: int, cause: Cause
) -> None:
    with nights.tonight() as tonight:
        both = tonight.start([cause, cause])
        ending = tonight.end()
    assert not ending.complaints, (attempt, ending.complaints)
    drove = [outcome for outcome in both if outcome.told.get("drove")]
    others = [outcome for outcome in both if outcome not in drove]
    assert [outcome.state for outcome in drove] == ["succeeded"]
    assert all(outcome.code == "run.held" or outcome.state == "succeeded" for outcome in others), others


@pytest.mark.parametrize("at", random.Random(SEED).sample(range(1, 110), ROUNDS))  # noqa: S311 - a sample
@pytest.mark.parametrize("when", ["after", "before"])
def test_when_one_of_two_is_killed_the_key_still_names_one_run(nights: Nights, at: int, when: str) -> None:
    with nights.tonight() as tonight:
        both = tonight.start([BY_SCHEDULE, BY_SCHEDULE], (at, when))
        [last] = tonight.start([BY_SCHEDULE])
        ending = tonight.end()
    assert sum(outcome.killed for outcome in both) <= 1
    assert not (wrong := verdict(ending, [(at, when)])), wrong[0]
    assert last.state == "succeeded"
