"""Seconds to the end of an experiment: the starts of its jobs, its runs, tables and report."""

import heapq
import os
import time
from collections.abc import Iterable
from pathlib import Path

START_SECONDS = 15.0
"""From the start of a job's process to its first step, where nobody has measured it: Python
imports torch and what is built on it, and reads the data."""
REPORT_SECONDS = 45.0
"""Of all that follows the last run, on two cores: runs.csv, tables, figures and the report."""
LAUNCH_SECONDS = 10.0
"""Of all that comes before the first job: configs and data are checked, Snakemake starts."""
AROUND_STEPS = 1.5
"""Time of a run over that of its steps: evaluations, statistics and records, very roughly."""


def seconds_to_end(jobs: Iterable[float], *, side_by_side: int) -> float:
    """Return when the last of some jobs ends, in seconds from now.

    Args:
        jobs: how long each takes, in the order in which they start.
        side_by_side: how many train at the same time, at least 1.
    """
    ends = [0.0] * side_by_side
    for seconds in jobs:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends)


def process_seconds() -> float | None:
    """Return the age of this process in seconds, imports included; None where it is not known."""
    try:
        text = Path("/proc/self/stat").read_text(encoding="utf-8")
        began = int(text.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, AttributeError, ValueError, IndexError):  # not Linux
        return None
    return age if age >= 0 else None


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
