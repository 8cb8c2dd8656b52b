"""Commands timed as a user starts them: from a process of their own to its end."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of it and of all that it started."""
    mebibytes: float
    """Largest resident memory of any one process."""


def run(command: Sequence[str], *, cwd: Path) -> Cost:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    began = perf_counter()
    process = start(command, cwd=cwd)
    used = wait(process)
    return Cost(perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def start(command: Sequence[str], *, cwd: Path) -> subprocess.Popen[bytes]:
    """Start a command that sees this project's package; what it says goes nowhere."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """Wait for a process to end; return what it used.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return used
