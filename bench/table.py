"""The figures as a table for people, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.night import Night
from bench.order import HOME, RECOVERY

FIRST, WIDTH = 34, 15


def figures(night: Night) -> dict[str, Any]:
    """Return what one night came to, JSON-safe: calls by operation and Region, CPU, memory, time, ticks."""
    looks = [night.looks(region) for region in (HOME, RECOVERY)]
    return {
        "volumes": night.volumes,
        "instances": night.instances,
        "state": night.outcome.state,
        "calls": calls_by_operation(night),
        "ec2_calls": night.ec2_calls,
        "ec2_calls_refused": sum(n for (s, _, _, how), n in night.calls.items() if s == "ec2" and how != "ok"),
        "ledger_calls": night.ledger_calls,
        "looks": sum(asked for asked, _ in looks),
        "waves": sum(found for _, found in looks),
        "fewest_calls": round(night.fewest_calls()),
        "cpu_s": round(night.outcome.cpu_s, 1),
        "peak_mib": round(night.outcome.peak_mib),
        "virtual_h": round(night.outcome.virtual_s / 3600, 2),
        "ticks": len(night.outcome.ticks),
        "generations": len(night.ticks_by_generation),
        "most_durable_operations": night.most_operations,
        "largest_step_result_bytes": night.largest_result,
    }


def calls_by_operation(night: Night) -> dict[str, int]:
    """Return the EC2 and KMS calls by `Operation Region`, refused ones included, in the alphabet's order."""
    total: dict[str, int] = {}
    for (service, operation, region, _), count in night.calls.items():
        if service != "dynamodb":
            name = f"{operation} {region}"
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))


def table(pairs: Sequence[tuple[Night, Night]]) -> str:
    """Return the figures of nights side by side: the engine's, and the naive loop's beside it."""
    columns = [column for pair in pairs for column in zip(("engine", "naive"), map(figures, pair), strict=True)]
    lines = [_line("volumes", [f"{figure['volumes']:,} {who}" for who, figure in columns])]
    operations = sorted({name for _, figure in columns for name in figure["calls"]})
    lines += [_line(name, [figure["calls"].get(name, 0) for _, figure in columns]) for name in operations]
    lines.append("-" * len(lines[0]))
    lines += [_line(title, [figure[name] for _, figure in columns]) for title, name in ROWS.items()]
    return "\n".join(lines)


ROWS = {
    "EC2 calls": "ec2_calls",
    "  of them refused": "ec2_calls_refused",
    "  fewest, with 1.1 looks a wave": "fewest_calls",
    "  looks (DescribeSnapshots)": "looks",
    "  waves of completions": "waves",
    "ledger calls (DynamoDB)": "ledger_calls",
    "CPU, s": "cpu_s",
    "peak memory, MiB": "peak_mib",
    "virtual duration, h": "virtual_h",
    "ticks": "ticks",
    "executions": "generations",
    "most durable operations of one": "most_durable_operations",
    "largest step result, bytes": "largest_step_result_bytes",
    "ended": "state",
}


def _line(title: str, values: Sequence[object]) -> str:
    return title.ljust(FIRST) + "".join(_cell(value).rjust(WIDTH) for value in values)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
