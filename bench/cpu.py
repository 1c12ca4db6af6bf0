"""How much CPU a process has taken, to the microsecond where the system tells."""

from __future__ import annotations

import sys
import time

import psutil

_CPUCLOCK_SCHED = 2
"""From <linux/posix-timers.h>: what has run, not how many ticks of 10 ms were seen to."""


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process, those that have ended, too."""
    if sys.platform == "linux":
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def family_cpu_seconds(pid: int) -> float:
    """Of a process and of those that it has started, which run."""
    process = psutil.Process(pid)
    return sum(cpu_seconds(each.pid) for each in (process, *process.children(recursive=True)))
