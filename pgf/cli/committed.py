"""The commands about committed results: compare fresh ones with them, and put fresh ones there."""

import shutil
from typing import TYPE_CHECKING

from pgf.cli.compute import write_costs
from pgf.cli.registry import COMMITTED, RESULTS, Group, Options, command
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.experiments import Experiment

NOT_REPRODUCED = 3
"""Exit code where results are not the committed ones."""


@command(group=Group.RESULTS)
def compare(options: Options) -> int:
    """Compare an experiment's results with the committed ones; exit 3 where they differ."""
    from pgf.experiments import load_experiment

    return print_comparison(load_experiment(options.experiment))


def are_committed(experiment: "Experiment") -> bool:
    """Return whether git holds results of an experiment."""
    from pgf.records import RUNS_FILE

    return (COMMITTED / experiment.name / RUNS_FILE).exists()


def print_comparison(experiment: "Experiment") -> int:
    """Print how the results differ from the committed ones, and return the exit code.

    Raises:
        UserError: none of this experiment are committed, or they are of another config.
    """
    from pgf.analysis import compare_results, context_of, reproduction_text

    if not are_committed(experiment):
        raise UserError(f"no results of {experiment.name} are committed: nothing to compare with")
    fresh = context_of(experiment, RESULTS)
    made = compare_results(fresh, context_of(experiment, COMMITTED))
    print(reproduction_text(made))
    return 0 if made.succeeded else NOT_REPRODUCED


@command(group=Group.SELDOM)
def keep(options: Options) -> None:
    """Copy an experiment's results to the committed ones, for git."""
    from pgf.analysis import context_of, write_figures, write_page, write_tables
    from pgf.experiments import load_experiment
    from pgf.records import copy_results

    experiment = load_experiment(options.experiment)
    context = context_of(experiment, RESULTS)
    for task in experiment.tasks:
        planned = sum(run.task.name == task for run in experiment.runs())
        if missing := len(context.missing(task)) if task in context.tasks else planned:
            raise UserError(f"{missing} runs of {task} are missing: train and collect them")
    source, folder = RESULTS / experiment.name, COMMITTED / experiment.name
    for name in ("tables", "figures", "compute"):  # what is there may be older
        shutil.rmtree(source / name, ignore_errors=True)
    write_tables(context, source / "tables")
    write_figures(context, source / "figures")
    write_costs(experiment, source / "compute")
    write_page(context, source, is_tuned=experiment.tuning is not None)
    copied = copy_results(source, folder)
    print(f"{folder}: {len(copied)} files")
    if context.runs["dirty"].astype(bool).any():
        print("some runs were made with changes that no commit has: a stranger cannot repeat them")
