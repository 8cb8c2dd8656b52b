"""The commands `compute`, `steps` and `hours`: costs of an experiment, counted or timed."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import (
    COMMITTED,
    Group,
    Options,
    add_committed,
    add_write,
    command,
    results_of,
)
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.experiments import Experiment


def _add_compute(parser: argparse.ArgumentParser) -> None:
    add_committed(parser)
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="T",
        help="a target beside those of the experiment, such as '1:4(FF)'; may be repeated",
    )


@command(group=Group.SELDOM, arguments=_add_compute)
def compute(options: Options) -> None:
    """Write the costs of models and recipes (Tables 1, 17, 18); no run and no data are needed."""
    from pgf.experiments import experiment_with, load_experiment

    experiment = load_experiment(options.experiment)
    if options.target:
        experiment = experiment_with(experiment, options.target)

    folder = results_of(options) / experiment.name / "compute"
    print(f"{folder}: {write_costs(experiment, folder)} tables")


def write_costs(experiment: "Experiment", folder: Path) -> int:
    """Count what an experiment's models and recipes cost, write the tables, return how many."""
    from pgf.analysis import PAPER, load_published, load_remarks
    from pgf.costs import compute_tables, write_compute

    made = compute_tables(
        experiment.runs(),
        load_published(PAPER / "tables.csv"),
        experiment.analysis.published,
        remarks=load_remarks(),
        progress=lambda task: print(f"counting operations: {task}", file=sys.stderr),
    )
    write_compute(made, folder)
    return len(made)


@command(group=Group.SELDOM)
def steps(options: Options) -> None:
    """Time a step of every recipe of an experiment's tasks, as ratios to dense."""
    from pgf.experiments import load_experiment

    runs = load_experiment(options.experiment).runs()

    from pgf.costs import measure_steps

    for task in dict.fromkeys(run.task.name for run in runs):
        chosen = {run.recipe.name: run for run in runs if run.task.name == task}
        print(f"{task:<44}{'ms/step':>9}{'ratio':>8}{'spread':>8}")
        for name, milliseconds, ratio, spread in measure_steps(list(chosen.values())):
            print(f"{name:<44}{milliseconds:>9.2f}{ratio:>8.3f}{spread:>8.3f}")


def _add_hours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiments", nargs="*", help="all that show a table of the paper")
    parser.add_argument("--tflops", type=float, metavar="N", help="10^12 operations/s of one GPU")
    add_write(parser, "results/committed/gpu_hours")


@command(group=Group.SELDOM, arguments=_add_hours, experiment=False)
def hours(options: Options) -> None:
    """Show the GPU hours that experiments would take, by default those of the paper's tables."""
    from pgf.experiments import CONFIGS, load_experiment

    if options.tflops is not None and not 0 < options.tflops < math.inf:
        raise UserError(f"--tflops must be positive: {options.tflops}")
    if options.write and options.experiments:
        raise UserError("--write keeps the table of all experiments: give it without names")
    if options.experiments:
        chosen = [load_experiment(name) for name in options.experiments]
    else:
        names = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
        papers = [n for n in names if _is_the_papers(load_experiment(n, tuned=False))]
        chosen = [load_experiment(name) for name in papers]

    from pgf.analysis import to_markdown
    from pgf.costs import HOURS_FOLDER, hours_table, write_hours
    from pgf.jobs import Site

    site = Site() if options.tflops is None else Site(tflops=options.tflops)
    table = hours_table(chosen, site)
    print(to_markdown(table))
    if options.write:
        write_hours(table, COMMITTED / HOURS_FOLDER)
        print(f"{COMMITTED / HOURS_FOLDER}: gpu_hours.md and gpu_hours.csv")


def _is_the_papers(experiment: "Experiment") -> bool:
    published = experiment.analysis.published.values()
    return any(entry.same_setup for entries in published for entry in entries)
