"""One prepared sandbox for all sweeps of a test process; every night is a fork of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sweep.night import Nights, prepared
from tests.sweep.plan import PERCENT, SEED


@pytest.fixture(scope="session")
def nights() -> Iterator[Nights]:
    with prepared(SEED) as made:
        yield made


def pytest_report_header() -> str:
    return f"sweep: {PERCENT} % of all calls, seed {SEED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was swept, also when all went well."""
    reports = [report for some in terminalreporter.stats.values() for report in some if hasattr(report, "sections")]
    said = [
        text.strip() for report in reports for name, text in report.sections if "swept" in text and "stdout" in name
    ]
    for line in sorted({line for text in said for line in text.splitlines() if line.startswith("swept")}):
        terminalreporter.write_line(line)
