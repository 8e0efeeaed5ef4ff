"""The nightly backup is killed at each of its AWS calls, the ledger's included, and started again: all is there once.

The engine's process gets SIGKILL right after the call took effect and before its answer, or right before the call.
"""

from __future__ import annotations

import pytest

from tests.sweep.night import Nights
from tests.sweep.plan import PERCENT, SEED, SHARDS, WHENS, swept

pytestmark = pytest.mark.sweep


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("when", WHENS)
def test_a_backup_killed_at_any_call_and_started_again_is_complete_and_nothing_is_there_twice(
    nights: Nights, when: str, shard: int
) -> None:
    killed, wrong = swept(nights, when, shard)
    print(f"swept {when} shard {shard}: {killed} kills, {PERCENT} % with seed {SEED}, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)
