"""What an experiment would do: runs, jobs, layers, cost."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pgf.config import Experiment
from pgf.layers import select_layers
from pgf.patterns import Target
from pgf.preflight import seconds_per_step
from pgf.progress import duration
from pgf.records import RECORD, problem_with, read_record
from pgf.runs import RunSpec
from pgf.tasks import make_task

RULES_AFTER_TRAINING = 4
"""collect, tables, figures and all."""


def as_json(experiment: Experiment) -> str:
    """Return all runs as JSON, for machines without the configuration library."""
    return json.dumps([asdict(spec) for spec in experiment.runs()], indent=1)


def describe(experiment: Experiment, results: Path, *, jobs: int) -> str:
    """Return the plan for people; measures a few steps where no run is recorded yet."""
    specs = experiment.runs()
    lines = [
        f"experiment {experiment.name}: {len(specs)} runs in {len(experiment.jobs())} jobs, "
        f"{len(experiment.jobs()) + RULES_AFTER_TRAINING} nodes in the DAG; "
        f"{_done(specs, results)} runs done",
        f"  recipes: {', '.join(experiment.recipes)}",
        f"  targets: {', '.join(experiment.targets)}",
        f"  seeds:   {', '.join(map(str, experiment.seeds))}",
    ]
    total = 0.0
    for task in experiment.tasks:
        own = [spec for spec in specs if spec.task.name == task]
        seconds, source = _seconds_per_run(own, results)
        left = len(own) - _done(own, results)
        total += left * seconds
        lines += ["", f"task {task}: {len(own)} runs of {own[0].training.steps} steps"]
        lines += [f"  {line}" for line in _layers(own)]
        lines += [f"  about {duration(seconds)} a run ({source}), {left} runs left"]
    lines += ["", f"about {duration(total / jobs)} left with {jobs} jobs side by side"]
    return "\n".join(lines)


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


def _layers(specs: Sequence[RunSpec]) -> list[str]:
    """Return the layers each target prunes, alike ones together."""
    task = make_task(specs[0].task)
    model = task.model()
    lines = []
    for target in dict.fromkeys(spec.target for spec in specs if spec.target != "dense"):
        counts: dict[tuple[str, int, str], int] = {}
        for layer, pattern in select_layers(model, Target.parse(target), task.groups or None):
            key = (layer.role, layer.width, str(pattern))
            counts[key] = counts.get(key, 0) + 1
        parts = [f"{n} x {role} of {width} inputs" for (role, width, _), n in counts.items()]
        lines.append(f"{Target.parse(target).label}: {', '.join(parts)}")
    return lines
