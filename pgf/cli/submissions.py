"""The commands `submit` and `check-submission`: somebody's recipe on a leaderboard."""

import argparse
from pathlib import Path

from pgf.cli.registry import COMMITTED, RESULTS, Group, Options, command
from pgf.cli.workflow import add_reproduce
from pgf.errors import UserError


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path/to/file.py:Class")
    parser.add_argument("--name", required=True, help="of the submission and of its column")
    parser.add_argument("--by", required=True, help="who submits it")
    add_reproduce(parser)


@command(group=Group.SELDOM, arguments=_add_submit)
def submit(options: Options) -> int:
    """Tune and train a recipe of yours as an experiment's columns were; write a submission.

    It lies in results/submissions/NAME. Called again, the command goes on where it was stopped.
    """
    from pgf.cli.reproduce import reproduce
    from pgf.experiments import experiment_path
    from pgf.jobs import SUBMISSIONS, check_same, prepare, take_in

    experiment_path(options.experiment)
    if not (options.recipe and options.name and options.by):
        raise UserError("the recipe, --name and --by must not be empty")
    folder = SUBMISSIONS / options.name
    config = folder / f"{options.name}.yaml"
    if config.exists():
        check_same(options.experiment, options.recipe, folder=folder, by=options.by)
    else:
        config = prepare(options.experiment, options.recipe, name=options.name, by=options.by)
    if code := reproduce(Options(**{**vars(options), "experiment": str(config)})):
        return code
    take_in(folder, RESULTS)
    print(f"{folder}: pgf check-submission {folder}, then commit it with its selection")
    return 0


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="of the submission, in results/submissions")


@command(group=Group.SELDOM, arguments=_add_check, experiment=False)
def check_submission(options: Options) -> int:
    """Check a submission: config, trials, records, laws, and one run again; exit 1 if one fails."""
    from pgf.jobs import examine

    broken = 0
    for finding in examine(options.folder, COMMITTED):
        broken += not finding.holds
        print(finding.text, flush=True)
    return 1 if broken else 0
