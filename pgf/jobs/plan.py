"""What an experiment would do: runs, jobs, layers, cost."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from pgf.errors import UserError
from pgf.experiments.config import Experiment
from pgf.experiments.entries import Grid
from pgf.experiments.run_spec import RunSpec
from pgf.jobs.progress import duration
from pgf.recipes.patterns import Target
from pgf.records.record import RECORD, problem_with, read_record
from pgf.sparsity.layer_listing import dense_lines, fit_line, role_lines
from pgf.sparsity.layers import read_layers
from pgf.tasks import make_task
from pgf.training.preflight import check_runs, seconds_per_step

OTHER_RULES = 5
"""collect, tables, figures, compute and all."""


def as_json(experiment: Experiment) -> str:
    """Return all runs as JSON, for machines without the configuration library."""
    return json.dumps([asdict(spec) for spec in experiment.runs()], indent=1)


def describe(experiment: Experiment, results: Path, *, jobs: int) -> tuple[str, bool]:
    """Return the plan for people, and whether all of it can be trained here and now.

    Measures a few steps where no run is recorded yet. A task that cannot be trained is described
    as far as its model goes, with the reason why not.
    """
    specs = experiment.runs()
    lines = [
        f"experiment {experiment.name}: {len(specs)} runs in {len(experiment.jobs())} jobs, "
        f"{len(experiment.jobs()) + OTHER_RULES} nodes in the DAG; "
        f"{_done(specs, results)} runs done",
    ]
    total, ready = 0.0, True
    for task in experiment.tasks:
        own = [spec for spec in specs if spec.task.name == task]
        left = len(own) - _done(own, results)
        lines += ["", f"task {task}: {len(own)} runs of {own[0].training.steps} steps"]
        lines += _grid_lines(experiment.grid(task))
        lines += [f"  {line}" for line in layer_lines(own)]
        try:
            check_runs(own)
            seconds, source = _seconds_per_run(own, results)
        except UserError as error:
            lines += [f"  cannot be trained here yet: {error}"]
            ready = False
            continue
        total += left * seconds
        lines += [f"  about {duration(seconds)} a run ({source}), {left} runs left"]
    if total:
        lines += ["", f"about {duration(total / jobs)} left with {jobs} jobs side by side"]
    return "\n".join(lines), ready


def _grid_lines(grid: Grid) -> list[str]:
    return [
        f"  recipes: {', '.join(grid.recipes)}",
        f"  targets: {', '.join(grid.targets)}",
        f"  seeds:   {', '.join(map(str, grid.seeds))}",
    ]


def _done(specs: Sequence[RunSpec], results: Path) -> int:
    """Return how many runs are complete and up to date."""
    return sum(problem_with(spec, results) is None for spec in specs)


def _seconds_per_run(specs: Sequence[RunSpec], results: Path) -> tuple[float, str]:
    paths = [spec.directory(results) / RECORD for spec in specs]
    seconds = [read_record(path).get("train_seconds") for path in paths if path.exists()]
    known = [value for value in seconds if value is not None]
    if known:
        return sum(known) / len(known), "mean of recorded runs"
    sparse = next((spec for spec in specs if spec.target != "dense"), specs[0])
    return sparse.training.steps * seconds_per_step(sparse), "from a few steps timed here"


def layer_lines(specs: Sequence[RunSpec]) -> list[str]:
    """Return the layers of a model by role and width, and how each target fits them."""
    task = make_task(specs[0].task)
    with torch.device("meta"):  # nothing but names and shapes is asked of it
        model = task.model()
    layers = read_layers(model, task.groups or None)
    targets = dict.fromkeys(spec.target for spec in specs if spec.target != "dense")
    fits = [fit_line(layers, Target.parse(target)) for target in targets]
    return [*role_lines(layers), *dense_lines(layers), *fits]
