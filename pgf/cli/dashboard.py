"""The command `dashboard`: results as one HTML file, of an experiment or over several."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import Group, Options, add_committed, command, results_of
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.analysis import Context


def _add_dashboard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "experiments",
        nargs="*",
        metavar="EXPERIMENT",
        help="one for its own page, several for one page over them; none for all that have results",
    )
    parser.add_argument("--report", default="", metavar="FILE", help="the workflow's, to link to")
    add_committed(parser)


@command(group=Group.RESULTS, arguments=_add_dashboard, experiment=False)
def dashboard(options: Options) -> None:
    """Write leaderboard, curves and claims as one HTML file that opens without a network."""
    from pgf.analysis import context_of, write_dashboard, write_overview
    from pgf.experiments import load_experiment

    results = results_of(options)
    more = " --committed" if options.committed else ""
    if not options.experiments:
        made_by = f"python -m pgf dashboard{more}"
        print(write_overview(_all_contexts(results), results, made_by=made_by))
        return
    experiments = [load_experiment(name) for name in dict.fromkeys(options.experiments)]
    contexts = {one.name: context_of(one, results) for one in experiments}
    if len(contexts) == 1:
        ((name, context),) = contexts.items()
        made_by = f"python -m pgf dashboard {name}{more}"
        print(write_dashboard(context, results / name, made_by=made_by, report=options.report))
    else:
        made_by = f"python -m pgf dashboard {' '.join(contexts)}{more}"
        print(write_overview(contexts, results, made_by=made_by))


def _all_contexts(results: Path) -> "dict[str, Context]":
    """Return all experiments that have collected runs; one that cannot be read is left out.

    Raises:
        UserError: there is none.
    """
    from pgf.analysis import context_of
    from pgf.experiments import CONFIGS, load_experiment
    from pgf.records import RUNS_FILE

    contexts = {}
    for name in sorted(path.stem for path in CONFIGS.glob("*.yaml")):
        if (results / name / RUNS_FILE).exists():
            try:
                contexts[name] = context_of(load_experiment(name), results)
            except UserError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
    if not contexts:
        raise UserError(f"no experiment has runs in {results}: pgf reproduce NAME")
    return contexts
