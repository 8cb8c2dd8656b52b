"""The plan of an experiment, for people: its runs, jobs, layers and the time that they take."""

from collections.abc import Sequence
from pathlib import Path

import torch

from pgf.errors import UserError
from pgf.experiments import Experiment, Grid, RunSpec
from pgf.jobs.forecast import (
    AROUND_STEPS,
    LAUNCH_SECONDS,
    REPORT_SECONDS,
    START_SECONDS,
    duration,
    process_seconds,
    seconds_to_end,
)
from pgf.jobs.trainings import check_trainings
from pgf.recipes import Target
from pgf.records import RECORD, read_record, why_incomplete
from pgf.sparsity import Inspection, read_layers
from pgf.tasks import make_task
from pgf.training import check_runs, seconds_per_step

OTHER_RULES = 5
"""The rules collect, tables, figures, compute and all."""


def describe_plan(experiment: Experiment, results: Path, *, jobs: int) -> tuple[str, bool]:
    """Return the plan for people, and whether all of it can be trained here and now.

    Measures a few steps where no run is recorded yet. A task that cannot be trained is described
    as far as its model goes, with the reason why not.
    """
    # What this process has imported by now is what a training process imports.
    start = process_seconds() or START_SECONDS
    specs, packs = experiment.runs(), experiment.jobs()
    missing = {spec.slug for spec in specs if why_incomplete(spec, results) is not None}
    lines = [
        f"experiment {experiment.name}: {len(specs)} runs in {len(packs)} jobs, "
        f"{len(packs) + OTHER_RULES} nodes in the DAG; {len(specs) - len(missing)} runs done",
    ]
    seconds: dict[str, float] = {}
    for task in experiment.tasks:
        own = [spec for spec in specs if spec.task.name == task]
        lines += ["", f"task {task}: {len(own)} runs of {_steps(own)} steps"]
        lines += _grid_lines(experiment.grid(task))
        lines += [f"  {line}" for line in layer_lines(own)]
        try:
            check_trainings(own)
            check_runs(own)
            done = [spec for spec in own if spec.slug not in missing]
            seconds[task], source = _seconds_per_run(own, done, results)
        except UserError as error:
            lines += [f"  cannot be trained here yet: {error}"]
            continue
        left = sum(spec.slug in missing for spec in own)
        lines += [f"  about {duration(seconds[task])} a run ({source}), {left} runs left"]
    left_over = [[spec for spec in own if spec.slug in missing] for own in packs.values()]
    known = [own for own in left_over if own and own[0].task.name in seconds]
    if known:
        totals = [start + sum(seconds[spec.task.name] for spec in own) for own in known]
        lines += ["", _time_line(totals, start, jobs)]
    return "\n".join(lines), len(seconds) == len(experiment.tasks)


def _time_line(totals: Sequence[float], start: float, jobs: int) -> str:
    """Return when all is over, and the part of that which is no training."""
    around = LAUNCH_SECONDS + REPORT_SECONDS
    left = seconds_to_end(totals, side_by_side=jobs) + around
    plural = "s" * (jobs > 1)
    return (
        f"about {duration(left)} left with {jobs} job{plural} side by side: each job starts in "
        f"{duration(start)} (as this command did), and checks, tables, figures and report take "
        f"{duration(around)}"
    )


def _steps(specs: Sequence[RunSpec]) -> str:
    """Return the steps of the runs: one number, or the least and the most."""
    steps = sorted({spec.training.steps for spec in specs})
    return str(steps[0]) if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"


def _grid_lines(grid: Grid) -> list[str]:
    return [
        f"  recipes: {', '.join(grid.recipes)}",
        f"  targets: {', '.join(grid.targets)}",
        f"  seeds:   {', '.join(map(str, grid.seeds))}",
    ]


def _seconds_per_run(
    specs: Sequence[RunSpec], done: Sequence[RunSpec], results: Path
) -> tuple[float, str]:
    """Return the seconds of a run, and where they come from."""
    records = [read_record(spec.directory(results) / RECORD) for spec in done]
    known = [record["train_seconds"] for record in records if record.get("train_seconds")]
    if known:
        return sum(known) / len(known), "mean of recorded runs"
    sparse = next((spec for spec in specs if spec.target != "dense"), specs[0])
    steps = sparse.training.steps * seconds_per_step(sparse)
    return AROUND_STEPS * steps, "from a few steps timed here, and half as much again"


def layer_lines(specs: Sequence[RunSpec]) -> list[str]:
    """Return the layers of a model by role and width, and how each target fits them."""
    task = make_task(specs[0].task)
    with torch.device("meta"):  # nothing but names and shapes is asked of it
        model = task.model()
    targets = dict.fromkeys(spec.target for spec in specs if spec.target != "dense")
    layers = read_layers(model, task.groups or None)
    return str(Inspection(layers, tuple(map(Target.parse, targets)))).splitlines()
