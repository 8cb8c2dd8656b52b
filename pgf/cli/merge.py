"""The command `merge`: an experiment's runs of other checkouts beside ours."""

import argparse
import re
from pathlib import PurePosixPath

from pgf.cli.registry import RESULTS, Group, Options, add_committed, command, results_of
from pgf.errors import UserError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _add_merge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="[NAME=]DIR_OR_URL",
        help="folder or https address that holds another checkout's runs.csv and curves.parquet",
    )
    add_committed(parser)


@command(group=Group.RESULTS, arguments=_add_merge)
def merge(options: Options) -> None:
    """Show the runs of other checkouts beside ours; the same runs with other seeds are pooled.

    Runs of other settings, data or numeric code stand apart, with their origin, and enter no mean
    of ours. Tables and dashboard go to `merged/EXPERIMENT` of the results.
    """
    from pgf.analysis import (
        context_apart,
        context_from,
        context_of,
        join,
        write_dashboard,
        write_tables,
    )
    from pgf.experiments import load_experiment
    from pgf.records import read_collected, read_source, write_collected

    experiment, results = load_experiment(options.experiment), results_of(options)
    named = _named(options.sources)
    context_of(experiment, results)  # checks that ours are of the config
    ours = read_collected(results / experiment.name)
    others = {name: read_source(source) for name, source in named.items()}
    pooled, apart, accounts = join(experiment, ours, others)
    folder = RESULTS / "merged" / experiment.name
    write_collected(pooled, folder)
    context = context_from(experiment, pooled)
    origins = {name: context_apart(experiment, runs) for name, runs in apart.items()}
    texts = [account.text for account in accounts]
    write_tables(context, folder / "tables")
    for name, own in origins.items():
        write_tables(own, folder / "apart" / name / "tables")
    print("\n".join(texts))
    print(write_dashboard(context, folder, origins=origins, accounts=texts))


def _named(sources: list[str]) -> dict[str, str]:
    """Return name -> folder or address; a source without a name has that of its last folder.

    Raises:
        UserError: no source, a name twice, or one that is no plain word.
    """
    from pgf.analysis import OURS

    if not sources:
        raise UserError("name the folder or address of another checkout's results: lab=DIR")
    named: dict[str, str] = {}
    for text in sources:
        name, found, source = text.partition("=")
        if not found or "/" in name:
            name, source = PurePosixPath(text).name, text
        if not NAME.fullmatch(name):
            raise UserError(f"{text}: name the source with letters and digits, as in lab=DIR")
        if name in named or name == OURS:
            raise UserError(f"{text}: the name '{name}' is taken; give another, as in lab=DIR")
        named[name] = source
    return named
