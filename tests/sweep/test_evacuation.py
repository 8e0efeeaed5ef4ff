"""A zone's evacuation is killed at each of its AWS calls, the ledger's included, and the same event comes again.

The dark zone's calls hang or fail, others are throttled. At the end every instance runs elsewhere once, with the
volumes of its newest set, the groups are full, and nothing of a healthy zone was harmed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sweep.evacuation import BAD_DAY, Evenings, prepared
from tests.sweep.plan import FAR, PERCENT, SEED, SHARDS, WHENS, sampled, some_kills

pytestmark = pytest.mark.sweep


@pytest.fixture(scope="module", name="evenings")
def _evenings() -> Iterator[Evenings]:
    with prepared(SEED) as made:
        yield made


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("when", WHENS)
def test_an_evacuation_killed_at_any_call_brings_everything_back_once(
    evenings: Evenings, when: str, shard: int
) -> None:
    killed, wrong = 0, list[str]()
    for at in sampled(when, shard):
        ended = evenings.evening([(at, when)])
        wrong += [f"killed {when} call {at}: {'; '.join(ended.complaints)}"] if ended.complaints else []
        if not ended.kills:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    print(f"swept evacuation {when} shard {shard}: {killed} kills, {PERCENT} % with seed {SEED}")  # noqa: T201
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("seed", range(max(1, 8 * PERCENT // 100)))
def test_an_evacuation_on_a_bad_day_killed_several_times_brings_everything_back_once(
    evenings: Evenings, seed: int
) -> None:
    ended = evenings.evening(some_kills(seed), {**BAD_DAY, "seed": seed})
    assert not ended.complaints, "\n".join(ended.complaints)
