"""The time limit of a SLURM job, and its way back into the queue when that was too short."""

import time

from pgf.errors import UserError
from pgf.jobs.slurm import queue as slurm
from pgf.training import Watch

SHARE = 0.1
"""Part of a job's time kept for its end, where that is less than the watch's own reserve."""


def watch_of_this_job(*, hang_minutes: float) -> Watch:
    """Return a watch that knows when this process's SLURM job will be ended, if it is in one."""
    job = slurm.job_id()
    end = slurm.end_time(job) if job else None
    watch = Watch(deadline=end, hang_seconds=60 * hang_minutes)
    if end is not None:
        watch.reserve = min(watch.reserve, SHARE * max(0.0, end - time.time()))
    return watch


def after_interruption(watch: Watch, why: str) -> str:
    """Say what becomes of an interrupted run; a job whose time is over is queued again.

    One that a signal stopped is not: whoever sent it may have meant it, and a workflow that did
    not submits the job again by itself.

    Raises:
        UserError: the job's time was not enough for a single step or evaluation.
    """
    job = slurm.job_id()
    text = f"pgf: stopped ({why}); what is trained is kept, and the same command goes on"
    if job is None or watch.signalled:
        return text
    if not watch.has_worked:
        raise UserError(
            f"SLURM job {job} was too short for a single step or evaluation: lower tflops or raise "
            "longest_minutes in the profile's site.yaml"
        )
    if slurm.requeue(job):
        return f"pgf: stopped ({why}); SLURM job {job} is in the queue again"
    return text


def after_busy(why: str) -> str:
    """Say what becomes of a job whose run another trains: it comes back when that may be over."""
    job = slurm.job_id()
    if job is not None and slurm.requeue(job):
        return f"pgf: {why}; SLURM job {job} is in the queue again"
    return f"pgf: {why}"
