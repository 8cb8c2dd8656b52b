"""Questions to SLURM, through its own commands; no answers where there is no SLURM."""

import os
import shutil
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

ANSWER_SECONDS = 30.0
TRAIN_COMMENT = "rule_train_wildcards_"
"""Beginning of the executor's comment on a job of the rule `train`; the job's name follows."""
LONGEST_PREFIX = 50
UUID_LENGTH = 36
ALIVE = (
    *("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "SIGNALING"),
    *("REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESIZING", "STAGE_OUT", "SPECIAL_EXIT"),
)
KEEP_JOB = "PGF_KEEP_JOB"
"""Environment variable: the SLURM job is its user's own, with more than this run in it."""


@dataclass(frozen=True)
class QueuedJob:
    """A job of ours in SLURM's queue."""

    id: str
    name: str
    """The job's name in the experiment."""
    state: str


def job_id() -> str | None:
    """Return the SLURM job that this process is of, or None."""
    return os.environ.get("SLURM_JOB_ID")


def end_time(job: str) -> float | None:
    """Return when a job's time is over, in seconds since the epoch; None if that is unknown."""
    answer = ask("squeue", "--noheader", "--job", job, "--format", "%e")
    return float(answer) if answer and answer.isdigit() else None


def is_over(job: str) -> bool | None:
    """Return whether a job is neither queued nor running; None where SLURM cannot tell."""
    state = ask("squeue", "--noheader", "--states", "all", "--job", job, "--format", "%T")
    if state:
        return state not in ALIVE
    # SLURM forgets ended jobs, and then has no answer; nor has it any while it is down.
    return None if ask("squeue", "--noheader", "--me") is None else True


def requeue(job: str) -> bool:
    """Put a running job back into the queue; return whether SLURM did.

    A job that is a user's own allocation stays as it is: there is more in it than this run.
    """
    return KEEP_JOB not in os.environ and ask("scontrol", "requeue", job) is not None


def prefix(experiment: str) -> str:
    """Return what the names of an experiment's jobs begin with, and no other's."""
    plain = "".join(c if c.isalnum() else "-" for c in f"pgf-{experiment}")
    if plain == f"pgf-{experiment}" and len(plain) <= LONGEST_PREFIX:
        return plain
    own = f"-{zlib.crc32(experiment.encode()):08x}"  # a_b, a.b and a-b look alike without it
    return plain[: LONGEST_PREFIX - len(own)] + own


def queued(experiment: str, folder: Path) -> list[QueuedJob] | None:
    """Return the jobs that an earlier workflow of an experiment has left, queued or running.

    None where SLURM does not answer.

    Args:
        experiment: its name.
        folder: where the workflow was started; other clones are other experiments.
    """
    answer = ask("squeue", "--noheader", "--me", "--format", "%i|%T|%j|%k|%Z")
    if answer is None:
        return None
    jobs = []
    for line in answer.splitlines():
        if line.count("|") < 4:
            continue  # a piece of another job's comment
        job, state, name, comment, where = line.split("|", 4)
        start = f"{prefix(experiment)}_"
        ours = name.startswith(start) and len(name) == len(start) + UUID_LENGTH
        if ours and Path(where) == folder and comment.startswith(TRAIN_COMMENT):
            jobs.append(QueuedJob(job, comment.removeprefix(TRAIN_COMMENT), state))
    return jobs


def ask(*command: str, seconds: float = ANSWER_SECONDS) -> str | None:
    """Return what a command of SLURM prints, or None where it fails or is not there."""
    if shutil.which(command[0]) is None:
        return None
    environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass(frozen=True)
class Answer:
    """All that came of a command."""

    code: int | None
    """Its exit code; None where it did not end in time."""
    output: str
    errors: str


def run(*command: str, seconds: float) -> Answer:
    """Run a command of SLURM, for who wants to know why it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return Answer(None, "", "")
    except OSError as error:  # as where there is no such command
        return Answer(127, "", str(error))
    return Answer(done.returncode, done.stdout, done.stderr)
