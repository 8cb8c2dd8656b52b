"""Jobs that a killed workflow has left in SLURM's queue: found, waited for, not submitted again."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pgf.errors import UserError
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.queue import QueuedJob

LOOK_SECONDS = 20.0
LOOKS = 6
"""Questions to a SLURM that does not answer before giving up."""


def left_over_jobs(
    experiment: str, *, sleep: Callable[[float], None] = time.sleep
) -> list[QueuedJob]:
    """Return the training jobs of an experiment that are in the queue, and say so in one line.

    Raises:
        UserError: SLURM does not answer, so that nobody knows what would be submitted twice.
    """
    jobs = slurm.queued(experiment, Path.cwd())
    for _ in range(LOOKS):
        if jobs is None:
            sleep(LOOK_SECONDS)
            jobs = slurm.queued(experiment, Path.cwd())
    if jobs is None:
        raise UserError(
            "SLURM's squeue does not answer, so jobs in its queue would be submitted twice: run "
            "`pgf doctor`, then this command again"
        )
    if jobs:
        states = Counter(job.state.lower() for job in jobs)
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        print(
            f"{experiment}: {_jobs(len(jobs))} in SLURM's queue from an earlier workflow "
            f"({counts}) and will not be submitted again; to end them: scancel "
            f"{' '.join(job.id for job in jobs[:5])}{' ...' if len(jobs) > 5 else ''}",
            file=sys.stderr,
        )
    return jobs


def wait_for_jobs(
    experiment: str, jobs: list[QueuedJob], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait until jobs have left the queue; a line whenever their number changes."""
    left, told = {job.id for job in jobs}, len(jobs)
    while True:
        there = slurm.queued(experiment, Path.cwd())
        if there is not None:  # a controller that is being restarted says nothing
            left &= {job.id for job in there}
        if not left:
            return
        if len(left) < told:
            print(f"{experiment}: {_jobs(len(left))} still in SLURM's queue", file=sys.stderr)
            told = len(left)
        sleep(LOOK_SECONDS)


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"
