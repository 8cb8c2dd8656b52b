"""What a person sees while runs train: done and total, what is training, time left."""

import math
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.records.record import RECORD, read_record

if TYPE_CHECKING:
    from pgf.training.run_state import Run

SIDE_BY_SIDE = "PGF_JOBS"
"""Environment variable: how many jobs train at the same time."""
SECONDS_BETWEEN_LINES = 30.0
FEW_RUNS = 200
SECONDS_BETWEEN_LOOKS = 120.0
SECONDS_BETWEEN_COUNTS = 300.0


Spent = dict[str, float]
"""Seconds of the finished runs, by slug."""


def look(specs: Sequence[RunSpec], results: Path, spent: Spent) -> None:
    """Add the runs that have a record by now and had none before."""
    for spec in specs:
        if spec.slug not in spent:
            with suppress(OSError, UserError):
                record = read_record(spec.directory(results) / RECORD)
                spent[spec.slug] = record["train_seconds"]


def seconds_left(specs: Sequence[RunSpec], spent: Spent) -> tuple[float, Counter[str]]:
    """Return how long the runs without a record will train, one after another.

    By the mean of the finished runs of the same task. Runs of a task that has none yet are not in
    it: they come as counts, by task.
    """
    own: dict[str, list[float]] = {}
    missing: Counter[str] = Counter()
    for spec in specs:
        if spec.slug in spent:
            own.setdefault(spec.task.name, []).append(spent[spec.slug])
        else:
            missing[spec.task.name] += 1
    known = sum(count * fmean(own[task]) for task, count in missing.items() if task in own)
    return known, Counter({task: n for task, n in missing.items() if task not in own})


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"


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


@dataclass
class Reporter:
    """Prints a line per finished run, and now and then one about a long run."""

    every: Sequence[RunSpec]
    """All runs of the experiment, also those of other jobs."""
    results: Path
    last_line: float = field(default_factory=time.monotonic)
    _spent: Spent = field(default_factory=dict, init=False)
    _looked: float = field(default=-math.inf, init=False)

    def finished(self, spec: RunSpec, record: dict[str, Any], following: RunSpec | None) -> None:
        """Report a run whose record is written, and the one that is training now."""
        self._spent[spec.slug] = record["train_seconds"]
        # A look asks for a file per run: on a shared disk, from many jobs, that is dear.
        if len(self.every) <= FEW_RUNS or time.monotonic() - self._looked > SECONDS_BETWEEN_LOOKS:
            look(self.every, self.results, self._spent)
            self._looked = time.monotonic()
        done, total = len(self._spent), len(self.every)
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
        if time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES:
            return
        total = run.spec.training.steps
        left = run.together * run.seconds / run.step * (total - run.step)
        self._print(
            f"training {run.spec.title}: step {run.step} of {total}, {duration(left)} left for it"
        )

    def _left(self, done: int, total: int) -> str:
        if done == total:
            return ""
        jobs = int(os.environ.get(SIDE_BY_SIDE, "1"))
        seconds, unknown = seconds_left(self.every, self._spent)
        others = "".join(f", and {count} runs of {task}" for task, count in unknown.items())
        return f"; about {duration(seconds / jobs)} left{others}"

    def _print(self, line: str) -> None:
        self.last_line = time.monotonic()
        _say(line)
