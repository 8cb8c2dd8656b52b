"""One job: it trains its runs one after another, and skips those that are complete."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.jobs.leases import leased
from pgf.jobs.run_log import last_words, log_file, traces_in
from pgf.jobs.slurm import queue as slurm
from pgf.records import (
    RECORD,
    TRAIN_LOG,
    remove_temporaries,
    set_run_aside,
    why_incomplete,
    write_atomically,
)
from pgf.tasks import Splits, Task, make_task
from pgf.training import (
    InterruptedRunError,
    Run,
    Watch,
    checkpoints,
    parallel,
    train_together,
    write_outcome,
)

log = logging.getLogger(__name__)

Loaded = tuple[Task, Splits | None]
"""A task and its data, kept for the further runs of a job."""


@dataclass(frozen=True)
class _Job:
    results: Path
    progress: Callable[[Run], None]
    watch: Watch
    loaded: dict[str, Loaded] = field(default_factory=dict)


def run_job(
    specs: Sequence[RunSpec],
    results: Path,
    *,
    announce: Callable[[RunSpec, dict[str, Any], RunSpec | None], None],
    progress: Callable[[Run], None],
    watch: Watch | None = None,
) -> list[dict[str, Any]]:
    """Train every run that is not complete; return a line for each run.

    Of several processes that share the runs, the first reads and writes the results.

    Args:
        specs: the job's runs; those of one task and options load their data once.
        results: the results folder.
        announce: called with each run, its record when that is written, and the run that is next.
        progress: called after every optimiser step.
        watch: says when to stop early; None for never.

    Raises:
        InterruptedRunError: it was time to stop; the run that was training has a checkpoint.
    """
    job = _Job(results, progress, watch or Watch())
    parts = list(_stacks(specs))
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        for spec, record in _train_part(part, job):
            announce(spec, record, following[0] if following else None)
    return [{"run": spec.slug, "fingerprint": spec.fingerprint()} for spec in specs]


def _stacks(specs: Sequence[RunSpec]) -> Iterator[list[RunSpec]]:
    """Yield the runs that train as one, in their order: their models are of one shape."""

    def shape(spec: RunSpec) -> tuple[object, ...]:
        narrowed = spec.target if spec.make_recipe().narrows else ""
        return _task_key(spec), spec.training, narrowed

    for _, alike in groupby(specs, key=shape):
        members = list(alike)
        size = members[0].training.stack
        yield from (members[i : i + size] for i in range(0, len(members), size))


def _task_key(spec: RunSpec) -> str:
    return json.dumps([spec.task.kind, spec.task.options], sort_keys=True, default=str)


def _train_part(specs: Sequence[RunSpec], job: _Job) -> list[tuple[RunSpec, dict[str, Any]]]:
    """Train those runs of a stack that are not complete; return them with their records."""
    writes = parallel.rank() == 0
    with ExitStack() as held:
        wanted: list[RunSpec] = []
        outdated: dict[Path, str] = {}
        for spec in specs:
            directory = spec.directory(job.results)
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise UserError(f"{directory}: a file is where a run's folder belongs") from error
            if writes:
                held.enter_context(_held(directory, spec, job.watch))
            problem = parallel.from_first(why_incomplete(spec, job.results) if writes else None)
            if problem is None:
                continue
            if parallel.highest(bool(job.watch.reason())):
                raise InterruptedRunError(f"{parallel.agreed(job.watch)}, before {spec.title}")
            if writes:
                outdated[directory] = problem
            wanted.append(spec)
        if not wanted:
            return []
        records = _train(wanted, job, outdated)
    job.watch.has_worked = True
    return [(spec, records[spec.slug]) for spec in wanted] if writes else []


@contextmanager
def _held(directory: Path, spec: RunSpec, watch: Watch) -> Iterator[None]:
    """Hold a run's folder, with its log; a job that holds a GPU does not wait for another."""

    def patience() -> None:
        if watch.reason():
            raise InterruptedRunError(f"{watch.reason()}, before {spec.title}")

    patient = patience if slurm.job_id() is None else None
    with (
        leased(directory, spec.title, patience=patient, hang_seconds=watch.hang_seconds) as renew,
        watch.calling(renew),
        log_file(directory),
    ):
        remove_temporaries(directory)
        yield


def _clear(directory: Path, problem: str) -> None:
    if (directory / RECORD).exists():
        log.warning("%s; kept as %s, training again", problem, set_run_aside(directory))


def _train(
    specs: Sequence[RunSpec], job: _Job, outdated: Mapping[Path, str]
) -> dict[str, dict[str, Any]]:
    """Train the runs of a stack; return their records by slug, written as each came to its end.

    Args:
        specs: the runs.
        job: theirs.
        outdated: folder of a run -> why its record does not count. Records are set aside when the
            runs are made: a config that is refused loses none.
    """
    writes = parallel.rank() == 0
    directories = [spec.directory(job.results) for spec in specs]
    files = [directory / checkpoints.CHECKPOINT for directory in directories]
    records: dict[str, dict[str, Any]] = {}

    def ended(run: Run) -> None:
        directory = run.spec.directory(job.results)
        records[run.spec.slug] = write_outcome(run, directory) if writes else {}
        if writes:
            (directory / checkpoints.CHECKPOINT).unlink(missing_ok=True)
            log.info("%s: %s", run.spec.title, records[run.spec.slug]["status"])

    with last_words(specs), traces_in(directories[0] / TRAIN_LOG, job.watch):
        runs = [_made(spec, path, job.loaded) for spec, path in zip(specs, files, strict=True)]
        for directory, problem in outdated.items():
            _clear(directory, problem)
        # Those that were stopped at another step than the rest go on by themselves.
        for step in dict.fromkeys(run.step for run in runs):
            own = [i for i, run in enumerate(runs) if run.step == step]
            train_together(
                [runs[i] for i in own],
                checkpoints=[files[i] for i in own],
                progress=job.progress if writes else None,
                ended=ended,
                watch=job.watch,
            )
    return records


def _made(spec: RunSpec, path: Path, loaded: dict[str, Loaded]) -> Run:
    """Return a run, from its checkpoint if there is one; a task's data is loaded once."""
    key = _task_key(spec)
    task, splits = loaded.get(key) or (make_task(spec.task), None)
    run = Run.make(spec, task=task, splits=splits)
    loaded[key] = task, run.splits
    state = checkpoints.load(path, fingerprint=spec.fingerprint())
    if state is not None:
        run.load_state_dict(state)
        log.info("%s: resumed at step %d", spec.title, run.step)
    return run


def write_manifest(path: Path, job: str, lines: list[dict[str, Any]]) -> None:
    """Write the declared output of a job: the runs it stands for, all complete."""
    write_atomically(path, json.dumps({"job": job, "runs": lines}, indent=1) + "\n")
