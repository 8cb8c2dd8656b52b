"""Commands timed as a user starts them: from a process of their own to its end."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[3]
PYTHON = sys.executable


@dataclass(frozen=True)
class ProcessUse:
    """The time and memory that a command took."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of it and of all that it started."""
    mebibytes: float
    """Largest resident memory of any one process."""


def run(command: Sequence[str], *, cwd: Path) -> ProcessUse:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    # By a small process in between: a child counts the memory of who forked it as its own.
    done = subprocess.run(
        [PYTHON, "-c", LAUNCHER, *command],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return ProcessUse(*json.loads(done.stdout))


LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = time.perf_counter() - began
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def environment() -> dict[str, str]:
    """Return the environment in which a command sees this project's package."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def together(commands: Sequence[Sequence[str]], *, cwd: Path) -> float:
    """Run commands side by side; return the seconds until the last one ends.

    Raises:
        subprocess.CalledProcessError: one failed.
    """
    began = perf_counter()
    started = [
        subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        for process in started:
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, process.args)
    finally:  # the others, if one has failed
        for process in started:
            process.kill()
            process.wait()
    return perf_counter() - began
