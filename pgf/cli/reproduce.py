"""The command `reproduce`: the whole of an experiment, by Snakemake, and the checks before it."""

import sys
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Group, Options, command
from pgf.cli.workflow import add_reproduce, check_options, train_missing

if TYPE_CHECKING:
    from pgf.experiments import Experiment


@command(group=Group.RUN, arguments=add_reproduce)
def reproduce(options: Options) -> int:
    """Train what is missing, write and print tables and figures, compare with committed results.

    Exit codes: 0, 2 for bad input, 3 where results are not the committed ones, else Snakemake's.
    """
    from pgf.experiments import experiment_path, load_experiment
    from pgf.jobs import finish, only_one
    from pgf.records import failure_summary

    check_options(options)
    if (code := _tune_first(options)) != 0:
        return code
    config, experiment = experiment_path(options.experiment), load_experiment(options.experiment)
    with only_one(experiment.name, RESULTS):
        code = train_missing(experiment, config, options)
        if code:
            print(failure_summary(experiment.runs(), RESULTS), file=sys.stderr)
        if code and options.partial:
            _write_partial(experiment)
        if code == 0 or options.partial:
            finish(experiment, config, RESULTS)
        if code == 0:
            code = _compare(experiment)
    return code


def _compare(experiment: "Experiment") -> int:
    """Compare the whole results with the committed ones, if there are any of this config."""
    from pgf.analysis import OtherSettingsError
    from pgf.cli.committed import are_committed, print_comparison

    if not are_committed(experiment):
        print(f"no results of {experiment.name} are committed: nothing to compare with")
        return 0
    try:
        return print_comparison(experiment)
    except OtherSettingsError as error:
        print(f"not compared with the committed results, which are of another config: {error}")
        return 0


def _tune_first(options: Options) -> int:
    """Tune an experiment that asks for it and has no selection yet; return the exit code."""
    from pgf.cli.tune import tune
    from pgf.experiments import is_selected, load_experiment

    experiment = load_experiment(options.experiment, tuned=False)
    if experiment.tuning is None or is_selected(experiment.name):
        return 0
    return tune(Options(**vars(options), so_far=False)) or 0


def _write_partial(experiment: "Experiment") -> None:
    from pgf.analysis import context_of, write_dashboard, write_figures, write_tables
    from pgf.records import collect_runs, write_collected

    folder = RESULTS / experiment.name
    write_collected(collect_runs(experiment.runs(), RESULTS, partial=True), folder)
    context = context_of(experiment, RESULTS)
    write_tables(context, folder / "tables")
    write_figures(context, folder / "figures")
    made_by = f"python -m pgf reproduce {experiment.name} --partial"
    write_dashboard(context, folder, made_by=made_by)
