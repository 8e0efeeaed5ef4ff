"""Lets one night of the sweeps happen again: `python -m tests.sweep.replay --seed 1 --kill=after:37 [--storm 3]`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tests.sweep.night import Ending, prepared
from tests.sweep.plan import storm


def main() -> int:
    """Replay, and print every call and what was wrong; returns 1 when something was."""
    parser = argparse.ArgumentParser(prog="tests.sweep.replay")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sandbox")
    parser.add_argument("--kill", action="append", default=[], help="after:37, for each engine that is to be killed")
    parser.add_argument("--storm", type=int, default=None, help="seed of the storm; calm when left out")
    given = parser.parse_args()
    kills = [(int(text.split(":")[1]), text.split(":")[0]) for text in given.kill]
    with prepared(given.seed) as nights:
        ending = nights.night(kills, storm(given.storm) if given.storm is not None else None)
    lines = [f"{n} {c['at']} {c['service']} {c['operation']} {c['region']} {c['outcome']}" for n, c in _counted(ending)]
    lines += [f"engine ended with {outcome.status}: {outcome.told}" for outcome in ending.outcomes]
    lines += [f"faults: {ending.faults}", f"the run took {ending.took_s:.0f} virtual seconds"]
    lines += [f"WRONG: {said}" for said in ending.complaints] or ["all is as it must be"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if ending.complaints else 0


def _counted(ending: Ending) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(ending.log, 1))


if __name__ == "__main__":
    sys.exit(main())
