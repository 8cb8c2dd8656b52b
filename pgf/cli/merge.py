"""The command `merge`: an experiment's runs of other checkouts beside ours."""

import argparse
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Group, Options, add_committed, command, results_of
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.experiments import Experiment

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _add_merge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="[NAME=]DIR_OR_URL",
        help="folder or https address that holds another checkout's runs.csv and curves.parquet",
    )
    add_committed(parser)


@command(group=Group.RESULTS, arguments=_add_merge)
def merge(options: Options) -> None:
    """Show the runs of other checkouts beside ours; the same runs with other seeds are pooled.

    Runs of other settings, data, numeric code, torch or device stand apart, with their origin, and
    enter no mean of ours. Tables and dashboard go to `merged/EXPERIMENT` of the results.
    """
    from pgf.analysis import (
        add_column,
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
    submitted = {name: Path(source) for name, source in named.items() if _is_submission(source)}
    others = {name: read_source(named[name]) for name in named if name not in submitted}
    pooled, apart, accounts = join(experiment, ours, others)
    configs = [_submission(folder, experiment) for folder in submitted.values()]
    for name, folder in submitted.items():
        pooled, account = add_column(pooled, name, read_collected(folder))
        accounts.append(account)
    folder = RESULTS / "merged" / experiment.name
    context = context_from(experiment, pooled, further=configs)
    origins = {name: context_apart(experiment, runs) for name, runs in apart.items()}
    write_collected(pooled, folder)
    texts = [account.text for account in accounts]
    write_tables(context, folder / "tables")
    for name, own in origins.items():
        write_tables(own, folder / "apart" / name / "tables")
    print("\n".join(texts))
    more = " --committed" if options.committed else ""
    made_by = f"python -m pgf merge {experiment.name} {' '.join(options.sources)}{more}"
    print(write_dashboard(context, folder, made_by=made_by, origins=origins, accounts=texts))


def _is_submission(source: str) -> bool:
    from pgf.jobs import ABOUT

    return (Path(source) / ABOUT).is_file()


def _submission(folder: Path, experiment: "Experiment") -> "Experiment":
    """Return the config of a submission; its runs are checked against it.

    Raises:
        UserError: it is for another experiment, or differs from this one in more than its column.
    """
    from pgf.analysis import context_of
    from pgf.jobs import submission_for

    own = submission_for(folder, experiment)
    context_of(own, folder.parent)
    return own


def _named(sources: list[str]) -> dict[str, str]:
    """Return name -> folder or address; a source without a name has that of its last folder.

    Raises:
        UserError: a name twice, or one that is no plain word.
    """
    from pgf.analysis import OURS

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
