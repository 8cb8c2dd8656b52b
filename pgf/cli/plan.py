"""The commands `plan` and `check`: what an experiment would do, without training it."""

import argparse
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Group, Options, add_jobs, command

if TYPE_CHECKING:
    from pgf.experiments import Experiment


def _add_plan(parser: argparse.ArgumentParser) -> None:
    add_jobs(parser)


@command(group=Group.LOOK, arguments=_add_plan)
def plan(options: Options) -> int:
    """Show the runs, jobs, layers and time of an experiment, without training it."""
    from pgf.errors import UserError

    if options.jobs < 1:
        raise UserError(f"--jobs must be at least 1: {options.jobs}")
    experiment, tuning = as_it_stands(options.experiment)

    from pgf.cli.evidence import examine
    from pgf.experiments import load_experiment
    from pgf.jobs import describe_plan

    claims = examine(load_experiment(options.experiment, tuned=False))
    text, ready = describe_plan(experiment, RESULTS, jobs=options.jobs)
    print("\n\n".join(part for part in (tuning, text, claims) if part))
    return 0 if ready else 2


def as_it_stands(name: str) -> "tuple[Experiment, str]":
    """Return an experiment, untuned where it is not tuned yet, and a sentence on that."""
    from pgf.experiments import load_experiment, trial_counts

    experiment = load_experiment(name, tuned=False)
    reason = _why_untuned(experiment)
    if reason is None:
        return load_experiment(name), ""
    grid, refined = trial_counts(experiment)
    said = (
        f"not tuned: {reason}. That trains {grid} runs on the grid, more where a winner is on its "
        f"edge, then {refined} around the winners; below, every rate is that of `training`"
    )
    return experiment.model_copy(update={"tuning": None}), said


def _why_untuned(experiment: "Experiment") -> str | None:
    """Return why an experiment has no tuned rates; None where it has, or asks for none."""
    from pgf.errors import UserError

    if experiment.tuning is None:
        return None
    try:
        experiment.read_selection()
    except UserError as error:
        return str(error)
    return None


@command(group=Group.LOOK)
def check(options: Options) -> None:
    """Check an experiment's config, models, data and targets, without training it."""
    experiment, tuning = as_it_stands(options.experiment)

    from pgf.cli.evidence import examine
    from pgf.jobs import check_trainings
    from pgf.training import check_runs

    examine(experiment)
    check_trainings(experiment.runs())
    check_runs(experiment.runs())
    print(f"{options.experiment}: {len(experiment.runs())} runs, nothing wrong")
    if tuning:
        print(tuning)
