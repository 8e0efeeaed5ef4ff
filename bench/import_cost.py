"""What a cold start pays: importing `app`, as a multiple of `import boto3` with one EC2 client.

A ratio, so that it means the same on any machine. Both are timed in fresh processes, by turns; medians are compared.
Exits with 1 above the limit.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1.6
ROUNDS = 7
BASE = "import boto3; boto3.client('ec2', region_name='us-east-1')"
APP = "import app"
NEVER = ("chalicelib.sandbox", "chalicelib.cli", "moto", "typer", "rich")  # of no use in Lambda
TIMED = "import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"


def seconds(code: str) -> float:
    """Return how long a statement takes in a fresh process, without the interpreter's own start."""
    return float(_fresh(TIMED.format(code=code)))


def imported_by_app() -> list[str]:
    """Return every module that is loaded once `app` is."""
    found: list[str] = json.loads(_fresh("import app, json, sys; print(json.dumps(sorted(sys.modules)))"))
    return found


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians in seconds, and their ratio; the first round warms the disk and is not counted."""
    seconds(BASE), seconds(APP)
    pairs = [(seconds(BASE), seconds(APP)) for _ in range(rounds)]
    base, app = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {"boto3_with_ec2_s": round(base, 3), "app_s": round(app, 3), "ratio": round(app / base, 2)}


def main() -> int:
    """Print what was measured, and return the exit code."""
    useless = [name for name in imported_by_app() if name.startswith(NEVER)]
    result = measure()
    print(json.dumps({"import_cost": {**result, "limit": LIMIT, "useless_modules": useless}}))
    return int(result["ratio"] > LIMIT or bool(useless))


def _fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
