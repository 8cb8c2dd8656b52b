"""What one job does: trains its runs one after another, skipping those that are complete."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from filelock import FileLock, Timeout

from pgf import checkpoints
from pgf.data.streams import Splits
from pgf.errors import UserError
from pgf.evaluation import Evaluation, best_at_target
from pgf.flops import (
    Layers,
    ModelFlops,
    count_flops,
    inference_flops,
    parameter_counts,
    training_flops,
)
from pgf.observers import Row
from pgf.provenance import provenance
from pgf.records import (
    CURVE_COLUMNS,
    CURVES,
    OVERALL,
    RECORD,
    SCHEMA,
    problem_with,
    replacing,
    set_run_aside,
    write_atomically,
    write_record,
)
from pgf.runs import RunSpec, code_hash
from pgf.tasks import Task
from pgf.train import Run, train

log = logging.getLogger(__name__)
LOCK = ".lock"

Loaded = tuple[Task | None, Splits | None]
"""A task and its data, kept for the further runs of a job."""


def run_job(
    specs: Sequence[RunSpec],
    results: Path,
    *,
    announce: Callable[[RunSpec, dict[str, Any], RunSpec | None], None],
    progress: Callable[[Run], None],
) -> list[dict[str, Any]]:
    """Train every run that is not complete; return a line for each run.

    Args:
        specs: the job's runs; those of one task and options load their data once.
        results: the results folder.
        announce: called with each run, its record when that is written, and the run that is next.
        progress: called after every optimiser step.
    """
    loaded: dict[str, Loaded] = {}
    for spec, following in zip(specs, [*specs[1:], None], strict=True):
        directory = spec.directory(results)
        directory.mkdir(parents=True, exist_ok=True)
        with locked(directory, spec), _log_file(directory):
            problem = problem_with(spec, results)
            if problem is None:
                continue
            _clear(directory, problem)
            record = _train_one(spec, directory, loaded, progress)
        announce(spec, record, following)
    return [{"run": spec.slug, "fingerprint": spec.fingerprint()} for spec in specs]


@contextmanager
def locked(directory: Path, spec: RunSpec) -> Iterator[None]:
    """Hold a run's folder; wait for a process that trains it already, and say so."""
    lock = FileLock(directory / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.warning("%s is being trained by another process; waiting for it", spec.title)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _clear(directory: Path, problem: str) -> None:
    if (directory / RECORD).exists():
        log.warning("%s; kept as %s, training again", problem, set_run_aside(directory))


def _train_one(
    spec: RunSpec,
    directory: Path,
    loaded: dict[str, Loaded],
    progress: Callable[[Run], None],
) -> dict[str, Any]:
    key = json.dumps([spec.task.kind, spec.task.options], sort_keys=True, default=str)
    task, splits = loaded.get(key, (None, None))
    run = Run.make(spec, task=task, splits=splits)
    loaded[key] = run.task, run.splits
    path = directory / checkpoints.CHECKPOINT
    state = checkpoints.load(path, fingerprint=spec.fingerprint())
    if state is not None:
        run.load_state_dict(state)
        log.info("%s: resumed at step %d", spec.title, run.step)
    try:
        train(run, checkpoint=path, progress=progress)
    except torch.OutOfMemoryError as error:
        parts = spec.training.accumulation
        raise UserError(
            f"{spec.title}: the GPU's memory does not hold {spec.training.batch_size // parts} "
            f"samples at a time: raise training.accumulation, which is {parts}"
        ) from error
    flops = count_flops(run.task, run.model)
    _write_curves([*run.all_rows(), *flop_rows(run, flops)], directory)
    record = {**make_record(run), **costs(run, flops)}
    for name, text in run.task.files().items():
        write_atomically(directory / name, text)
    write_record(directory, record)
    path.unlink(missing_ok=True)
    log.info("%s: %s", spec.title, record["status"])
    return record


def flop_rows(run: Run, flops: ModelFlops) -> list[Row]:
    """Return the training operations up to every evaluation."""
    steps = [evaluation.step for evaluation in run.evaluations]
    pairs = zip(steps, _training_flops(run, flops, steps), strict=True)
    return [Row(step, "training_flops", OVERALL, "", total) for step, total in pairs]


def costs(run: Run, flops: ModelFlops) -> dict[str, Any]:
    """Return what a run cost and what its model costs: operations, parameters, bytes."""
    (total,) = _training_flops(run, flops, [run.step])
    return {
        "flops.forward_dense": flops.forward,
        "flops.forward": inference_flops(flops, _pruned(run)),
        "flops.training": total,
        "flops.training_dense": float(flops.training * run.spec.training.batch_size * run.step),
        **parameter_counts(run.model, _pruned(run)),
    }


def _pruned(run: Run) -> Layers:
    return [(layer.block, layer.pattern) for layer in run.sparsifier.layers]


def _training_flops(run: Run, flops: ModelFlops, after: Sequence[int]) -> list[float]:
    return training_flops(
        flops,
        _pruned(run),
        run.sparsifier.recipe,
        total_steps=run.spec.training.steps,
        batch_size=run.spec.training.batch_size,
        after=after,
    )


def _write_curves(rows: Sequence[Row], directory: Path) -> None:
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(CURVE_COLUMNS)})
    with replacing(directory / CURVES) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def make_record(run: Run) -> dict[str, Any]:
    """Return the flat record of a finished or diverged run."""
    spec, task = run.spec, run.task
    complete = run.diverged_at is None
    results: dict[str, Any] = {"final": None, "best": None, "best_step": None}
    if complete:
        best = best_at_target(
            run.evaluations, metric=task.metric, higher_is_better=task.higher_is_better
        )
        results = {
            "final": run.evaluations[-1].values[task.metric],
            "final_loss": run.evaluations[-1].values.get("evaluation_loss"),
            "best": best.values[task.metric],
            "best_step": best.step,
            **_measures(run.evaluations),
            **task.about(),
        }
    zeros = run.sparsifier.zeros()
    return {
        "schema": SCHEMA,
        "fingerprint": spec.fingerprint(),
        "code": code_hash(),
        "experiment": spec.experiment,
        "task": spec.task.name,
        "recipe": spec.recipe.name,
        "recipe_label": spec.recipe.label,
        "target": spec.target,
        "seed": spec.seed,
        "status": "complete" if complete else "diverged",
        "diverged_at": run.diverged_at,
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        **results,
        "n_steps": run.step,
        "train_seconds": round(run.seconds, 3),
        "data": run.splits.fingerprint,
        "train_samples": len(run.splits.train),
        "left_out": run.splits.left_out,
        "evaluated_on": run.splits.test_name,
        "sparsity": _share(zeros.values()),
        **{f"sparsity.{name}": _share([counts]) for name, counts in zeros.items()},
        **{f"note.{name}": note for name, note in run.sparsifier.notes().items()},
        **_flat("task", {"kind": spec.task.kind, **spec.task.options}),
        **_flat("recipe", {"kind": spec.recipe.kind, **asdict(run.sparsifier.recipe)}),
        **_flat("training", asdict(spec.training)),
        **_flat("statistics", asdict(spec.statistics)),
        **provenance(str(run.device)),
        "precision": str(run.precision.dtype).removeprefix("torch."),
    }


