"""The runs of an experiment as they stand, seen from outside: done, running, failed, waiting."""

import os
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.jobs.forecast import START_SECONDS, duration, seconds_to_end
from pgf.jobs.leases import LEASE, Holder, Lease
from pgf.jobs.progress import Jobs, look, not_counted, seconds_left
from pgf.jobs.slurm import queue as slurm
from pgf.records import TRAIN_LOG, last_lines, read_run

SHOWN = 8
"""Runs of a state that are named."""


class State(StrEnum):
    """The states of a run."""

    DONE = "done"
    DIVERGED = "diverged"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    """Begun, and nobody trains it now; the same command goes on with it."""
    WAITING = "waiting"
    OUTDATED = "outdated"
    """Made with other settings or other code; the same command trains it again."""


@dataclass(frozen=True)
class RunStatus:
    """A run as it stands."""

    spec: RunSpec
    state: State
    said: str = ""
    """Its holder, or the last line of its log."""


def status_text(name: str, jobs: Jobs, results: Path) -> str:
    """Return what has become of every run of an experiment, and the time that is left.

    Args:
        name: the experiment's.
        jobs: its jobs.
        results: the folder of results.
    """
    specs = [spec for own in jobs.values() for spec in own]
    found = [run_status(spec, results) for spec in specs]
    counts = Counter(run.state for run in found)
    head = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    lines = [f"{name}: {len(specs)} runs: {head}{_left(jobs, results, counts)}", *_tasks(found)]
    for state in (State.RUNNING, State.FAILED, State.STOPPED, State.DIVERGED):
        own = [run for run in found if run.state is state]
        lines += [f"  {state}: {_named(run)}" for run in own[:SHOWN]]
        lines += [f"  {state}: and {len(own) - SHOWN} more"] * (len(own) > SHOWN)
    return "\n".join(lines)


def run_status(spec: RunSpec, results: Path) -> RunStatus:
    """Return what has become of a run; nothing in its folder is changed."""
    folder, outdated = spec.directory(results), False
    with suppress(UserError, OSError):
        record = read_run(folder)
        outdated = record["fingerprint"] != spec.fingerprint()
        if not outdated:
            diverged = record["status"] == State.DIVERGED
            said = f"at step {record.get('diverged_at')}" if diverged else ""
            return RunStatus(spec, State.DIVERGED if diverged else State.DONE, said)
    holder = Lease(folder).current()
    if holder and _lives(holder, folder / LEASE):
        return RunStatus(spec, State.RUNNING, str(holder))
    if outdated:
        return RunStatus(spec, State.OUTDATED)
    log = folder / TRAIN_LOG
    if not log.exists():
        return RunStatus(spec, State.WAITING)
    last = (last_lines(log, 1) or [""])[-1]
    failed = " ERROR " in "\n".join(last_lines(log, 40)) and " INFO " not in last
    return RunStatus(spec, State.FAILED if failed else State.STOPPED, last.strip())


def _lives(holder: Holder, lease: Path) -> bool:
    """Return whether a holder still trains, as far as this machine can tell."""
    if holder.host == socket.gethostname():
        try:
            os.kill(holder.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # a process of another user has this number: theirs, as far as we see
        return True
    over = slurm.is_over(holder.slurm_job) if holder.slurm_job else None
    if over is not None:
        return not over
    with suppress(FileNotFoundError):
        return time.time() - lease.stat().st_mtime <= holder.valid_seconds
    return False


def _left(jobs: Jobs, results: Path, counts: Mapping[State, int]) -> str:
    if counts.get(State.DONE, 0) + counts.get(State.DIVERGED, 0) == sum(counts.values()):
        return ""
    spent: dict[str, float] = {}
    look([spec for own in jobs.values() for spec in own], results, spent)
    seconds, unknown = seconds_left(jobs, spent, start=START_SECONDS)
    if not spent:
        return "; how long they take is not known before one is done"
    side_by_side = max(1, counts.get(State.RUNNING, 0))
    left = seconds_to_end(seconds, side_by_side=side_by_side)
    return f"; about {duration(left)} left with {side_by_side} at a time{not_counted(unknown)}"


def _tasks(found: Sequence[RunStatus]) -> list[str]:
    """Return a line for each task, where there are several."""
    counts: dict[str, Counter[State]] = {}
    for run in found:
        counts.setdefault(run.spec.task.name, Counter())[run.state] += 1
    if len(counts) == 1:
        return []
    width = max(map(len, counts))
    return [
        f"  {task:<{width}}  " + ", ".join(f"{own[state]} {state}" for state in State if own[state])
        for task, own in counts.items()
    ]


def _named(run: RunStatus) -> str:
    return f"{run.spec.title}{f' ({run.said})' if run.said else ''}"
