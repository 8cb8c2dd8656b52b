"""The commands `plan` and `check`: what an experiment would do, without training it."""

import argparse

from pgf.cli.registry import RESULTS, Group, Options, add_jobs, command


def _add_plan(parser: argparse.ArgumentParser) -> None:
    add_jobs(parser)


@command(group=Group.LOOK, arguments=_add_plan)
def plan(options: Options) -> int:
    """Show the runs, jobs, layers and time of an experiment, without training it."""
    from pgf.errors import UserError
    from pgf.experiments import load_experiment

    if options.jobs < 1:
        raise UserError(f"--jobs must be at least 1: {options.jobs}")
    experiment = load_experiment(options.experiment)

    from pgf.cli.evidence import examine
    from pgf.jobs import describe_plan

    claims = examine(experiment)
    text, ready = describe_plan(experiment, RESULTS, jobs=options.jobs)
    print(f"{text}\n\n{claims}")
    return 0 if ready else 2


@command(group=Group.LOOK)
def check(options: Options) -> None:
    """Check an experiment's config, models, data and targets, without training it."""
    from pgf.experiments import load_experiment

    experiment = load_experiment(options.experiment)

    from pgf.cli.evidence import examine
    from pgf.training import check_runs

    examine(experiment)
    check_runs(experiment.runs())
    print(f"{options.experiment}: {len(experiment.runs())} runs, nothing wrong")
