"""What this process has cost so far."""

from __future__ import annotations

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")
KIB = 1024


def cpu_s() -> float:
    """Return the CPU seconds of this process, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    """Return this process's peak resident memory in MiB.

    Linux's `ru_maxrss` of a process begins at what its parent held when it was started, so the kernel's own mark is
    read where there is one.
    """
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB
