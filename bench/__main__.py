"""Prints what nights of several sizes cost, beside a naive loop: `python -m bench [--sizes 50,500] [--json]`.

Every night has a sandbox and an engine process of its own. With 10,000 volumes and more, the quotas are lifted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bench import import_cost
from bench.night import Night, night
from bench.table import figures, table

SIZES = "50,500,2000,10000"
LIFTED_FROM = 10_000  # volumes; at 20 copies at once such a night takes days
HAND_OVER_AFTER = 300  # ticks, so that a run of 2,000 volumes is seen to hand over; a deployment's default is 1,000


def measured(size: int) -> tuple[Night, Night]:
    """Return the engine's and the naive loop's night with so many volumes."""
    lifted = size >= LIFTED_FROM
    print(f"{size:,} volumes{', quotas lifted' if lifted else ''} ...", file=sys.stderr)
    ours = night(size, lifted=lifted, ticks_per_generation=HAND_OVER_AFTER)
    return ours, night(size, lifted=lifted, module="bench.naive")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help=f"volumes, with commas between (default: {SIZES})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args(arguments)
    pairs = [measured(int(size)) for size in asked.sizes.split(",")]
    if asked.json:
        nights = [{"engine": figures(ours), "naive": figures(theirs)} for ours, theirs in pairs]
        print(json.dumps({"nights": nights, "import_cost": import_cost.measure()}, indent=2))
        return 0
    print(table(pairs))
    print(
        "\n'fewest' = a CreateSnapshots per instance + a CopySnapshot per volume + 1.1 looks per wave of completions."
    )
    print()
    return import_cost.main()


if __name__ == "__main__":
    sys.exit(main())
