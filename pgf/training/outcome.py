"""Record, costs and curves of a finished run."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pgf.experiments import code_hash
from pgf.records import (
    CURVE_COLUMNS,
    CURVES,
    OVERALL,
    SCHEMA,
    lower_is_better,
    machine_entries,
    provenance,
    replacing,
    write_atomically,
    write_record,
)
from pgf.tasks import Task
from pgf.training.evaluation import Evaluation, best_at_target
from pgf.training.flops import (
    Layers,
    ModelFlops,
    average_density,
    count_flops,
    inference_flops,
    parameter_counts,
    training_flops,
)
from pgf.training.model_files import save_model
from pgf.training.observers import CurvePoint
from pgf.training.run_state import Run

NO_RESULTS: dict[str, Any] = {"final": None, "best": None, "best_step": None}
"""Entries of a run that diverged."""


def write_outcome(run: Run, directory: Path) -> dict[str, Any]:
    """Write a run's curves, further files and, last, its record; return that."""
    flops = count_flops(run.task, run.model)
    _write_curves([*run.all_rows(), *flop_rows(run, flops)], directory)
    record = {**make_record(run), **costs(run, flops)}
    if run.spec.training.keep == "model":
        save_model(run, directory)
    for name, text in run.task.files().items():
        write_atomically(directory / name, text)
    write_record(directory, record)
    return record


def flop_rows(run: Run, flops: ModelFlops) -> list[CurvePoint]:
    """Return the training operations up to every evaluation."""
    steps = [evaluation.step for evaluation in run.evaluations]
    pairs = zip(steps, _training_flops(run, flops, steps), strict=True)
    return [CurvePoint(step, "training_flops", OVERALL, "", total) for step, total in pairs]


def costs(run: Run, flops: ModelFlops) -> dict[str, Any]:
    """Return what a run cost and what its model costs: operations, parameters, bytes."""
    (total,) = _training_flops(run, flops, [run.step])
    (other,) = _training_flops(run, flops, [run.step], sparse_input_gradient=True)
    recipe, steps = run.sparsifier.recipe, run.spec.training.steps
    return {
        "flops.forward_dense": flops.forward,
        "flops.forward": inference_flops(flops, _pruned(run), recipe),
        "flops.training": total,
        "flops.training_sparse_input_gradient": other,
        "flops.training_dense": float(flops.training * run.spec.training.batch_size * run.step),
        "average_density": average_density(_pruned(run), recipe, total_steps=steps),
        **parameter_counts(run.model, _pruned(run), recipe),
    }


def _pruned(run: Run) -> Layers:
    return [(layer.block, layer.pattern) for layer in run.sparsifier.layers]


def _training_flops(
    run: Run, flops: ModelFlops, after: Sequence[int], *, sparse_input_gradient: bool = False
) -> list[float]:
    return training_flops(
        flops,
        _pruned(run),
        run.sparsifier.recipe,
        total_steps=run.spec.training.steps,
        batch_size=run.spec.training.batch_size,
        after=after,
        sparse_input_gradient=sparse_input_gradient,
    )


def _write_curves(rows: Sequence[CurvePoint], directory: Path) -> None:
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(CURVE_COLUMNS)})
    with replacing(directory / CURVES) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def make_record(run: Run) -> dict[str, Any]:
    """Return the flat record of a finished or diverged run."""
    spec, task = run.spec, run.task
    complete = run.diverged_at is None
    zeros = run.sparsifier.zeros() if complete else {}  # NaN is no zero
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
        **(_results(run) if complete else NO_RESULTS),
        "n_steps": run.step,
        "train_seconds": round(run.seconds, 3),
        "data": run.splits.fingerprint,
        "train_samples": len(run.splits.train),
        "left_out": run.splits.left_out,
        "evaluated_on": run.splits.test_name,
        "sparsity": _share(zeros.values()) if complete else None,
        **{f"sparsity.{name}": _share([counts]) for name, counts in zeros.items()},
        **{f"note.{layer.name}": note for layer in run.sparsifier.layers if (note := layer.note)},
        "pruned_layers": len(run.sparsifier.layers),
        "one_stage_layers": sum(layer.has_one_stage for layer in run.sparsifier.layers),
        **_flat("task", {"kind": spec.task.kind, **spec.task.options}),
        **_flat("recipe", {"kind": spec.recipe.kind, **asdict(run.sparsifier.recipe)}),
        **_flat("training", asdict(spec.training)),
        **_flat("statistics", asdict(spec.statistics)),
        **provenance(str(run.device)),
        **machine_entries(run.machines),
        "precision": str(run.precision.dtype).removeprefix("torch."),
    }


def _results(run: Run) -> dict[str, Any]:
    """Return the last and the best value of the metric, and those of every measure."""
    metric, last = run.task.metric, run.evaluations[-1]
    best = best_at_target(
        run.evaluations, metric=metric, higher_is_better=run.task.higher_is_better
    )
    return {
        "final": last.values[metric],
        "final_loss": last.values.get("evaluation_loss"),
        "best": best.values[metric],
        "best_step": best.step,
        **_measures(run.task, run.evaluations),
        **run.task.about(),
    }


def _measures(task: Task, evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """Return every measure after the last step, and its own best at the strict target.

    The best of one measure need not be of the step at which the metric has its own: the paper's
    Table 12 is printed so (its dense row is, for each column, the best of all checkpoints).
    """
    names = [name for name in evaluations[-1].values if not name.endswith("_loss")]
    eligible = [e for e in evaluations if e.at_target]
    metric, higher = task.metric, task.higher_is_better

    def best(name: str) -> float:
        falls = lower_is_better(name, metric=metric, higher_is_better=higher)
        return (min if falls else max)(e.values[name] for e in eligible)

    return {
        **{f"final.{name}": evaluations[-1].values[name] for name in names},
        **{f"best.{name}": best(name) for name in names},
    }


def _share(counts: Iterable[tuple[int, int]]) -> float:
    """Return the share of zeros of (zeros, entries) pairs; 0 for no layer."""
    pairs = list(counts)
    return sum(zeros for zeros, _ in pairs) / max(1, sum(entries for _, entries in pairs))


def _flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(values, default=str))
    return {f"{prefix}.{key}": value for key, value in plain.items()}