def _measures(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """Return every measure after the last step, and its own best at the strict target.

    The best of one measure need not be of the step at which the metric has its own: the paper's
    Table 12 is printed so (its dense row is, for each column, the best of all checkpoints).
    """
    names = [name for name in evaluations[-1].values if not name.endswith("_loss")]
    eligible = [e for e in evaluations if e.at_target]
    return {
        **{f"final.{name}": evaluations[-1].values[name] for name in names},
        **{f"best.{name}": max(e.values[name] for e in eligible) for name in names},
    }


def _share(counts: Iterable[tuple[int, int]]) -> float:
    """Return the share of zeros of (zeros, entries) pairs; 0 for no layer."""
    pairs = list(counts)
    return sum(zeros for zeros, _ in pairs) / max(1, sum(entries for _, entries in pairs))


def _flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(values, default=str))
    return {f"{prefix}.{key}": value for key, value in plain.items()}


@contextmanager
def _log_file(directory: Path) -> Iterator[None]:
    handler = logging.FileHandler(directory / "train.log", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("pgf").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("pgf").removeHandler(handler)
        handler.close()


def write_manifest(path: Path, job: str, lines: list[dict[str, Any]]) -> None:
    """Write the declared output of a job: the runs it stands for, all complete."""
    write_atomically(path, json.dumps({"job": job, "runs": lines}, indent=1) + "\n")
