"""From records to `runs.csv`, and from that to tables, figures and the README."""

import argparse

from pgf.cli.registry import RESULTS, Options, command


def _add_collect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--partial", action="store_true", help="let runs be missing")
    parser.add_argument("--allow-mixed", action="store_true", help="let code versions differ")


@command(arguments=_add_collect)
def collect(options: Options) -> None:
    """Gather the records into runs.csv and curves.parquet; a missing run is an error."""
    from pgf.experiments.config import load_experiment
    from pgf.records import collection

    experiment = load_experiment(options.experiment)
    collected = collection.collect(
        experiment.runs(), RESULTS, partial=options.partial, allow_mixed=options.allow_mixed
    )
    collection.write(collected, RESULTS / experiment.name)


@command()
def tables(options: Options) -> None:
    """Write the tables from runs.csv and curves.parquet alone, in seconds."""
    from pgf.analysis.results import context_of
    from pgf.analysis.tables.registry import write_tables
    from pgf.experiments.config import load_experiment

    experiment = load_experiment(options.experiment)
    write_tables(context_of(experiment, RESULTS), RESULTS / experiment.name / "tables")


@command()
def figures(options: Options) -> None:
    """Write the figures from runs.csv and curves.parquet alone."""
    from pgf.analysis.figures.registry import write_figures
    from pgf.analysis.results import context_of
    from pgf.experiments.config import load_experiment

    experiment = load_experiment(options.experiment)
    write_figures(context_of(experiment, RESULTS), RESULTS / experiment.name / "figures")


@command()
def select(options: Options) -> None:
    """Print the means by which settings are chosen, from runs.csv."""
    from pgf.analysis.selection import describe
    from pgf.experiments.config import load_experiment
    from pgf.records.collection import read

    experiment = load_experiment(options.experiment)
    print(describe(read(RESULTS / experiment.name).runs))


@command()
def readme(options: Options) -> None:
    """Write the main table of an experiment into its block of the README or of its own page."""
    from pgf.analysis.readme import documents, results_block, with_block
    from pgf.experiments.config import load_experiment

    experiment = load_experiment(options.experiment)
    block = results_block(experiment, RESULTS)
    for path in documents(experiment.name, RESULTS):
        text = with_block(path.read_text(encoding="utf-8"), experiment.name, block)
        path.write_text(text, encoding="utf-8")
