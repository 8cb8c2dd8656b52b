"""Commands from records to `runs.csv`, and from that to tables, figures and documents."""

import argparse

from pgf.cli.registry import (
    RESULTS,
    Group,
    Options,
    add_committed,
    command,
    results_of,
    say_written,
)


def _add_collect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--partial", action="store_true", help="let runs be missing")
    parser.add_argument("--allow-mixed", action="store_true", help="let code versions differ")


@command(group=Group.SELDOM, arguments=_add_collect)
def collect(options: Options) -> None:
    """Gather the records into runs.csv and curves.parquet; a missing run is an error."""
    from pgf.experiments import load_experiment
    from pgf.records import collect_runs, write_collected

    experiment = load_experiment(options.experiment)
    collected = collect_runs(
        experiment.runs(), RESULTS, partial=options.partial, allow_mixed=options.allow_mixed
    )
    folder = RESULTS / experiment.name
    write_collected(collected, folder)
    print(f"{folder}/runs.csv: {len(collected.runs)} runs; their curves: {folder}/curves.parquet")


@command(group=Group.RESULTS, arguments=add_committed)
def tables(options: Options) -> None:
    """Write the tables from runs.csv and curves.parquet alone, in seconds."""
    from pgf.analysis import context_of, write_tables
    from pgf.experiments import load_experiment

    experiment, results = load_experiment(options.experiment), results_of(options)
    folder = results / experiment.name / "tables"
    say_written(folder, write_tables(context_of(experiment, results), folder), "tables")


@command(group=Group.SELDOM, arguments=add_committed)
def figures(options: Options) -> None:
    """Write the figures from runs.csv and curves.parquet alone."""
    from pgf.analysis import context_of, write_figures
    from pgf.experiments import load_experiment

    experiment, results = load_experiment(options.experiment), results_of(options)
    folder = results / experiment.name / "figures"
    written = write_figures(context_of(experiment, results), folder)
    say_written(folder, (path for path in written if path.stem != "captions"), "figures")


def _add_leaderboard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiments", nargs="+", metavar="EXPERIMENT", help="names in configs/")
    add_committed(parser)


@command(group=Group.RESULTS, arguments=_add_leaderboard, experiment=False)
def leaderboard(options: Options) -> None:
    """Print one leaderboard over the tasks of several experiments, from their runs.csv."""
    from pgf.analysis import context_of, merge_contexts, one_table, to_markdown
    from pgf.experiments import load_experiment

    experiments = [load_experiment(name) for name in dict.fromkeys(options.experiments)]
    contexts = {one.name: context_of(one, results_of(options)) for one in experiments}
    print(to_markdown(one_table("leaderboard", merge_contexts(contexts))))


@command(group=Group.RESULTS, arguments=add_committed)
def page(options: Options) -> None:
    """Write the results page README.md from runs.csv and curves.parquet, for an experiment."""
    from pgf.analysis import context_of, write_page
    from pgf.experiments import load_experiment

    experiment, results = load_experiment(options.experiment), results_of(options)
    folder, is_tuned = results / experiment.name, experiment.tuning is not None
    path = write_page(context_of(experiment, results), folder, is_tuned=is_tuned)
    print(f"{path}: what the runs show, and what they do not")
