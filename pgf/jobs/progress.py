"""Progress lines for people while runs train: done and total, what trains now, time left."""

import logging
import math
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.jobs.forecast import (
    REPORT_SECONDS,
    START_SECONDS,
    duration,
    process_seconds,
    seconds_to_end,
)
from pgf.records import RECORD, read_record

if TYPE_CHECKING:
    from pgf.training import Run

log = logging.getLogger(__name__)
SIDE_BY_SIDE = "PGF_JOBS"
"""Environment variable: how many jobs train at the same time; tables and report follow them."""
SECONDS_BETWEEN_LINES = 30.0
NAMED_TASKS = 2
"""Tasks without a finished run that a line names, where there are more than one other."""
FEW_RUNS = 200
SECONDS_BETWEEN_LOOKS = 120.0
SECONDS_BETWEEN_COUNTS = 300.0


Spent = dict[str, float]
"""Seconds of the finished runs, by slug."""
Jobs = Mapping[str, Sequence[RunSpec]]
"""The runs of every job, by the job's name."""


def look(specs: Sequence[RunSpec], results: Path, spent: Spent) -> None:
    """Add the runs that have a record by now, of these settings, and had none before."""
    for spec in specs:
        if spec.slug not in spent:
            with suppress(OSError, UserError):
                record = read_record(spec.directory(results) / RECORD)
                if record["fingerprint"] == spec.fingerprint():
                    spent[spec.slug] = record["train_seconds"]


def seconds_left(jobs: Jobs, spent: Spent, *, start: float) -> tuple[list[float], Counter[str]]:
    """Return how long every job without some of its records will take, those that run first.

    A run takes the mean of the finished runs of its task. Runs of a task that has none yet are not
    in it: they come as counts, by task.

    Args:
        jobs: the experiment's.
        spent: seconds of the finished runs.
        start: seconds from a job's start to its first step, for jobs without a finished run.
    """
    own: dict[str, list[float]] = {}
    for spec in (spec for specs in jobs.values() for spec in specs if spec.slug in spent):
        own.setdefault(spec.task.name, []).append(spent[spec.slug])
    running, waiting = [], []
    unknown: Counter[str] = Counter()
    for specs in jobs.values():
        missing = [spec.task.name for spec in specs if spec.slug not in spent]
        known = [fmean(own[task]) for task in missing if task in own]
        unknown.update(task for task in missing if task not in own)
        if known and len(missing) < len(specs):
            running.append(sum(known))
        elif known:
            waiting.append(start + sum(known))
    return [*running, *waiting], unknown


@contextmanager
def counting(specs: Sequence[RunSpec], results: Path, name: str) -> Iterator[None]:
    """Say now and then how many runs are done, where those who train them cannot be seen."""
    over = threading.Event()

    def tell() -> None:
        told = -1
        while not over.wait(SECONDS_BETWEEN_COUNTS):
            done = sum((spec.directory(results) / RECORD).exists() for spec in specs)
            if done != told:
                _say(f"{name}: {done} of {len(specs)} runs are done")
                told = done

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _say(line: str) -> None:
    # In one piece, since several jobs share the terminal; and whoever read it may be gone.
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def not_counted(unknown: Mapping[str, int]) -> str:
    """Return the runs that the time left leaves out, a few tasks by name."""
    tasks = list(unknown)
    named = tasks if len(tasks) <= NAMED_TASKS + 1 else tasks[:NAMED_TASKS]
    text = "".join(f", and {unknown[task]} runs of {task}" for task in named)
    others = [unknown[task] for task in tasks[len(named) :]]
    return text + (f", and {sum(others)} runs of {len(others)} other tasks" if others else "")


@dataclass
class ProgressReporter:
    """Prints a line per finished run, and now and then one about a long run."""

    jobs: Jobs
    """All jobs of the experiment; one of them is this process's."""
    results: Path
    last_line: float = field(default_factory=time.monotonic)
    start: float | None = None
    """Seconds from the start of this process to its first step, once that is done."""
    _spent: Spent = field(default_factory=dict, init=False)
    _looked: float = field(default=-math.inf, init=False)

    def finished(self, spec: RunSpec, record: dict[str, Any], following: RunSpec | None) -> None:
        """Report a run whose record is written, and the one that is training now."""
        self._spent[spec.slug] = record["train_seconds"]
        every = [spec for specs in self.jobs.values() for spec in specs]
        # A look asks for a file per run: on a shared disk, from many jobs, that is dear.
        if len(every) <= FEW_RUNS or time.monotonic() - self._looked > SECONDS_BETWEEN_LOOKS:
            look(every, self.results, self._spent)
            self._looked = time.monotonic()
        done, total = len(self._spent), len(every)
        if record["status"] == "diverged":
            outcome = f"diverged at step {record['diverged_at']}"
        else:
            outcome = f"{record['metric']} {record['final']:.2f}"
        line = f"[{done:>{len(str(total))}}/{total}] {spec.title}: {outcome}"
        now = f"; now {following.short_title}" if following else ""
        seconds = duration(record["train_seconds"])
        self._print(f"{line} in {seconds}{self._left(done, total)}{now}")

    def step(self, run: "Run") -> None:
        """Report how far a run is, at most every half minute."""
        if self.start is None:
            self._note_start(run)
        if time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES:
            return
        total = run.spec.training.steps
        left = run.together * run.seconds / run.step * (total - run.step)
        self._print(
            f"training {run.spec.title}: step {run.step} of {total}, "
            f"about {duration(left)} left for it"
        )

    def _note_start(self, run: "Run") -> None:
        age = process_seconds()
        self.start = START_SECONDS if age is None else age
        if age is not None:
            log.info("%s: first step %.1f s after the start of the process", run.spec.title, age)

    def _left(self, done: int, total: int) -> str:
        if done == total:
            return ""
        start = START_SECONDS if self.start is None else self.start
        seconds, unknown = seconds_left(self.jobs, self._spent, start=start)
        side_by_side = os.environ.get(SIDE_BY_SIDE)
        left = seconds_to_end(seconds, side_by_side=int(side_by_side or 1))
        if side_by_side:
            left += REPORT_SECONDS
        return f"; about {duration(left)} left{not_counted(unknown)}"

    def _print(self, line: str) -> None:
        self.last_line = time.monotonic()
        _say(line)
