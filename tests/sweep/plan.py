"""What is swept, and how much of it: seeds and samples, the same in every replay."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from tests.sweep.night import Ending, Kill, Nights

SHARDS = 8
WHENS = ("after", "before")
FAR = 2_000  # a run of more calls than this would be no sweep any more
LATEST_KILL = 110  # a calm night is 115 calls; in a storm it is more, so that most of these kills come about

STORM: dict[str, Any] = {
    "throttle_share": 0.3,
    "lost_answer_share": 0.05,
    "visibility_s": 60,
    "events": {"drop_share": 0.2, "double_share": 0.2, "late_s": 600},
    "quotas": {"copies_per_destination": 3},
}


def _asked(name: str, default: int) -> int:
    """Read a number from the environment; `make sweep SWEEP=20` hands its own variables on."""
    return int(os.environ.get(f"LIFEBOAT_{name}") or os.environ.get(name) or default)


PERCENT = max(1, min(100, _asked("SWEEP", 100)))
SEED = _asked("SEED", 1)
STORMS = range(1, 1 + max(3, 8 * PERCENT // 100))  # where all kinds of faults together must have come up: never fewer


def sampled(when: str, shard: int) -> Iterator[int]:
    """Yield the calls of a shard at which to kill, in order, as far as they are in the sample."""
    for at in range(shard + 1, FAR, SHARDS):
        if random.Random(f"{SEED}/{when}/{at}").random() * 100 < PERCENT:  # noqa: S311 - a sample
            yield at


def some_kills(seed: int, most: int = 4) -> list[Kill]:
    """Return one to `most` kills, one for each time that the run is started."""
    chance = random.Random(f"{SEED}/kills/{seed}")  # noqa: S311 - a sample
    return [(chance.randint(1, LATEST_KILL), chance.choice(WHENS)) for _ in range(chance.randint(1, most))]


def storm(seed: int) -> dict[str, Any]:
    """Return the storm with this seed."""
    return {**STORM, "seed": seed}


def replay(kills: Iterable[Kill], storm_seed: int | None = None) -> str:
    """Return the command that lets exactly this night happen again, and shows what was wrong and every call."""
    words = [sys.executable, "-m", "tests.sweep.replay", "--seed", str(SEED)]
    words += [f"--kill={when}:{at}" for at, when in kills]
    words += ["--storm", str(storm_seed)] if storm_seed is not None else []
    return " ".join(words)


def verdict(ending: Ending, kills: Iterable[Kill], storm_seed: int | None = None) -> list[str]:
    """Return what is wrong with a night, with the command that replays it; empty when nothing is."""
    wrong = list(ending.complaints)
    last = ending.outcomes[-1]
    if last.state != "succeeded":
        wrong.append(f"the last engine ended with {last.status} and told {last.told}")
    return [f"{'; '.join(wrong)}\n    replay: {replay(kills, storm_seed)}"] if wrong else []


def swept(nights: Nights, when: str, shard: int) -> tuple[int, list[str]]:
    """Kill at one call after the other, until a run ends unkilled; returns how many were killed, and what is wrong."""
    killed, wrong = 0, list[str]()
    for at in sampled(when, shard):
        ending = nights.night([(at, when)])
        wrong += verdict(ending, [(at, when)])
        if not ending.kills:
            return killed, wrong
        killed += 1
    return killed, [*wrong, f"no run ended within {FAR} calls"]
